//! Tests of workflows.
//!
//! A scenario file says how calls are answered, what happens to a run, and what is expected. The runner plays it on
//! virtual time with the engine's own transitions ([`crate::sim`]), kills and replays every run at every
//! event, and counts what was reached. `docs/testing.md` describes the files.
//!
//! [`parse`], then [`validate`] against a program, then [`run`]. [`run_text`] does all of it for one program and one
//! file, as a page that shows both does.

mod answer;
mod answering;
pub mod coverage;
mod expect;
mod file;
mod judge;
pub mod junit;
mod matcher;
mod node;
mod problem;
mod reader;
mod report;
mod run;
mod stage;
mod step;
mod text;
mod validate;

pub use file::{Scenario, parse};
pub use problem::{Place, Problem};
pub use report::{Finding, Replays, Report, spoken};
pub use run::{Options, Real, run};
pub use text::{TextError, run_files, run_text};
pub use validate::validate;
