//! Batches: the same done to many runs, in the background, with progress.
//!
//! A batch is an object of its own in the store. It names its runs by a filter or one by one, and goes through them page by
//! page: a page is written down before anything is done to its runs, and what came of it afterwards. A process that
//! dies between the two does the page again, which does nothing twice: signals carry a request id made of the batch and
//! the run, and everything else is done once whatever comes after it.

mod book;
mod handle;
pub(crate) mod operations;
mod pages;
mod record;
mod runner;
mod verb;

pub use handle::NewBatch;
pub use record::{Batch, BatchFailure, BatchState, BatchVerb, ResetPoint, Target};

pub(crate) use book::Book;
pub(crate) use runner::run;
