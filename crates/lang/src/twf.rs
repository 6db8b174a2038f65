//! TWF, the workflow language: syntax tree, lexer, parser, checks, interpreter.

pub mod ast;
pub mod builtins;
pub mod check;
pub mod dump;
pub mod lexer;
pub mod options;
pub mod parser;
pub mod token;
