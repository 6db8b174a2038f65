//! What the words of the language mean, for people: functions, options, keywords.

mod function;
mod key;
mod keyword;

pub(super) use function::{FUNCTIONS, Function, RUN_FIELDS, function, pseudo, run_field};
pub(super) use key::key;
pub(super) use keyword::{keyword, sentence};
