//! Definition, references, highlights, rename.

use super::fixture::Fixture;
use super::shop_at;
use crate::ide::RenameError;
use crate::ide::names::Role;

fn defined(text: &str) -> Vec<String> {
    let shop = shop_at(text);
    let (id, byte) = shop.cursor();
    shop.show_all(shop.analysis.definition(id, byte).into_iter().map(|it| it.name))
}

fn used(text: &str) -> Vec<String> {
    let shop = shop_at(text);
    let (id, byte) = shop.cursor();
    let places = shop.analysis.references(id, byte, true).into_iter();
    places.map(|span| shop.analysis.sources().locate(span).to_string()).collect()
}

/// The files after a rename, or why not.
fn renamed(fixture: &Fixture, new: &str) -> Result<String, RenameError> {
    let (id, byte) = fixture.cursor();
    let mut edits = fixture.analysis.rename(id, byte, new)?;
    edits.reverse();
    let mut out = String::new();
    for (id, source) in fixture.analysis.sources().iter() {
        let mut text = source.text.to_string();
        for edit in edits.iter().filter(|edit| edit.span.source == id) {
            text.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.replacement);
        }
        out.push_str(&text);
    }
    Ok(out)
}

#[test]
fn every_name_leads_to_its_definition() {
    for (at, definition) in [
        ("Find(order.id, again", "orders/orders.twf:12:10 Find"),
        ("again: true", "orders/orders.twf:12:27 again"),
        ("Deliver(found)", "orders/orders.twf:48:10 Deliver"),
        ("found)\n    await one", "orders/orders.twf:28:45 found"),
        ("child -> done", "orders/orders.twf:33:13 child"),
        ("done)", "orders/orders.twf:35:18 done"),
        ("paid:\n            signal child", "orders/orders.twf:20:19 paid"),
        ("Hurry(tries)", "orders/orders.twf:49:12 Hurry"),
        ("tries)\n        signal Paid", "orders/orders.twf:21:9 tries"),
        ("tries}\"", "orders/orders.twf:21:9 tries"),
        ("Paid -> (ref", "orders/orders.twf:23:12 Paid"),
        ("Order{id", "orders/orders.twf:6:6 Order"),
        ("id: order.id})", "orders/orders.twf:8:5 id"),
        ("line.id", "orders/orders.twf:43:16 line"),
        ("line.price", "orders/orders.twf:52:30 line"),
        ("Billing.Charge(order)", "billing/billing.twf:4:15 Billing"),
        ("Charge(order)", "billing/billing.twf:5:11 Charge"),
        ("Pay-{tries} billing", "billing/billing.twf:21:20 Pay-{tries}"),
        ("ChargeCard\n    sync", "billing/billing.twf:10:10 ChargeCard"),
        ("BillingWorker\n        options", "billing/billing.twf:13:8 BillingWorker"),
        ("Checkout\n    workflow Deliver", "orders/orders.twf:18:10 Checkout"),
        ("ref\n        set", "orders/orders.twf:23:17 ref"),
        ("found\n\nworkflow ChargeCard", "billing/billing.twf:7:9 found"),
        ("billing.Billing", "billing/billing.twf:1:9 billing"),
        ("pay \"shop", "billing/billing.twf:1:9 billing"),
    ] {
        assert_eq!(defined(at), [definition], "{at:?}");
    }
}

#[test]
fn words_without_a_definition_lead_nowhere() {
    for at in ["await one:", "start_to_close_timeout", "sum(order", "TooLate(", "...\n", "price)"] {
        assert_eq!(defined(at), Vec::<String>::new(), "{at:?}");
    }
}

#[test]
fn references_cross_files_and_kinds_of_statements() {
    assert_eq!(
        used("ChargeCard(order: any)"),
        ["billing/billing.twf:5:27", "billing/billing.twf:10:10", "billing/billing.twf:14:14"]
    );
    assert_eq!(used("again: bool"), ["orders/orders.twf:12:27", "orders/orders.twf:28:29"]);
    assert_eq!(
        used("Billing:"),
        ["orders/orders.twf:45:31", "billing/billing.twf:4:15", "billing/billing.twf:15:19"]
    );
    assert_eq!(
        used("paid\n        tries"),
        ["orders/orders.twf:20:19", "orders/orders.twf:25:13", "orders/orders.twf:37:9"]
    );
    // The branch has a variable of its own; that of the lambda is yet another one.
    assert_eq!(used("line in"), ["orders/orders.twf:43:16", "orders/orders.twf:44:23"]);
    assert_eq!(used("line => "), ["orders/orders.twf:52:30", "orders/orders.twf:52:38"]);
    // A parameter of a handler is not the run's variable of the same name.
    assert_eq!(used("ref: string, note"), ["orders/orders.twf:23:17", "orders/orders.twf:24:16"]);
}

#[test]
fn highlights_tell_writes_from_reads() {
    let shop = shop_at("tries += 1");
    let (id, byte) = shop.cursor();
    let found = shop.analysis.highlights(id, byte);
    let roles: Vec<Role> = found.iter().map(|(_, role)| *role).collect();
    use Role::{Definition, Read, Write};
    assert_eq!(roles, [Definition, Read, Read, Read, Write, Read, Read]);
}

#[test]
fn renaming_changes_every_use_and_nothing_else() {
    let shop = shop_at("ChargeCard(order: any)");
    let text = renamed(&shop, "TakeMoney").unwrap();
    assert!(text.contains("async Charge workflow TakeMoney\n") && text.contains("workflow TakeMoney(order"));
    assert!(
        text.contains("    workflow TakeMoney\n    nexus service Billing") && !text.contains("ChargeCard")
    );
    let shop = shop_at("tries = 0");
    let text = renamed(&shop, "attempts").unwrap();
    assert!(text.contains("Late{id: order.id, tries: attempts}"), "a field keeps its name:\n{text}");
    assert!(text.contains("task_queue: \"q-{attempts}\"") && text.contains("attempts += 1"), "{text}");
    let shop = shop_at("pay \"shop");
    assert!(renamed(&shop, "money").unwrap().contains("import money \"shop/billing\""));
    let shop = shop_at("id: string\n    total");
    let text = renamed(&shop, "number").unwrap();
    assert!(text.contains("    number: string") && text.contains("Order{number: order.number}"), "{text}");
}

#[test]
fn what_cannot_be_renamed_says_why() {
    let why = |at: &str, new: &str| renamed(&shop_at(at), new).unwrap_err().to_string();
    assert_eq!(why("await one", "x"), "there is no name here");
    assert_eq!(why("sum(order", "x"), "`sum` belongs to the language");
    assert_eq!(why("billing.Billing", "x").split(';').next(), Some("`billing` is the name of a package"));
    assert_eq!(why("Deliver(order", "set"), "`set` is a keyword");
    assert_eq!(
        why("Deliver(order", "a-b"),
        "`a-b` is no name: a letter or `_`, then letters, digits and `_`"
    );
    assert_eq!(why("Deliver(order", "Checkout"), "`Checkout` exists already");
    assert_eq!(why("tries = 0", "found"), "`found` exists already");
    assert!(why("price)", "x").starts_with("the fields of `price` cannot be renamed here"));
    let shop = shop_at("Deliver(order");
    let (id, byte) = shop.cursor();
    assert_eq!(shop.show(shop.analysis.prepare_rename(id, byte).unwrap()), "orders/orders.twf:48:10 Deliver");
}

#[test]
fn names_are_found_on_files_with_errors() {
    let broken = "workflow A(x: int):\n    activity $0B(x\n    close complete(\n\nactivity B(y: int) -> (int)\n    ...\n";
    let fixture = Fixture::new(broken);
    let (id, byte) = fixture.cursor();
    // The call could not be read, but the definition is known.
    assert!(fixture.analysis.outline(id).iter().any(|it| it.name == "B"));
    assert!(fixture.analysis.definition(id, byte).len() <= 1);
    let at = u32::try_from(broken.find("x: int").unwrap()).unwrap();
    assert!(!fixture.analysis.references(id, at, true).is_empty());
}
