//! The lexer as a whole: layout, brackets, comments, recovery.

use super::*;
use crate::text::source::Sources;

/// Layout tokens as words, others as their text.
fn tokens(text: &str) -> String {
    let lexed = lex(SourceId(0), text);
    let shown = lexed.tokens.iter().map(|token| match token.kind {
        TokenKind::Newline => "NL".to_string(),
        TokenKind::Indent => "IN".to_string(),
        TokenKind::Dedent => "OUT".to_string(),
        TokenKind::End => "END".to_string(),
        _ => text[token.start as usize..token.end as usize].to_string(),
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn errors(text: &str) -> Vec<String> {
    let mut sources = Sources::new();
    let source = sources.add("a", text);
    lex(source, text).diagnostics.iter().map(|it| crate::text::render::concise(it, &sources)).collect()
}

#[test]
fn lines_and_blocks() {
    assert_eq!(tokens("a:\n    b\n    c\nd"), "a : NL IN b NL c NL OUT d NL END");
    assert_eq!(tokens(""), "END");
    assert_eq!(tokens("\n\n  \n"), "END");
    assert_eq!(tokens("a:\n\tb:\n\t\tc"), "a : NL IN b : NL IN c NL OUT OUT END");
}

#[test]
fn crlf_bom_and_blank_lines_do_not_matter() {
    let expected = tokens("a:\n    b\nc\n");
    assert_eq!(tokens("\u{feff}a:\r\n    b\r\nc\r\n").replace('\u{feff}', ""), expected);
    assert_eq!(tokens("a:\n\n      \n    b\n\t\nc"), expected);
}

#[test]
fn comments_are_kept_apart_wherever_they_stand() {
    let text = "# one\na: # two\n        # three\n    b(# four\n      x)\n# five";
    assert_eq!(tokens(text), "a : NL IN b ( x ) NL OUT END");
    let lexed = lex(SourceId(0), text);
    let own: Vec<bool> = lexed.comments.iter().map(|it| it.own_line).collect();
    assert_eq!(own, [true, false, true, false, true]);
}

#[test]
fn newlines_inside_brackets_mean_nothing() {
    assert_eq!(tokens("a(\nb,\n{c: [\n1]})\nd"), "a ( b , { c : [ 1 ] } ) NL d NL END");
    assert!(errors("a(\nb)\n").is_empty());
}

#[test]
fn a_forgotten_bracket_swallows_one_statement_only() {
    let text = "a:\n    activity B(x\n    activity C(y)\nworkflow D():\n    e";
    assert_eq!(
        tokens(text),
        "a : NL IN activity B ( x NL activity C ( y ) NL OUT workflow D ( ) : NL IN e NL OUT END"
    );
    assert_eq!(errors(text), ["a:2:15: error[LEX]: this `(` is never closed"]);
    assert_eq!(errors("a(\nworkflow.id,\nb)"), Vec::<String>::new());
    assert_eq!(errors("a([b"), ["a:1:2: error[LEX]: this `(` is never closed"]);
}

#[test]
fn errors_stand_where_they_are_made() {
    assert_eq!(errors("x = \"abc\ny"), ["a:1:5: error[LEX]: this string is not closed on its line"]);
    assert!(errors("a:\n        b\n    c")[0].starts_with("a:3:1: error[LEX]: inconsistent indentation"));
    assert!(errors("a:\n\tb\n    c\n")[0].starts_with("a:3:1: error[LEX]: tabs and spaces"));
}

#[test]
fn wrong_closers_end_what_they_can() {
    assert_eq!(tokens("a([b)\nc"), "a ( [ b ) NL c NL END");
    assert_eq!(tokens("a)\nb"), "a ) NL b NL END");
}
