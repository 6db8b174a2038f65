//! Any text that can be read: its canonical layout has the same tree, and formatting it again changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nexus_lang::text::source::SourceId;
use nexus_lang::twf::dump;
use nexus_lang::twf::format::format;
use nexus_lang::twf::parser::parse;

fuzz_target!(|text: &str| {
    let Ok(once) = format(text) else { return };
    let tree = |text: &str| dump::unit(&parse(SourceId(0), text).unit);
    assert_eq!(tree(&once), tree(text), "the tree has changed\n{once}");
    assert_eq!(format(&once).as_deref(), Ok(once.as_str()), "formatting twice changes something");
});
