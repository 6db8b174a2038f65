//! Code actions.

use super::fixture::Fixture;
use crate::ide::{Action, ActionKind};
use crate::text::source::Span;

/// The offers where the cursor stands.
fn offers(fixture: &Fixture) -> Vec<Action> {
    let (id, byte) = fixture.cursor();
    let range = Span { source: id, start: byte, end: byte };
    fixture.analysis.actions(id, range, fixture.analysis.diagnostics())
}

/// The first file after the offer with this title.
fn after(text: &str, title: &str) -> String {
    let fixture = Fixture::new(text);
    let all = offers(&fixture);
    let action =
        all.iter().find(|it| it.title == title).unwrap_or_else(|| panic!("{title:?} is not in {all:?}"));
    let (id, _) = fixture.cursor();
    let mut text = fixture.analysis.sources().get(id).unwrap().text.to_string();
    let mut edits = action.edits.clone();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span));
    for edit in edits {
        text.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.replacement);
    }
    text
}

#[test]
fn fixes_of_diagnostics_are_offered_as_they_are() {
    let text = "workflow W() -> $0int:\n    close complete(1)\n";
    let fixture = Fixture::new(text);
    let all = offers(&fixture);
    let fix = all.iter().find(|it| it.kind == ActionKind::QuickFix && it.fixes.is_some()).unwrap();
    assert!(fix.is_preferred, "{fix:?}");
    assert_eq!(fixture.analysis.diagnostics()[fix.fixes.unwrap()].code, "LEGACY_SYNTAX");
    assert_eq!(after(text, &fix.title), "workflow W() -> (int):\n    close complete(1)\n");
}

#[test]
fn everything_with_a_sure_fix_at_once() {
    let text = "workflow W(x: bool) -> $0int:\n    if x:\n        close complete(1)\n    close 2\n";
    let fixture = Fixture::new(text);
    let all = offers(&fixture);
    let title = &all.iter().find(|it| it.kind == ActionKind::FixAll).unwrap().title;
    assert_eq!(
        after(text, title),
        "workflow W(x: bool) -> (int):\n    if (x):\n        close complete(1)\n    close complete(2)\n"
    );
}

#[test]
fn missing_definitions_are_written() {
    let text = "workflow W(order: any):\n    activity $0Pay(order.id, 3, name: \"x\", tries) -> receipt\n    tries = 1\n\nworker X:\n    workflow W\n";
    assert_eq!(
        after(text, "add the activity `Pay`"),
        "workflow W(order: any):\n    activity Pay(order.id, 3, name: \"x\", tries) -> receipt\n    tries = 1\n\nactivity Pay(id: any, value2: int, name: string, tries: any) -> (any):\n    ...\n\nworker X:\n    workflow W\n"
    );
    let text = "workflow W():\n    promise p <- workflow $0Child(5m)\n    await p\n";
    assert_eq!(
        after(text, "add the workflow `Child`"),
        "workflow W():\n    promise p <- workflow Child(5m)\n    await p\n\nworkflow Child(value1: duration) -> (any):\n    close complete\n"
    );
}

#[test]
fn missing_messages_and_conditions_are_declared() {
    let text = "workflow W():\n    x = 1\n    await signal $0Go\n";
    assert_eq!(
        after(text, "add the signal `Go` to `W`"),
        "workflow W():\n    signal Go():\n        pass\n    x = 1\n    await signal Go\n"
    );
    let text = "workflow W():\n    await update $0Go\n";
    assert!(
        after(text, "add the update `Go` to `W`")
            .starts_with("workflow W():\n    update Go() -> (any):\n        return null\n")
    );
    let text =
        "workflow W():\n    promise p <- workflow V()\n    signal p.$0Go()\n\nworkflow V():\n    pass\n";
    assert!(
        after(text, "add the signal `Go` to `V`")
            .ends_with("workflow V():\n    signal Go():\n        pass\n    pass\n")
    );
    let text = "workflow W():\n    set $0ready\n";
    assert_eq!(
        after(text, "declare the condition `ready`"),
        "workflow W():\n    state:\n        condition ready\n    set ready\n"
    );
    let text = "workflow W():\n    state:\n        condition a\n    set $0b\n    await a\n";
    assert!(
        after(text, "declare the condition `b`")
            .contains("        condition a\n        condition b\n    set b")
    );
}

#[test]
fn a_remark_can_be_silenced_and_an_error_cannot() {
    let text = "workflow W():\n    nexus E S.Op(\n        $01\n    )\n    close complete\n    log(1)\n";
    let fixture = Fixture::new(&text.replace("log(1)", "$0log(1)").replacen("$0", "", 1));
    let titles: Vec<String> = offers(&fixture).into_iter().map(|it| it.title).collect();
    assert!(titles.contains(&"ignore `UNREACHABLE_CODE` here".to_string()), "{titles:?}");
    let text = "workflow W():\n    close complete\n    $0log(1)\n";
    let silenced = after(text, "ignore `UNREACHABLE_CODE` here");
    assert_eq!(
        silenced,
        "workflow W():\n    close complete\n    # twf:lint-ignore UNREACHABLE_CODE\n    log(1)\n"
    );
    assert!(Fixture::new(&silenced).analysis.diagnostics().is_empty());
    let error = Fixture::new("workflow W():\n    activity $0Nobody()\n");
    assert!(offers(&error).iter().all(|it| !it.title.starts_with("ignore")));
}

#[test]
fn returns_of_workflows_become_closes() {
    let text = "workflow W(x: any) -> (any):\n    query Q() -> (any):\n        return x\n    if (x):\n        $0return x.y\n    return\n";
    assert!(after(text, "write `close complete`").contains("        close complete(x.y)\n    return\n"));
    let query = Fixture::new(&text.replace("$0", "").replace("        return x\n", "        $0return x\n"));
    assert!(offers(&query).iter().all(|it| it.kind != ActionKind::Rewrite), "a query does not close");
}
