//! Any bytes: the lexer ends, its tokens lie in the text one after another, and nothing but blanks and comments
//! stands between them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nexus_lang::text::source::SourceId;
use nexus_lang::twf::lexer::lex;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let lexed = lex(SourceId(0), &text);
    let mut at = 0;
    for token in &lexed.tokens {
        assert!(token.start <= token.end && at <= token.start, "{token:?} after {at}");
        assert!(text.get(token.start as usize..token.end as usize).is_some(), "{token:?}");
        at = token.end.max(at);
    }
    for comment in &lexed.comments {
        let shown = text.get(comment.span.start as usize..comment.span.end as usize);
        assert!(shown.is_some_and(|it| it.starts_with('#')), "{comment:?}");
    }
});
