//! Integration tests of this crate, one binary.

mod conversation;
mod hostile;
mod made;
