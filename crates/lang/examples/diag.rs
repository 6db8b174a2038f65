#![allow(
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods
)]
use nexus_lang::text::render::concise;
use nexus_lang::text::source::Sources;
use nexus_lang::twf::check::{CheckOptions, ParsedUnit, check};
use nexus_lang::twf::parser::parse;
fn main() {
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut sources = Sources::new();
        let source = sources.add(&path, &text);
        let p = parse(source, &text);
        let mut d = p.diagnostics.clone();
        d.extend(check(&[ParsedUnit { source, unit: &p.unit }], &sources, CheckOptions::default()));
        for it in &d {
            println!("{}", concise(it, &sources));
        }
    }
}
