//! Hover.

use super::fixture::Fixture;
use super::shop_at;

fn shown(text: &str) -> String {
    let shop = shop_at(text);
    let (id, byte) = shop.cursor();
    shop.analysis.hover(id, byte).map(|it| it.markdown).unwrap_or_default()
}

#[test]
fn definitions_show_their_header_and_documentation() {
    assert_eq!(
        shown("Find(order.id, again"),
        "```twf\nactivity Find(id: string, again: bool = false) -> (Order)\n```\n\nLooks an order up.\n\nDefaults: `start_to_close_timeout: 10s`\n\nRegistered by `Orders`."
    );
    assert_eq!(
        shown("Deliver(found)"),
        "```twf\nworkflow Deliver(order: Order)\n```\n\nSignals: `Hurry`\n\nRegistered by `Orders`."
    );
    assert_eq!(
        shown("Order{id"),
        "```twf\ntype Order:\n    # Its number.\n    id: string\n    total: decimal = 0\n```\n\nAn order."
    );
    assert_eq!(shown("Hurry(tries)"), "```twf\nsignal Hurry(by: int)\n```\n\nSignal of `Deliver`.");
    assert_eq!(
        shown("Paid -> (ref"),
        "```twf\nsignal Paid(ref: string, note: any)\n```\n\nThe money is there.\n\nSignal of `Checkout`."
    );
}

#[test]
fn nexus_names_show_what_is_behind_them() {
    assert_eq!(
        shown("Charge(order)"),
        "```twf\nasync Charge workflow ChargeCard\nworkflow ChargeCard(order: any) -> (any)\n```\n\nOperation of `Billing`."
    );
    assert_eq!(
        shown("Billing.Charge(order)"),
        "```twf\nnexus service Billing\n    async Charge workflow ChargeCard\n    sync Lookup(id: string) -> (any)\n```\n\nMoves money.\n\nRegistered by `BillingWorker`."
    );
    assert_eq!(
        shown("Pay-{tries} billing"),
        "```twf\nnexus endpoint Pay-{tries}\n    options:\n        task_queue: \"billing\"\n```"
    );
    assert_eq!(
        shown("billing.Billing"),
        "```twf\nimport \"shop/billing\"\n```\n\nFiles: `billing/billing.twf`"
    );
}

#[test]
fn local_names_show_where_they_come_from() {
    assert_eq!(shown("order.id, again"), "```twf\norder: Order\n```\n\nParameter in `Checkout`.");
    assert_eq!(shown("paid:\n            signal"), "```twf\ncondition paid\n```\n\nCondition in `Checkout`.");
    assert_eq!(
        shown("child -> done"),
        "```twf\npromise child <- workflow Deliver(found)\n```\n\nPromise in `Checkout`."
    );
    assert_eq!(shown("again: true"), "```twf\nagain: bool = false\n```\n\nParameter in `Find`.");
    assert_eq!(shown("line.price"), "```twf\nline\n```\n\nParameter in `Deliver`.");
    assert_eq!(shown("id: order.id})"), "```twf\nid: string\n```\n\nIts number.\n\nField of `Order`.");
}

#[test]
fn the_language_explains_itself() {
    assert!(shown("maximum_attempts: 3").contains("How many attempts there are, the first included"));
    assert!(shown("start_to_close_timeout: 10s").contains("Default: 5 minutes"));
    assert!(shown("sum(order").starts_with("```twf\nsum(items: list, make"), "{}", shown("sum(order"));
    assert!(shown("await one").contains("await TARGET -> r"));
    assert!(shown("decimal = 0").contains("safe for money"));
    assert!(shown("TooLate(").contains("Declared nowhere"));
    assert_eq!(shown("# The money"), "");
    assert_eq!(shown("5m):"), "");
}

#[test]
fn the_run_and_missing_packages_are_explained() {
    let fixture = Fixture::new(
        "import \"far/away\"\nworkflow A():\n    x = workflow.$0run_id\n    activity away.$1Do()\n",
    );
    let (id, byte) = fixture.cursor();
    assert!(
        fixture.analysis.hover(id, byte).unwrap().markdown.starts_with("```twf\nworkflow.run_id: string")
    );
    let (id, byte) = fixture.mark('1');
    assert!(fixture.analysis.hover(id, byte).unwrap().markdown.contains("not among the files"));
}

#[test]
fn inferred_types_are_shown() {
    let found = shown("found)\n    await one");
    assert!(found.ends_with("Variable in `Checkout`.\n\nType: `Order`"), "{found}");
    let fixture = Fixture::new("workflow W():\n    x = {deep: {n: 1}}\n    y = x.de$0ep.n\n");
    let (id, byte) = fixture.cursor();
    assert_eq!(fixture.analysis.hover(id, byte).unwrap().markdown, "```twf\ndeep: {n: int}\n```");
    let text = "workflow W():\n    x = 1\n    y = [x]\n";
    let fixture = Fixture::new(&format!("{text}$0"));
    let (id, end) = fixture.cursor();
    let hints = fixture.analysis.hints(crate::text::source::Span { source: id, start: 0, end });
    let shown: Vec<_> = hints.iter().map(|it| (it.at, it.text.as_str())).collect();
    assert_eq!(shown, [(19, ": int"), (29, ": []int")]);
}
