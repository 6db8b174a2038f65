//! Reading one file: types are taken out, and what it imports and exports is written down.

use std::path::Path;
use std::sync::Arc;

use oxc_allocator::Allocator;
use oxc_codegen::{Codegen, CodegenOptions, CommentOptions};
use oxc_parser::{ParseOptions, Parser};
use oxc_semantic::SemanticBuilder;
use oxc_span::SourceType;
use oxc_transformer::{TransformOptions, Transformer};

use super::depth;
use super::edit;
use super::facts;
use super::map::{Origin, Token};
use super::refs;
use super::unit::{Kind, Unit};
use crate::compile::JsError;

/// What a file's name says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    JavaScript,
    /// `.cjs`, or a `.js` of which nothing else is known.
    Common,
    TypeScript,
    Json,
}

impl Language {
    /// By the extension; nothing for files that no script can import.
    pub(crate) fn of(path: &str) -> Option<Language> {
        match Path::new(path).extension()?.to_str()? {
            "js" | "mjs" => Some(Language::JavaScript),
            "cjs" => Some(Language::Common),
            "ts" | "mts" | "cts" => Some(Language::TypeScript),
            "json" => Some(Language::Json),
            _ => None,
        }
    }
}

/// Reads a file. `path` is relative to the project.
pub(crate) fn parse(path: &str, language: Language, text: String) -> Result<Unit, Vec<JsError>> {
    if language == Language::Json {
        return json(path, text);
    }
    if let Some(at) = depth::too_deep(&text) {
        let error =
            JsError::new(path, Some(edit::place(&text, at)), "the code is nested too deeply to be read");
        return Err(vec![error.help("split the expression, or the file, into smaller ones")]);
    }
    let is_typed = language == Language::TypeScript;
    let origin = if is_typed {
        let (js, tokens) = strip(path, &text)?;
        Origin { path: path.to_owned(), js, tokens: Some(tokens) }
    } else {
        Origin { path: path.to_owned(), js: text, tokens: None }
    };
    let mut unit = examine(origin, language)?;
    unit.is_typed = is_typed;
    Ok(unit)
}

fn json(path: &str, text: String) -> Result<Unit, Vec<JsError>> {
    let text = text.trim_start_matches('\u{feff}').to_owned();
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).max(1);
        let place = Some((number(error.line()), number(error.column())));
        return Err(vec![JsError::new(path, place, format!("this is no JSON: {error}"))]);
    }
    let origin = Origin { path: path.to_owned(), js: text, tokens: None };
    Ok(Unit::new(Arc::new(origin), Kind::Json))
}

/// The errors among what the parser says, at their places.
pub(crate) fn errors(diagnostics: &oxc_diagnostics::Diagnostics, origin: &Origin) -> Vec<JsError> {
    let found = diagnostics.errors().map(|found| {
        let label = found.labels.first();
        let at = label.map_or(0, |label| usize::try_from(label.span().start).unwrap_or(0));
        let error =
            JsError::new(&origin.path, Some(origin.place(at)), format!("SyntaxError: {}", found.message));
        match &found.help {
            Some(help) => error.help(help),
            None => error,
        }
    });
    found.collect()
}

/// JavaScript from TypeScript, and where its tokens come from.
fn strip(path: &str, text: &str) -> Result<(String, Vec<Token>), Vec<JsError>> {
    let written = || Origin { path: path.to_owned(), js: text.to_owned(), tokens: None };
    let allocator = Allocator::default();
    let source_type = SourceType::ts();
    let parsed = Parser::new(&allocator, text, source_type).parse();
    if parsed.diagnostics.has_errors() {
        return Err(errors(&parsed.diagnostics, &written()));
    }
    let mut program = parsed.program;
    let checked = SemanticBuilder::new()
        .with_check_syntax_error(true)
        .with_enum_eval(true)
        .with_excess_capacity(1.0)
        .build(&program);
    if checked.diagnostics.has_errors() {
        return Err(errors(&checked.diagnostics, &written()));
    }
    let scoping = checked.semantic.into_scoping();
    let options = TransformOptions::default();
    let transformed =
        Transformer::new(&allocator, Path::new(path), &options).build_with_scoping(scoping, &mut program);
    if transformed.diagnostics.has_errors() {
        return Err(errors(&transformed.diagnostics, &written()));
    }
    let options = CodegenOptions {
        source_map_path: Some(Path::new(path).to_owned()),
        comments: CommentOptions::disabled(),
        ..CodegenOptions::default()
    };
    let printed = Codegen::new().with_options(options).build(&program);
    let mut tokens: Vec<Token> = Vec::new();
    if let Some(map) = &printed.map {
        tokens.extend(map.get_tokens().map(|token| Token {
            js: (token.get_dst_line(), token.get_dst_col()),
            written: (token.get_src_line(), token.get_src_col()),
        }));
    }
    tokens.sort_by_key(|token| token.js);
    Ok((printed.code, tokens))
}

/// What a JavaScript file imports and exports.
fn examine(origin: Origin, language: Language) -> Result<Unit, Vec<JsError>> {
    let origin = Arc::new(origin);
    let allocator = Allocator::default();
    let source_type = match language {
        Language::Common => SourceType::cjs(),
        Language::TypeScript => SourceType::mjs(),
        _ => SourceType::unambiguous(),
    };
    let options = ParseOptions {
        allow_return_outside_function: language == Language::Common,
        ..ParseOptions::default()
    };
    let parsed = Parser::new(&allocator, &origin.js, source_type).with_options(options).parse();
    if parsed.diagnostics.has_errors() {
        return Err(errors(&parsed.diagnostics, &origin));
    }
    // What the functions of packages do is seen where the project's own call them.
    let is_own = !origin.path.contains("node_modules/");
    let builder = SemanticBuilder::new().with_check_syntax_error(true).with_build_nodes(is_own);
    let checked = builder.build(&parsed.program);
    if checked.diagnostics.has_errors() {
        return Err(errors(&checked.diagnostics, &origin));
    }
    let mut unit = refs::examine(&origin, &parsed, checked.semantic.scoping())?;
    if is_own {
        unit.functions =
            facts::functions(&parsed.program, checked.semantic.scoping(), checked.semantic.nodes());
    }
    Ok(unit)
}
