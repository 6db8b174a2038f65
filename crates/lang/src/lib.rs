//! Languages: source text, diagnostics, TWF and its interpreter.
//!
//! Everything here is pure: no clock, no randomness of its own, no I/O, and nothing of the platform. A text
//! becomes a tree and diagnostics ([`twf::parser::parse`]), trees become further diagnostics
//! ([`twf::check::check`]), and diagnostics become what people and programs read ([`text::render`]).

pub mod ide;
pub mod text;
pub mod twf;
