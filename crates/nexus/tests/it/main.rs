//! Integration tests of this crate, one binary.

mod tidy;
