//! Editing a workspace.

use crate::ide::Workspace;

fn errors(analysis: &crate::ide::Analysis) -> Vec<&'static str> {
    analysis.diagnostics().iter().filter(|it| it.is_error()).map(|it| it.code).collect()
}

#[test]
fn only_what_changed_is_read_again() {
    let mut workspace = Workspace::new(false);
    workspace.set("a.twf", "workflow A():\n    activity B()\n");
    workspace.set("b.twf", "activity C():\n    ...\n");
    let before = workspace.analysis();
    assert_eq!(errors(&before), ["UNDEFINED_ACTIVITY"]);
    let b = workspace.set("b.twf", "activity B():\n    ...\n");
    let after = workspace.analysis();
    assert!(errors(&after).is_empty(), "{:?}", after.diagnostics());
    let read = |analysis: &crate::ide::Analysis| -> Vec<usize> {
        analysis.files().map(|file| std::sync::Arc::as_ptr(file).addr()).collect()
    };
    assert_eq!(read(&before)[0], read(&after)[0]);
    assert_ne!(read(&before)[1], read(&after)[1]);
    // The old picture is as it was.
    assert_eq!(before.file(b).unwrap().text.lines().next(), Some("activity C():"));
    workspace.remove("b.twf");
    assert_eq!((workspace.len(), workspace.id("b.twf")), (1, None));
    assert_eq!(errors(&workspace.analysis()), ["UNDEFINED_ACTIVITY"]);
    assert_eq!(workspace.set("b.twf", ""), b);
}

#[test]
fn a_lenient_workspace_warns() {
    let mut workspace = Workspace::new(true);
    workspace.set("a.twf", "workflow A():\n    activity B()\n");
    assert!(workspace.analysis().diagnostics().iter().all(|it| !it.is_error()));
}

#[test]
fn of_two_definitions_the_first_by_path_counts() {
    let mut workspace = Workspace::new(false);
    let b = workspace.set("b.twf", "activity A(x: int):\n    ...\n");
    let a = workspace.set("a.twf", "activity A():\n    ...\n");
    let found = workspace.analysis();
    let duplicate = found.diagnostics().iter().find(|it| it.code == "DUPLICATE_ACTIVITY").unwrap();
    assert_eq!(duplicate.span.unwrap().source, b);
    let targets = found.definition(a, 9);
    assert_eq!(targets.len(), 2, "both are shown");
}
