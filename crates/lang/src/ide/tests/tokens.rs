//! Semantic tokens.

use super::SHOP;
use super::fixture::Fixture;
use crate::ide::{TokenType, modifier};
use crate::text::source::Span;

fn shown(text: &str) -> Vec<String> {
    let fixture = Fixture::new(text);
    let (id, _) = fixture.analysis.sources().iter().next().unwrap();
    let found = fixture.analysis.coloured(id, None);
    found
        .iter()
        .map(|it| format!("{} {:?} {}", fixture.analysis.slice(it.span), it.ty, it.modifiers))
        .collect()
}

#[test]
fn words_are_what_they_mean() {
    let text = "# Doc.\nworkflow W(state: Order):\n    set = state.set + 5m\n    nexus Pay-{x} S.Op(state)\n    await signal set  # not\n";
    assert_eq!(
        shown(text),
        [
            "# Doc. Comment 8",
            "workflow Keyword 0",
            "W Workflow 1",
            "state Parameter 1",
            "Order Type 0",
            "set Variable 2",
            "= Operator 0",
            "state Parameter 0",
            "set Property 0",
            "+ Operator 0",
            "5m Number 0",
            "nexus Keyword 0",
            "Pay-{x} Service 0",
            "S Service 0",
            "Op Method 0",
            "state Parameter 0",
            "await Keyword 0",
            "signal Keyword 0",
            "set Keyword 0",
            "# not Comment 0",
        ]
    );
}

#[test]
fn tokens_are_in_order_and_do_not_overlap() {
    let shop = Fixture::new(SHOP);
    for (id, source) in shop.analysis.sources().iter() {
        let all = shop.analysis.coloured(id, None);
        assert!(all.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start));
        assert!(
            all.iter().all(|it| !shop.analysis.slice(it.span).contains('\n') && it.span.start < it.span.end)
        );
        let part = Span { source: id, start: 40, end: 90.min(u32::try_from(source.text.len()).unwrap()) };
        let some = shop.analysis.coloured(id, Some(part));
        assert!(!some.is_empty() && some.len() < all.len() && some.iter().all(|it| all.contains(it)));
    }
}

#[test]
fn functions_of_the_language_are_marked() {
    let fixture = Fixture::new("workflow W():\n    x = len(workflow.id)\n");
    let (id, _) = fixture.analysis.sources().iter().next().unwrap();
    let found = fixture.analysis.coloured(id, None);
    let library: Vec<&str> = found
        .iter()
        .filter(|it| it.modifiers & modifier::LIBRARY != 0)
        .map(|it| fixture.analysis.slice(it.span))
        .collect();
    assert_eq!(library, ["len", "workflow", "id"]);
    assert!(found.iter().any(|it| it.ty == TokenType::Function));
}
