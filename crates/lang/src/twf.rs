//! TWF, the workflow language: syntax tree, lexer, parser, checks, interpreter.

pub mod ast;
