//! TWF, the workflow language: syntax tree, lexer, parser, checks, interpreter.

pub mod ast;
pub mod boundary;
pub mod builtin;
pub mod check;
pub mod code;
pub(crate) mod compile;
pub mod coverage;
pub mod dump;
pub mod envelope;
pub mod eval;
pub mod failure;
pub mod family;
pub mod fault;
pub mod format;
pub mod graph;
mod hash;
pub mod heap;
pub mod infer;
pub mod lexer;
pub mod machine;
pub mod migrate;
pub mod moment;
pub mod options;
pub mod parser;
pub mod program;
pub mod project;
pub mod rules;
pub mod schema;
pub mod shape;
pub mod stub;
pub mod symbol;
pub mod token;
pub mod tree;
pub mod value;

pub use project::{Compiled, INTERPRETER_VERSION, compile_checked, compile_sources};
