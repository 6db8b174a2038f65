//! Versions of a project: which definitions were deployed, which one new runs get, and which are still needed.
//!
//! A version is a whole project, because its workflows call each other across namespaces. It has a number for people
//! and, as build id, the first digits of its definition's hash.

mod check;
mod count;
mod follow;
pub(crate) mod place;
mod ramp;
mod record;
mod registry;

pub(crate) use check::check_runs;
pub use check::{CheckOf, Checked, Problem};
pub use count::RunsOf;
pub(crate) use count::by_version;
pub(crate) use follow::{Candidate, Tried, spawn as spawn_following, try_on};
pub use ramp::{Percentage, Ramp, Routing};
pub use record::{Changes, Deployed, Ledger, UNUSED_KEPT, UNUSED_KEPT_FOR, Version};
pub use registry::{Choice, Definitions, Deployment, Followed, Promotion};
pub(crate) use registry::{unknown as unknown_version, unusable as unusable_version};
