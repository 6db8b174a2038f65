//! Source text: files and positions in them, diagnostics, and how diagnostics are shown.

pub mod diagnostic;
pub mod edit;
pub mod render;
pub mod source;
pub mod suggest;
