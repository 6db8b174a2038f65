//! Call hierarchy.

use super::shop_at;
use crate::ide::CallEdge;

fn edges(text: &str, incoming: bool) -> Vec<String> {
    let shop = shop_at(text);
    let (id, byte) = shop.cursor();
    let found = if incoming { shop.analysis.incoming(id, byte) } else { shop.analysis.outgoing(id, byte) };
    let line = |edge: &CallEdge| {
        let places: Vec<_> =
            edge.places.iter().map(|span| shop.analysis.sources().locate(*span).line).collect();
        format!("{:?} {} {places:?}", edge.other.kind, edge.other.name)
    };
    found.iter().map(line).collect()
}

#[test]
fn callers_and_callees_cross_files() {
    assert_eq!(edges("Find(id: string", true), ["Workflow Checkout [28, 44]"]);
    assert_eq!(edges("Deliver(order", true), ["Workflow Checkout [33]"]);
    assert_eq!(edges("ChargeCard(order", true), ["Operation Billing.Charge [5]"]);
    assert_eq!(edges("Charge workflow", true), ["Workflow Checkout [45]"]);
    assert_eq!(
        edges("Checkout(order", false),
        ["Activity Find [28, 44]", "Workflow Deliver [33]", "Operation Billing.Charge [45]"]
    );
    assert_eq!(edges("Charge workflow", false), ["Workflow ChargeCard [5]"]);
    assert_eq!(edges("Find(id: string", false), Vec::<String>::new());
}

#[test]
fn anywhere_in_a_body_its_definition_can_be_asked_about() {
    let name = |text: &str| {
        let shop = shop_at(text);
        let (id, byte) = shop.cursor();
        shop.analysis.callable(id, byte).map(|it| it.name)
    };
    assert_eq!(name("tries += 1").as_deref(), Some("Checkout"));
    assert_eq!(name("Deliver(found)").as_deref(), Some("Deliver"));
    assert_eq!(name("return found").as_deref(), Some("Billing.Lookup"));
    assert_eq!(name("worker Orders"), None);
}
