//! Names as they are collected.

use proptest::prelude::*;

use super::SHOP;
use super::fixture::Fixture;
use crate::ide::Workspace;
use crate::ide::names::Name;
use crate::text::source::Span;

#[test]
fn every_name_has_its_own_text() {
    let shop = Fixture::new(SHOP);
    for file in shop.analysis.files() {
        assert!(file.names.is_sorted_by_key(|it| it.span));
        for it in &file.names {
            assert_eq!(file.slice(it.span), it.text);
        }
    }
}

#[test]
fn bare_words_in_options_are_variables_only_when_there_is_one() {
    let fixture = Fixture::new(
        "workflow A(q: string):\n    activity B()\n        options:\n            task_queue: q\n            summary: other\n",
    );
    let file = fixture.analysis.files().next().unwrap();
    let locals: Vec<&str> = file
        .names
        .iter()
        .filter(|it| matches!(it.name, Name::Local(..)))
        .map(|it| it.text.as_str())
        .collect();
    assert_eq!(locals, ["q", "q"]);
}

#[test]
fn older_spellings_are_named_where_they_stand() {
    let fixture = Fixture::new(
        "worker W:\n    namespace orders\n    task_queue queue\n    workflow A\n\nworkflow A():\n    options(timeout: 5m)\n    spawn workflow A() -> h\n    nexus \"other\" workflow A()\n",
    );
    let (id, text) =
        fixture.analysis.sources().iter().next().map(|(id, source)| (id, source.text.clone())).unwrap();
    let at = |word: &str| u32::try_from(text.find(word).unwrap()).unwrap();
    assert_eq!(fixture.analysis.references(id, at("A\n"), true).len(), 4);
    let symbols = fixture.analysis.symbols_at(id, at("other"));
    assert!(matches!(symbols[0].0.name, Name::Namespace), "{symbols:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any text can be asked about anywhere.
    #[test]
    fn no_text_is_too_strange(text in "([a-z]{0,8}[ \\t\\n:.(){}\"#\\-><=]{0,3}|workflow W\\(|    activity A|await one:\n|options:\n){0,24}", at in 0_u32..200) {
        let mut workspace = Workspace::default();
        let id = workspace.set("a.twf", &text);
        let analysis = workspace.analysis();
        let at = at.min(u32::try_from(text.len()).unwrap());
        prop_assume!(text.is_char_boundary(at as usize));
        let _answers = (
            analysis.hover(id, at),
            analysis.definition(id, at),
            analysis.references(id, at, true),
            analysis.complete(id, at),
            analysis.signature_help(id, at),
            analysis.outline(id),
            analysis.rename(id, at, "x"),
            analysis.diagnostics().len(),
            analysis.actions(id, Span { source: id, start: 0, end: at }, analysis.diagnostics()),
            (analysis.coloured(id, None), analysis.folds(id), analysis.selections(id, at), analysis.links(id)),
            (analysis.callable(id, at), analysis.incoming(id, at), analysis.outgoing(id, at), analysis.format(id)),
        );
    }
}
