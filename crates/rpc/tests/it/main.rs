//! Integration tests of this crate, one binary.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod conversation;
mod hostile;
mod made;
