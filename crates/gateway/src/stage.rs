//! The stages of the pipeline that are more than a line.

pub(crate) mod admit;
pub(crate) mod audit;
pub(crate) mod authorise;
pub(crate) mod breaker;
pub(crate) mod cache;
pub(crate) mod faults;
pub(crate) mod limit;
pub(crate) mod once;
pub(crate) mod record;
pub(crate) mod trace;
pub(crate) mod validate;
