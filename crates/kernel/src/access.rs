//! Access: what callers may do, and where.
//!
//! A [`Pattern`] says what, a [`Grant`] says what and where, [`Grants`] are all that one caller has. [`Reach`] is what is
//! left of them for one kind of act: the pipeline computes it before an operation runs, and whatever the operation looks
//! up that the reach does not see is not there for that caller.

mod condition;
mod entitlement;
mod grants;
mod pattern;
mod reach;
mod verbs;

pub use condition::Condition;
pub use entitlement::{Entitled, Entitlement};
pub use grants::{Grant, Grants, Places};
pub use pattern::{Act, Action, Names, Pattern};
pub use reach::Reach;
pub use verbs::{Need, Subject, VERBS, needed};
