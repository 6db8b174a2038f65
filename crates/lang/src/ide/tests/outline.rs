//! Outlines and searches.

use super::SHOP;
use super::fixture::Fixture;
use crate::ide::{Outline, OutlineKind};

fn tree(all: &[Outline], depth: usize, out: &mut Vec<String>) {
    for it in all {
        out.push(
            format!("{}{:?} {} {}", "  ".repeat(depth), it.kind, it.name, it.detail).trim_end().to_string(),
        );
        assert!(it.full.start <= it.span.start && it.span.end <= it.full.end, "{it:?}");
        tree(&it.children, depth + 1, out);
    }
}

#[test]
fn an_outline_shows_everything_that_can_be_jumped_to() {
    let shop = Fixture::new(SHOP);
    let mut out = Vec::new();
    for (id, _) in shop.analysis.sources().iter() {
        tree(&shop.analysis.outline(id), 0, &mut out);
    }
    assert_eq!(
        out,
        [
            "Type Order",
            "  Field id string",
            "  Field total decimal",
            "Activity Find (id: string, again: bool = false) -> (Order)",
            "Workflow Checkout (order: Order) -> (any)",
            "  Condition paid",
            "  Variable tries",
            "  Message Paid signal (ref: string, note: any)",
            "  Message Tries query () -> (int)",
            "  Promise child",
            "Workflow Deliver (order: Order)",
            "  Message Hurry signal (by: int)",
            "Worker Orders",
            "  Entry Checkout",
            "  Entry Deliver",
            "  Entry Find",
            "Service Billing",
            "  Operation Charge workflow ChargeCard",
            "  Operation Lookup (id: string) -> (any)",
            "Workflow ChargeCard (order: any) -> (any)",
            "Worker BillingWorker",
            "  Entry ChargeCard",
            "  Entry Billing",
            "Namespace money",
            "  Entry BillingWorker",
            "  Endpoint Pay-{tries}",
        ]
    );
}

#[test]
fn definitions_extend_to_the_end_of_their_blocks() {
    let shop = Fixture::new(SHOP);
    let file = shop.analysis.files().last().unwrap();
    let checkout = shop.analysis.outline(file.source).into_iter().find(|it| it.name == "Checkout").unwrap();
    assert!(shop.analysis.slice(checkout.full).ends_with("close complete(Order{id: order.id})"));
}

#[test]
fn searches_find_letters_in_order_best_first() {
    let shop = Fixture::new(SHOP);
    let names = |query: &str| -> Vec<String> {
        shop.analysis.search(query).into_iter().map(|it| it.outline.name).collect()
    };
    assert_eq!(names("chc"), ["ChargeCard", "Checkout"]);
    assert_eq!(names("charge"), ["Charge", "ChargeCard"]);
    assert_eq!(names("hurry"), ["Hurry"]);
    assert_eq!(shop.analysis.search("hurry")[0].container, "Deliver");
    assert_eq!(names("zzz"), Vec::<String>::new());
    assert!(names("").len() > 8);
    assert_eq!(shop.analysis.search("Order")[0].outline.kind, OutlineKind::Type);
}
