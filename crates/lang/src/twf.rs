//! TWF, the workflow language: syntax tree, lexer, parser, checks, interpreter.

pub mod ast;
pub mod dump;
pub mod lexer;
pub mod parser;
pub mod token;
