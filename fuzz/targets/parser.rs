//! Any text: parser, checks and renderers end, and every place they name lies in the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nexus_lang::text::render::{concise, terminal};
use nexus_lang::text::source::Sources;
use nexus_lang::twf::check::{CheckOptions, ParsedUnit, check};
use nexus_lang::twf::dump;
use nexus_lang::twf::parser::parse;

fuzz_target!(|text: &str| {
    let mut sources = Sources::new();
    let source = sources.add("any.twf", text);
    let parsed = parse(source, text);
    let mut all = check(&[ParsedUnit { source, unit: &parsed.unit }], &sources, CheckOptions::default());
    all.extend(parsed.diagnostics.iter().cloned());
    for it in &all {
        let edits = it.fix.iter().flat_map(|fix| fix.edits.iter().map(|edit| edit.span));
        for span in it.span.into_iter().chain(it.labels.iter().map(|(span, _)| *span)).chain(edits) {
            assert!(text.get(span.start as usize..span.end as usize).is_some(), "{it:?}");
        }
    }
    for it in all.iter().take(5) {
        assert!(concise(it, &sources).contains(it.code) && terminal(it, &sources, false).contains(it.code));
    }
    let _shown = dump::unit(&parsed.unit);
});
