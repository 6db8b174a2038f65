//! How diagnostics are shown: one renderer a file, all of them pure.

mod concise;
mod github;
mod json;
mod terminal;

pub use concise::concise;
pub use github::github;
pub use json::json;
pub use terminal::terminal;
