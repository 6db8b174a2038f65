//! Projects that are edited in every hostile way while runs are open: each run ends as if nothing had happened.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexus_engine::Definition;
use nexus_engine::activity::input::{ActivityInput, Outcome as Ending};
use nexus_kernel::id::RunId;
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::time::Timestamp;
use nexus_lang::text::source::Sources;
use serde_json::{Value as Json, json};

use crate::follow::deployed;
use crate::support::{Scripted, World, definition, echo, request};

/// Everything that a run can be blocked in when its project is edited.
const PROGRAM: &str = "\
workflow Timers(n: int) -> (int):
    await timer(1h)
    await timer(1h)
    return n + 1

workflow Acts(n: int) -> (int):
    activity Hold(n) -> a
    activity Do(a) -> b
    return b

workflow Parent(n: int) -> (int):
    workflow Child(n) -> c
    workflow Late(c) -> d
    return d

workflow Child(n: int) -> (int):
    signal Go(by: int):
        pass
    await signal Go -> (by)
    return n + by

workflow Late(n: int) -> (int):
    await timer(1m)
    return n + 1

workflow Waits(n: int) -> (int):
    state:
        total = 0
        condition done
    signal Go(by: int):
        total = total + by
        set done
    query Total() -> (int):
        return total
    update Slow(by: int) -> (int):
        await timer(3h)
        total = total + by
        return total
    await done
    await timer(1h)
    await all_handlers_finished
    return total

workflow Loops(n: int) -> (int):
    total = 0
    for (x in range(0, 4)):
        await timer(20m)
        activity Do(x) -> y
        total = total + y
    return total

workflow Races(n: int) -> (string):
    signal Go(by: int):
        pass
    await one:
        timer(2h):
            return \"late\"
        signal Go -> (by):
            activity Do(by) -> y
            return \"in time\"

workflow Calls(n: int) -> (int):
    await timer(1h)
    nexus Desk Tasks.Ask(n) -> answer
    return answer

workflow Continues(n: int) -> (int):
    await timer(1h)
    if (n < 3):
        close continue_as_new(n + 1)
    return n

nexus service Tasks:
    async Ask workflow Late

activity Do(x: int) -> (int):
    ...

activity Hold(x: int) -> (int):
    options:
        start_to_close_timeout: 9h
    ...
";

const WORKFLOWS: [&str; 10] =
    ["Timers", "Acts", "Parent", "Child", "Late", "Waits", "Loops", "Races", "Calls", "Continues"];

/// Workflows that are started; the others are called.
const STARTED: [&str; 8] = ["Timers", "Acts", "Parent", "Waits", "Loops", "Races", "Calls", "Continues"];

/// What they end with when nobody edits anything.
fn expected() -> BTreeMap<&'static str, Json> {
    let results = [json!(6), json!(5), json!(8), json!(4), json!(6), json!("in time"), json!(6), json!(5)];
    STARTED.into_iter().zip(results).collect()
}

fn topology(program: &str, versioning: &str) -> String {
    let text = deployed(program, versioning);
    if !program.contains("nexus service Tasks") {
        return text;
    }
    let text = text.replace("worker All:\n", "worker All:\n    nexus service Tasks\n");
    format!("{text}    nexus endpoint Desk\n        options:\n            task_queue: \"default\"\n")
}

/// An edit: its name, and what becomes of the file. Nothing means that there is no file any more.
type Edit = (&'static str, fn(&str) -> Option<String>);

#[expect(clippy::unnecessary_wraps, reason = "the signature is that of every edit")]
fn replaced(text: &str, pairs: &[(&str, &str)]) -> Option<String> {
    let edited = pairs.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the edit of {from:?} changes nothing");
        text.replace(from, to)
    });
    Some(edited)
}

const EDITS: [Edit; 16] = [
    ("nothing", |text| Some(text.to_owned())),
    ("a remark", |text| replaced(text, &[("workflow Timers", "# a remark\n\nworkflow Timers")])),
    ("renamed workflows", |text| {
        let renamed = WORKFLOWS.iter().fold(text.to_owned(), |text, name| {
            text.replace(&format!("workflow {name}"), &format!("workflow New{name}"))
        });
        Some(renamed)
    }),
    ("removed activity", |text| {
        let text = replaced(text, &[("activity Do(x: int) -> (int):\n    ...\n", "")])?;
        replaced(
            &text,
            &[
                ("activity Do(a) -> b", "b = a"),
                ("activity Do(x) -> y", "y = x"),
                ("activity Do(by) -> y", "y = by"),
            ],
        )
    }),
    ("reordered statements", |text| {
        replaced(
            text,
            &[
                (
                    "    activity Hold(n) -> a\n    activity Do(a) -> b\n",
                    "    activity Do(n) -> a\n    activity Hold(a) -> b\n",
                ),
                (
                    "    workflow Child(n) -> c\n    workflow Late(c) -> d\n",
                    "    workflow Late(n) -> c\n    workflow Child(c) -> d\n",
                ),
                (
                    "        await timer(20m)\n        activity Do(x) -> y\n",
                    "        activity Do(x) -> y\n        await timer(20m)\n",
                ),
            ],
        )
    }),
    ("other types of parameters and results", |text| {
        let text =
            replaced(text, &[("(n: int) -> (int)", "(n: Order) -> (string)"), ("(n: int)", "(n: Order)")])?;
        let text = replaced(
            &text,
            &[
                ("return n + 1", "return str(n.count)"),
                ("return n + by", "return str(by)"),
                ("return total\n\nworkflow Loops", "return str(total)\n\nworkflow Loops"),
                ("        total = total + y\n    return total", "    return str(total)"),
                ("    return b\n", "    return str(b)\n"),
                ("activity Hold(n)", "activity Hold(n.count)"),
                (
                    "    if (n < 3):\n        close continue_as_new(n + 1)\n    return n\n",
                    "    return str(n.count)\n",
                ),
                ("workflow Late(c) -> d", "workflow Late(n) -> d"),
            ],
        )?;
        Some(format!("type Order:\n    count: int\n\n{text}"))
    }),
    ("other signatures of messages", |text| {
        replaced(
            text,
            &[
                ("signal Go(by: int)", "signal Go(who: string, by: int)"),
                ("signal Go -> (by)", "signal Go -> (who, by)"),
                ("update Slow(by: int) -> (int)", "update Slow(by: int, who: string) -> (int)"),
                ("query Total() -> (int)", "query Total(unit: string) -> (int)"),
            ],
        )
    }),
    ("removed handlers", |text| {
        replaced(
            text,
            &[(
                "    update Slow(by: int) -> (int):\n        await timer(3h)\n        total = total + by\n        return total\n",
                "",
            )],
        )
    }),
    ("other constants", |text| {
        replaced(text, &[("timer(1h)", "timer(7h)"), ("n + 1", "n + 100"), ("range(0, 4)", "range(0, 9)")])
    }),
    ("removed child and service", |text| {
        let text = replaced(
            text,
            &[("    workflow Child(n) -> c\n    workflow Late(c) -> d\n    return d\n", "    return n\n")],
        )?;
        let text = replaced(
            &text,
            &[("    nexus Desk Tasks.Ask(n) -> answer\n    return answer\n", "    return n\n")],
        )?;
        let text = replaced(&text, &[("nexus service Tasks:\n    async Ask workflow Late\n", "")])?;
        let (head, tail) = text.split_once("workflow Child(")?;
        let (_, tail) = tail.split_once("workflow Waits(")?;
        Some(format!("{head}workflow Waits({tail}"))
    }),
    ("other options", |text| {
        replaced(
            text,
            &[(
                "start_to_close_timeout: 9h",
                "start_to_close_timeout: 1ms\n        retry_policy:\n            maximum_attempts: 1",
            )],
        )
    }),
    ("shorter programs", |text| {
        replaced(
            text,
            &[
                ("    await timer(1h)\n    await timer(1h)\n", "    await timer(1h)\n"),
                ("    await all_handlers_finished\n", ""),
            ],
        )
    }),
    ("an error of syntax", |text| replaced(text, &[("workflow Timers(", "workflow Timers((")])),
    ("an error of meaning", |text| replaced(text, &[("activity Hold(n)", "activity Held(n)")])),
    ("an empty file", |_| Some(String::new())),
    ("a deleted file", |_| None),
];

fn compiled(text: Option<&str>) -> Option<Arc<Definition>> {
    let mut sources = Sources::new();
    if let Some(text) = text {
        sources.add("test.twf", text);
    }
    Definition::compile(sources, false).0
}

/// Every run, blocked somewhere.
async fn blocked(world: &World) -> BTreeMap<&'static str, RunId> {
    let mut runs = BTreeMap::new();
    for name in STARTED {
        let mut start = request(name, json!({ "n": if name == "Continues" { 1 } else { 5 } }));
        start.workflow_id = Some(nexus_kernel::id::WorkflowId::new(name).unwrap());
        runs.insert(name, world.engine.start(start).await.unwrap().run_id);
    }
    let address = world.engine.address_of_run(&runs["Waits"]).await.unwrap();
    let update = |id: &str| nexus_engine::input::Update {
        id: id.to_owned(),
        name: "Slow".into(),
        input: json!({ "by": 1 }),
    };
    let (accepted, _) = world.engine.update(&address, update("u-1")).await.unwrap();
    assert_eq!(accepted.run, runs["Waits"]);
    // One loop has gone round already.
    world.settle().await;
    world.clock.advance(std::time::Duration::from_mins(25));
    world.settle().await;
    runs
}

/// Sends the signal in the form that the run was started with; one that follows takes it in its new form.
async fn signal(world: &World, run: &RunId, by: i64) {
    for input in [json!({ "by": by }), json!({ "who": "me", "by": by })] {
        let address = world.engine.address_of_run(run).await.unwrap();
        let (name, request_id) = ("Go".to_owned(), format!("{run}-{by}"));
        let signal = nexus_engine::input::Signal { name, input, request_id };
        if world.engine.signal(&address, signal).await.is_ok() {
            return;
        }
    }
    panic!("{run} takes the signal in no form");
}

/// Does everything that the runs wait for, in the form that they were started with, and gives their results.
async fn ended(
    world: &World,
    runs: &BTreeMap<&'static str, RunId>,
    edit: &str,
) -> BTreeMap<&'static str, Json> {
    for name in ["Waits", "Races"] {
        signal(world, &runs[name], 3).await;
    }
    let child = world.call("run.list", json!({ "workflow": "Child" })).await.unwrap();
    let child = RunId::parse(child["runs"][0]["run_id"].as_str().unwrap()).unwrap();
    signal(world, &child, 2).await;
    let token = world.token("Hold", 1).await;
    let ticket = Some(token.ticket);
    let outcome = Ending::Completed(json!(5));
    world.tell(token, ActivityInput::Reported { ticket, outcome }).await.unwrap();
    let mut results = BTreeMap::new();
    for (name, run) in runs {
        let row = world.engine.row(run).await.unwrap();
        let outcome = world.until(world.engine.wait(&row)).await.unwrap();
        assert_eq!(outcome.status, RunStatus::Completed, "{edit}: {name}: {outcome:?}");
        results.insert(*name, outcome.result);
    }
    results
}

/// Which results the edit may change: those of runs that take a new version by right.
async fn edited(versioning: &str, (name, edit): Edit, restarts: bool) -> BTreeMap<&'static str, Json> {
    let (store, clock) = (Arc::new(MemoryStore::new()), SimClock::at(Timestamp::from_millis(1_000_000)));
    let activities = || Scripted::default().with("Do", echo).outside("Hold");
    let first = definition(&topology(PROGRAM, versioning));
    let mut world = World::deploying(store.clone(), clock.clone(), first, activities()).await;
    let runs = blocked(&world).await;
    let text = edit(PROGRAM).map(|text| topology(&text, versioning));
    let text = if name == "an empty file" { Some(String::new()) } else { text };
    let compiled = compiled(text.as_deref());
    assert_eq!(compiled.is_none(), name.starts_with("an error"), "{name}: {text:?}");
    if let Some(compiled) = compiled {
        world.engine.deploy(compiled.clone()).await.unwrap();
        world.until(world.engine.followed()).await.unwrap();
        if restarts {
            let token = world.token("Hold", 1).await;
            world.stop().await;
            world = World::deploying(store, clock, compiled, activities()).await;
            world.activities.adopt("Hold", token);
            world.until(world.engine.followed()).await.unwrap();
        }
    }
    let results = ended(&world, &runs, name).await;
    world.stop().await;
    results
}

#[tokio::test]
async fn pinned_runs_end_as_if_nobody_had_edited_anything() {
    for edit in EDITS {
        for restarts in [false, true] {
            let mut results = edited("build_id", edit, restarts).await;
            let mut expected = expected();
            // A run that continues as new takes the newest version that takes its input.
            expected.insert("Continues", json!(3));
            if edit.0 == "other constants" {
                for them in [&mut results, &mut expected] {
                    them.remove("Continues");
                }
                // An operation is its own: whoever is called later is of the newest version, too.
                for them in [&mut results, &mut expected] {
                    them.remove("Calls");
                }
            }
            assert_eq!(results, expected, "{} (restarted: {restarts})", edit.0);
        }
    }
}

#[tokio::test]
async fn runs_without_versioning_follow_or_stay_and_never_fail() {
    for edit in EDITS {
        for restarts in [false, true] {
            edited("none", edit, restarts).await;
        }
    }
}

#[tokio::test]
async fn a_renamed_namespace_keeps_its_runs() {
    for versioning in ["none", "build_id"] {
        let first = definition(&topology(PROGRAM, versioning));
        let (store, clock) = (Arc::new(MemoryStore::new()), SimClock::at(Timestamp::from_millis(1_000_000)));
        let activities = Scripted::default().with("Do", echo).outside("Hold");
        let world = World::deploying(store, clock, first, activities).await;
        let runs = blocked(&world).await;
        let renamed = topology(PROGRAM, versioning).replace("namespace default:", "namespace other:");
        world.engine.deploy(definition(&renamed)).await.unwrap();
        world.until(world.engine.followed()).await.unwrap();
        let mut results = ended(&world, &runs, "renamed namespace").await;
        let mut expected = expected();
        for them in [&mut results, &mut expected] {
            them.remove("Continues");
        }
        assert_eq!(results, expected, "{versioning}");
        world.stop().await;
    }
}
