//! Completion.

use super::fixture::Fixture;
use super::{SHOP, shop_at};
use crate::ide::{Item, ItemKind};

fn items(fixture: &Fixture) -> Vec<Item> {
    let (id, byte) = fixture.cursor();
    fixture.analysis.complete(id, byte)
}

/// The labels where the cursor stands in one file.
fn labels(text: &str) -> Vec<String> {
    items(&Fixture::new(text)).into_iter().map(|item| item.label).collect()
}

/// The shop with a line put behind another one.
fn shop_with(behind: &str, line: &str) -> Vec<Item> {
    assert_eq!(SHOP.matches(behind).count(), 1, "{behind:?}");
    items(&Fixture::new(&SHOP.replace(behind, &format!("{behind}\n{line}"))))
}

fn names(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item.label.as_str()).collect()
}

fn has(items: &[Item], wanted: &[&str], unwanted: &[&str]) {
    let names = names(items);
    for word in wanted {
        assert!(names.contains(word), "{word} is missing in {names:?}");
    }
    for word in unwanted {
        assert!(!names.contains(word), "{word} is out of place in {names:?}");
    }
}

#[test]
fn definitions_at_the_top() {
    let found = labels("$0");
    assert_eq!(
        found,
        ["activity", "type", "workflow", "namespace", "nexus service", "worker", "import", "package"]
    );
    assert_eq!(labels("wor$0"), found);
    assert_eq!(labels("workflow $0"), Vec::<String>::new(), "a new name cannot be guessed");
    assert_eq!(labels("# $0"), Vec::<String>::new());
    assert_eq!(labels("import \"$0\""), Vec::<String>::new());
}

#[test]
fn statements_by_what_they_stand_in() {
    let last = "    close complete(Order{id: order.id})";
    let found = shop_with(last, "    $0");
    has(
        &found,
        &["activity", "await one", "close complete", "if", "found", "log"],
        &["heartbeat", "query", "case"],
    );
    has(&found, &[], &["parallel", "select", "hint", "spawn", "child: "]);
    let head = shop_with("        tries = 0", "    $0");
    has(&head, &["query", "update", "on_cancel", "activity"], &[]);
    let query = shop_with("    query Tries() -> (int):", "        $0");
    has(&query, &["if", "return", "tries"], &["activity", "await", "set"]);
    let activity = labels("activity A(x: int):\n    $0\n");
    assert!(
        activity.contains(&"heartbeat".to_string()) && !activity.contains(&"await".to_string()),
        "{activity:?}"
    );
    let race = shop_with("    await one:", "        $0");
    has(&race, &["timer", "signal", "child", "paid", "fail"], &["close complete", "if", "found"]);
    has(&shop_with("    state:", "        $0"), &["condition"], &["activity"]);
    has(&shop_with("worker Orders:", "    $0"), &["workflow", "activity", "nexus service"], &["await"]);
    has(&shop_with("namespace money:", "    $0"), &["worker", "nexus endpoint"], &["workflow"]);
    has(&shop_with("nexus service Billing:", "    $0"), &["async", "sync"], &["workflow"]);
    assert_eq!(labels("workflow A(x: any):\n    switch (x):\n        $0\n"), ["case", "else"]);
    has(&shop_with("        found = id", "        $0"), &["activity", "id", "found"], &["query", "tries"]);
}

#[test]
fn callees_come_with_their_arguments() {
    let last = "    close complete(Order{id: order.id})";
    let found = shop_with(last, "    activity $0");
    assert_eq!(names(&found), ["Find", "billing", "pay"]);
    assert_eq!(found[0].insert, "Find(${1:id}, ${2:again}) -> ${0:result}");
    assert_eq!(found[0].detail, "(id: string, again: bool = false) -> (Order)".replace(" = false", ""));
    assert!(found[0].doc.contains("Looks an order up."));
    let found = shop_with(last, "    promise p <- workflow $0");
    has(&found, &["Checkout", "Deliver"], &["Find", "ChargeCard"]);
    let found = shop_with(last, "    workflow billing.$0");
    assert_eq!(names(&found), ["ChargeCard"]);
    let found = shop_with("worker Orders:", "    workflow $0");
    assert_eq!(found[0].insert, "Checkout");
    let found = shop_with(last, "    activity Fi$0(1)");
    assert_eq!(found[0].insert, "Find");
}

#[test]
fn nexus_calls_step_by_step() {
    let last = "    close complete(Order{id: order.id})";
    assert_eq!(names(&shop_with(last, "    nexus $0")), ["Pay-{tries}"]);
    assert_eq!(names(&shop_with(last, "    nexus Pay-{tries} $0")), ["billing", "pay"]);
    assert_eq!(names(&shop_with(last, "    nexus Pay-{tries} billing.$0")), ["Billing"]);
    let found = shop_with(last, "    nexus Pay-{tries} billing.Billing.$0");
    assert_eq!(names(&found), ["Charge", "Lookup"]);
    assert_eq!(found[0].insert, "Charge(${1:order})$0");
    assert_eq!(names(&shop_with("worker BillingWorker:", "    nexus service $0")), ["Billing"]);
    assert_eq!(names(&shop_with("worker BillingWorker:", "    nexus $0")), ["service"]);
    assert_eq!(names(&shop_with("namespace money:", "    worker $0")), ["BillingWorker"]);
}

#[test]
fn messages_conditions_and_promises() {
    let last = "    close complete(Order{id: order.id})";
    assert_eq!(names(&shop_with(last, "    signal child.$0")), ["Hurry"]);
    assert_eq!(names(&shop_with(last, "    signal $0")), ["child", "external"]);
    assert_eq!(names(&shop_with(last, "    await signal $0")), ["Paid"]);
    assert_eq!(names(&shop_with(last, "    set $0")), ["paid"]);
    assert_eq!(names(&shop_with(last, "    cancel $0")), ["child", "external"]);
    has(&shop_with(last, "    await $0"), &["child", "paid", "one", "timer", "signal"], &["found"]);
    has(&shop_with(last, "    promise p <- $0"), &["timer", "activity"], &["child", "one"]);
    assert_eq!(names(&shop_with(last, "    close $0")), ["complete", "continue_as_new", "fail"]);
    has(&shop_with(last, "    raise $0"), &["TooLate", "Late"], &["log"]);
    let signals = shop_with(last, "    signal external Deliver(\"x\").$0");
    assert_eq!(names(&signals), ["Hurry"]);
}

#[test]
fn options_that_are_not_there_yet() {
    let shop = shop_at("start_to_close_timeout: 10s");
    has(&items(&shop), &["start_to_close_timeout", "heartbeat_timeout"], &["workflow_run_timeout"]);
    let found = shop_with("        start_to_close_timeout: 10s", "        $0");
    has(&found, &["heartbeat_timeout", "retry_policy"], &["start_to_close_timeout"]);
    let found = shop_with("                maximum_attempts: 3", "                $0");
    assert_eq!(
        names(&found),
        ["backoff_coefficient", "initial_interval", "maximum_interval", "non_retryable_error_types"]
    );
    let found = shop_with("            task_queue: \"q-{tries}\"", "            $0");
    has(&found, &["schedule_to_close_timeout"], &["task_queue", "retry_policy", "parent_close_policy"]);
    let under =
        labels("workflow A():\n    workflow A()\n        options:\n            parent_close_policy: $0\n");
    assert_eq!(under, ["TERMINATE", "REQUEST_CANCEL", "ABANDON"]);
    let empty = labels("workflow A():\n    activity B()\n        options:\n            $0\n");
    assert!(empty.contains(&"heartbeat_timeout".to_string()), "{empty:?}");
    assert_eq!(labels("workflow A():\n    activity B()\n        $0\n"), ["options"]);
    let durations = labels("activity A():\n    default_options:\n        heartbeat_timeout: $0\n    ...\n");
    assert_eq!(durations[..3], ["1s", "10s", "30s"]);
    let worker = labels("namespace n:\n    worker W\n        options:\n            $0\n");
    assert_eq!(worker[0], "task_queue");
}

#[test]
fn types_in_headers() {
    let found = labels("type Mine:\n    a: int\n\nworkflow A(x: $0");
    assert!(found.contains(&"Mine".to_string()) && found.contains(&"string".to_string()), "{found:?}");
    assert_eq!(labels("workflow A(x$0"), Vec::<String>::new());
    assert!(labels("type T:\n    f: $0\n").contains(&"int".to_string()));
    assert!(labels("workflow A(x: int) -> ($0").contains(&"bool".to_string()));
    assert!(labels("workflow A():\n    query Q(x: []$0\n").contains(&"int".to_string()));
}

#[test]
fn values_in_expressions() {
    let last = "    close complete(Order{id: order.id})";
    let found = shop_with(last, "    x = $0");
    has(
        &found,
        &["order", "found", "tries", "paid", "child", "len", "Order", "true", "workflow"],
        &["line", "by"],
    );
    let item = found.iter().find(|item| item.label == "len").unwrap();
    assert_eq!((item.kind, item.insert.as_str()), (ItemKind::Function, "len($0)"));
    assert!(item.detail.starts_with("len(value: any) -> int"));
    has(&shop_with(last, "    x = workflow.$0"), &["run_id", "attempt"], &["len", "run"]);
    has(&shop_with(last, "    x = found.$0"), &["len", "map"], &["now", "order"]);
    has(&shop_with("        last = ref", "        x = $0"), &["ref", "tries"], &["by"]);
    has(&shop_with("        activity Find(line.id) -> one", "        x = $0"), &["line"], &[]);
    has(&shop_with(last, "    activity Find($0)"), &["again:", "order"], &[]);
    assert_eq!(names(&shop_with(last, "    x = tries $0")), ["and", "in", "not", "or"]);
}

#[test]
fn fields_by_their_types() {
    let last = "    close complete(Order{id: order.id})";
    let found = shop_with(last, "    x = found.$0");
    let fields: Vec<_> = found.iter().filter(|item| item.kind == ItemKind::Field).collect();
    assert_eq!(names(&found)[..2], ["id", "total"]);
    assert_eq!((fields[0].detail.as_str(), fields[0].doc.as_str()), ("string", "Its number."));
    let text = "type A:\n    b: B\n\ntype B:\n    c: []int\n\nworkflow W(a: A):\n    x = {deep: a}\n    y = 1 + x.deep.b.$0\n";
    assert_eq!(labels(text)[0], "c");
}

#[test]
fn a_blank_asks_only_behind_words_that_want_something() {
    let asked = |line: &str| {
        let fixture = Fixture::new(&format!("workflow W(x: int):\n    {line}$0\n"));
        let (id, byte) = fixture.cursor();
        !fixture.analysis.complete_after_blank(id, byte).is_empty()
    };
    assert!(asked("await ") && asked("workflow ") && asked("close ") && asked("promise p <- "));
    assert!(!asked("x = 1 ") && !asked("") && !asked("log(x, ") && !asked("if "));
}

#[test]
fn holes_are_left_out_for_editors_that_know_none() {
    for item in items(&Fixture::new("$0")) {
        assert!(!item.plain().contains('$'), "{}", item.plain());
    }
    let found = shop_with("    close complete(Order{id: order.id})", "    activity $0");
    assert_eq!(found[0].plain(), "Find(id, again) -> result");
}
