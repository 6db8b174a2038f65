//! Older files become newer ones: the same tree, every comment, nothing older left, nothing to do the second time.

use std::fs;
use std::path::Path;

use nexus_lang::text::diagnostic::{Diagnostic, Severity};
use nexus_lang::text::edit::settle;
use nexus_lang::text::source::{SourceId, Sources};
use nexus_lang::twf::check::{CheckOptions, diagnose, harden};
use nexus_lang::twf::dump;
use nexus_lang::twf::lexer::lex;
use nexus_lang::twf::migrate::{fixes, migrate, migrate_all};
use nexus_lang::twf::parser::parse;
use proptest::prelude::*;

use crate::robust::{damaged, soup};
use crate::spec::fences;

/// The tree, with what the newest form has to say more about taken out: endpoints of Nexus calls by namespace, and
/// bodies of bare signatures.
fn tree(text: &str) -> String {
    let dump = dump::unit(&parse(SourceId(0), text).unit);
    let calls =
        regex::Regex::new("nexus (\"[^\"]+\" workflow |\\w+Endpoint\\d* \\w+Workflows\\d*\\.)").unwrap();
    calls.replace_all(&dump, "nexus ").replace("no body", "pass")
}

/// Comments in any order: those of a message move with it.
fn comments(text: &str) -> Vec<String> {
    let mut all: Vec<_> = lex(SourceId(0), text)
        .comments
        .into_iter()
        .map(|it| text[it.span.start as usize..it.span.end as usize].to_string())
        // A block of nothing but a hint keeps it as a comment.
        .filter(|it: &String| !it.starts_with("# hint"))
        .collect();
    all.sort();
    all
}

fn keeps_its_promises(place: &str, text: &str) {
    let Ok(new) = migrate(text) else { return };
    assert_eq!(comments(&new.text), comments(text), "{place}: comments have changed\n{text}\n{}", new.text);
    let again =
        migrate(&new.text).unwrap_or_else(|errors| panic!("{place}\n{text}\n{}\n{errors:#?}", new.text));
    assert_eq!(again.text, new.text, "{place}: the second time changes something");
    // The parser's changes alone: names of options are kept in the tree as they are written.
    let spelled = settle(text, |text| fixes(&parse(SourceId(0), text).diagnostics));
    assert!(!spelled.is_unfinished, "{place}: never done\n{}", spelled.text);
    let (old, new) = (tree(text), tree(&spelled.text));
    if !text.contains("nexus_endpoint") {
        assert!(
            new.starts_with(&old),
            "{place}: the tree has changed\n{text}\n{}\n{old}\n{new}",
            spelled.text
        );
    }
}

fn nothing_is_left(place: &str, text: &str) {
    let new = migrate(text).unwrap_or_else(|errors| panic!("{place}\n{text}\n{errors:#?}"));
    assert!(new.left.is_empty(), "{place}\n{}\n{:#?}", new.text, new.left);
    assert!(new.changes > 0 && new.text != text, "{place}: nothing was old\n{text}");
}

#[test]
fn every_older_block_becomes_new() {
    let old: Vec<_> = fences().into_iter().filter(|it| it.is("old")).collect();
    assert!(old.len() >= 12);
    for fence in old {
        nothing_is_left(&fence.place, &fence.text);
        keeps_its_promises(&fence.place, &fence.text);
        let new = migrate(&fence.text).unwrap().text;
        let serious: Vec<_> = parse(SourceId(0), &new)
            .diagnostics
            .into_iter()
            .filter(|it| it.severity != Severity::Info)
            .collect();
        assert!(serious.is_empty(), "{}\n{new}\n{serious:#?}", fence.place);
    }
    for fence in fences() {
        keeps_its_promises(&fence.place, &fence.text);
    }
}

#[test]
fn every_file_of_the_first_page_becomes_new() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop/seed");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert_eq!(paths.len(), 10);
    for path in paths {
        let (place, text) = (path.display().to_string(), fs::read_to_string(&path).unwrap());
        nothing_is_left(&place, &text);
        keeps_its_promises(&place, &text);
    }
}

/// One snippet for each row of the map from old to new, as a body of a workflow or as a file.
const ROWS: &[(&str, &str)] = &[
    ("workflow W() -> R:\n    pass\n", "workflow W() -> (R):\n    pass\n"),
    (
        "workflow W():\n    options(timeout: 5m)  # a\n    # b\n    activity A()\n",
        "workflow W():\n    # a\n    # b\n    activity A()\n        options:\n            start_to_close_timeout: 5m\n",
    ),
    (
        "workflow W():\n    activity A()\n        options(retry: {maxAttempts: 2}, taskQueue: \"q\")\n",
        "workflow W():\n    activity A()\n        options:\n            retry_policy:\n                maximum_attempts: 2\n            task_queue: \"q\"\n",
    ),
    (
        "workflow W():\n    spawn nexus \"ns\" workflow X(1) -> h\n    await one:\n        h -> r:\n",
        "workflow W():\n    promise h <- nexus NsEndpoint NsWorkflows.X(1)\n    await h -> r\n\nnexus service NsWorkflows:\n    async X \
         workflow X\n\nworker NsWorker:\n    nexus service NsWorkflows\n\nnamespace ns:\n    worker NsWorker\n        \
         options:\n            task_queue: \"ns\"\n    nexus endpoint NsEndpoint\n        options:\n            task_queue: \
         \"ns\"\n",
    ),
    ("workflow W():\n    close\n", "workflow W():\n    close complete\n"),
    ("workflow W():\n    close failed 1  # c\n", "workflow W():\n    close fail(1)  # c\n"),
    ("workflow W():\n    continue_as_new(1)\n", "workflow W():\n    close continue_as_new(1)\n"),
    ("workflow W():\n    timer 5m\n", "workflow W():\n    await timer(5m)\n"),
    (
        "workflow W():\n    await one:\n        watch (x):\n        timer 5m:\n",
        "workflow W():\n    await one:\n        condition (x):\n        timer(5m):\n",
    ),
    (
        "workflow W():\n    hint signal X  # c\n    pass\n    if (x):\n        hint query Y\n",
        "workflow W():\n    # c\n    pass\n    if (x):\n        # hint query Y\n",
    ),
    ("workflow W():\n    parallel:\n        pass\n", "workflow W():\n    await all:\n        pass\n"),
    (
        "workflow W():\n    for x in [1]:\n        pass\n",
        "workflow W():\n    for (x in [1]):\n        pass\n",
    ),
    (
        "nexus_service S:\n    operation O(p: P) -> R\n    operation Q():\n        return workflow W(1):\n            # c\n            \
         workflow_id: \"x\"\n",
        "nexus service S:\n    sync O(p: P) -> (R):\n        ...\n    sync Q():\n        return workflow W(1)\n            # c\n            \
         options:\n                workflow_id: \"x\"\n",
    ),
    (
        "nexus_endpoint E:\n    target_namespace: n-1\n    target_task_queue: q\n    allowed_caller_namespaces:\n        - a\n        - \
         \"b\"\n",
        "namespace n-1:\n    nexus endpoint E\n        options:\n            task_queue: \"q\"\n            allowed_caller_namespaces: \
         [\"a\", \"b\"]\n",
    ),
    (
        "namespace n:\n    worker w:\n        task_queue: \"q\"\n",
        "namespace n:\n    worker w\n        options:\n            task_queue: \"q\"\n",
    ),
    (
        "workflow W():\n    await signal X timeout: 1h:\n        a = 1\n        # c\n        b = 2\n    pass\n",
        "workflow W():\n    await one:\n        signal X:\n        timer(1h):\n            a = 1\n            # c\n            b = \
         2\n    pass\n",
    ),
    (
        "# about S\nsignal S(a: int)  # c\n\nworkflow W():\n    signals: S\n    pass\n",
        "\nworkflow W():\n    # about S\n    signal S(a: int):\n        pass  # c\n    pass\n",
    ),
    (
        "# about w\nworker w:\n    namespace: n\n    task_queue: q\n    activity A\n",
        "namespace n:\n    worker w\n        options:\n            task_queue: \"q\"\n\n# about w\nworker w:\n    activity A\n",
    ),
    (
        "workflow W():\n    activity A()\n        options:\n            retry_policy:\n                non_retryable_error_types:\n                    \
         - A\n                    - B\n",
        "workflow W():\n    activity A()\n        options:\n            retry_policy:\n                non_retryable_error_types: [\"A\", \
         \"B\"]\n",
    ),
];

#[test]
fn each_row_of_the_map_has_its_newest_form() {
    for (old, new) in ROWS {
        assert_eq!(migrate(old).map(|it| it.text).as_deref(), Ok(*new), "{old}");
        nothing_is_left(old, old);
        keeps_its_promises(old, old);
    }
}

/// What nothing new can say is left and reported.
#[test]
fn what_says_too_little_is_left() {
    for text in ["worker w:\n    task_queue: q\n    activity A\n", "nexus_endpoint E:\n    task_queue: q\n"] {
        let new = migrate(text).unwrap();
        assert_eq!((new.text.as_str(), new.left.len()), (text, 1), "{:#?}", new.left);
    }
}

/// Every form that the published language lacks is reported, once for each use.
#[test]
fn every_extension_is_reported() {
    let body = |line: &str| format!("workflow W(a):\n    {line}\n");
    let in_case = |case: &str| body(&format!("await one:\n        {case}:\n            pass"));
    let files = [
        "type T:\n    a: int\n".to_string(),
        "@entry\nworkflow W():\n    pass\n".to_string(),
        "workflow W(a: int = 1):\n    pass\n".to_string(),
        "workflow W(a: int?):\n    pass\n".to_string(),
        body("on_cancel:\n        pass"),
        body("update U():\n        validator:\n            pass\n        return 1"),
        body("activity A()\n        options:\n            task_queue: a + \"x\""),
        body("promise p <- activity A()\n        options:\n            task_queue: \"x\""),
        body("await activity A()\n        options:\n            task_queue: \"x\""),
        body("cancel h"),
        body("signal external V(a).S()"),
        body("try:\n        pass\n    catch e:\n        pass"),
        body("raise E(1)"),
        body("await (a > 1)"),
        body("await condition (a > 1)"),
        body("await all_handlers_finished"),
        body("await all (x in a):\n        pass"),
        body("await all -> r:\n        pass"),
        body("await all a -> r"),
        in_case("fail e"),
        body("switch (a):\n        case 1, 2:\n            pass"),
        body("if (a):\n        pass\n    elif (a):\n        pass"),
        body("a[0] = 1"),
        body("activity A() -> a[0]"),
        body("x = 1 if a else 2"),
        body("await timer(1h30m)"),
        body("await timer(2w)"),
        "activity A():\n    async_complete\n".to_string(),
    ];
    for text in files {
        let found = parse(SourceId(0), &text).diagnostics;
        let extensions = found.iter().filter(|it| it.code == "EXTENSION_SYNTAX").count();
        assert_eq!((extensions, found.len()), (1, 1), "{text}\n{found:#?}");
        let mut hard = found;
        harden(&mut hard);
        assert!(hard.iter().all(Diagnostic::is_error));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_words_are_migrated_or_refused(text in soup()) {
        keeps_its_promises("soup", &format!("workflow W(a):\n    {text}\n    close\n"));
    }

    #[test]
    fn damaged_files_are_migrated_or_refused(text in damaged()) {
        keeps_its_promises("damaged", &text);
    }
}

/// Files that call one namespace the oldest way share what is declared for it: in the file with its block, or else in
/// the first that calls it.
#[test]
fn a_namespace_that_several_files_call_is_served_once() {
    let caller = |name: &str, target: &str| {
        format!(
            "workflow {name}():\n    nexus \"billing\" workflow {target}(1) -> x\n    close complete(x)\n"
        )
    };
    let other = "workflow Charge(n):\n    close complete(n)\n";
    let block = "worker Rest:\n    workflow Charge\n\nnamespace billing:\n    worker Rest\n        options:\n            task_queue: \"rest\"\n";
    let (a, b) = (caller("A", "Charge"), caller("B", "Refund"));
    for texts in [[a.as_str(), b.as_str(), other], [&a, &b, &format!("{other}\n{block}")]] {
        let new: Vec<String> = migrate_all(&texts).into_iter().map(|it| it.unwrap().text).collect();
        let mut sources = Sources::new();
        let parsed: Vec<_> = new
            .iter()
            .enumerate()
            .map(|(at, text)| {
                let source = sources.add(&format!("{at}.twf"), text);
                (source, parse(source, text))
            })
            .collect();
        let found = diagnose(&parsed, &sources, CheckOptions::default());
        let wrong: Vec<_> = found.iter().filter(|it| it.is_error()).map(|it| it.code).collect();
        // `Refund` is no workflow of these files.
        assert_eq!(wrong, ["NEXUS_ASYNC_UNDEFINED_WORKFLOW"], "{new:#?}\n{found:#?}");
        let all = new.concat();
        for once in
            ["nexus service BillingWorkflows:", "namespace billing:", "nexus endpoint BillingEndpoint"]
        {
            assert_eq!(all.matches(once).count(), 1, "{once}\n{all}");
        }
        assert!(
            all.contains("    async Charge workflow Charge\n    async Refund workflow Refund\n"),
            "{all}"
        );
        assert!(new[1].contains("nexus BillingEndpoint BillingWorkflows.Refund(1) -> x"), "{}", new[1]);
        let texts: Vec<&str> = new.iter().map(String::as_str).collect();
        assert!(
            migrate_all(&texts).into_iter().all(|it| it.unwrap().changes == 0),
            "the second time changes something"
        );
    }
}
