//! Open runs that follow newer definitions: only those whose whole history is the same, and never at others' cost.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use nexus_engine::Definition;
use nexus_engine::input::Signal;
use nexus_engine::version::{Choice, Followed, Percentage};
use nexus_kernel::failure::Failure;
use nexus_kernel::id::RunId;
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::time::Timestamp;
use serde_json::{Value as Json, json};

use crate::crash::Mortal;
use crate::support::{Scripted, World, definition, echo};

/// A program with a worker that has everything in it, in the namespace `default`.
pub(crate) fn deployed(program: &str, versioning: &str) -> String {
    let member = |line: &str| {
        let (kind, rest) = line.split_once(' ')?;
        let name = rest.split_once('(')?.0;
        ["workflow", "activity"].contains(&kind).then(|| format!("    {kind} {name}\n"))
    };
    let members: Vec<_> = program.lines().filter_map(member).collect();
    format!(
        "{program}\nworker All:\n{}\nnamespace default:\n    worker All\n        options:\n            \
         task_queue: \"default\"\n            versioning: {versioning}\n",
        members.concat()
    )
}

/// Waits for a signal between two activities, and answers with a constant.
fn tell(before: &str, constant: u32) -> Arc<Definition> {
    let program = format!(
        "workflow Tell(n: int) -> (int):\n    signal Go():\n        pass\n{before}    activity Do(n) -> a\n    \
         await signal Go\n    activity Do(a) -> b\n    return b + {constant}\n\nactivity Do(x: int) -> (int):\n    ...\n"
    );
    definition(&deployed(&program, "none"))
}

async fn world(first: Arc<Definition>) -> World {
    let (store, clock) = (Arc::new(MemoryStore::new()), SimClock::at(Timestamp::from_millis(1_000_000)));
    World::deploying(store, clock, first, Scripted::default().with("Do", echo)).await
}

async fn deploy(world: &World, definition: Arc<Definition>) -> Followed {
    world.engine.deploy(definition).await.unwrap();
    world.until(world.engine.followed()).await.unwrap()
}

async fn waiting(world: &World) -> RunId {
    let started = world.start("Tell", json!({ "n": 5 })).await;
    world.settle().await;
    started.run_id
}

async fn result(world: &World, run: &RunId) -> Json {
    world.signal(run, "Go", json!([])).await;
    let row = world.engine.row(run).await.unwrap();
    let outcome = world.until(world.engine.wait(&row)).await.unwrap();
    assert_eq!(outcome.status, RunStatus::Completed, "{outcome:?}");
    outcome.result
}

#[tokio::test]
async fn a_run_goes_on_with_a_definition_that_does_what_its_history_says() {
    let world = world(tell("", 1)).await;
    let run = waiting(&world).await;
    let followed = deploy(&world, tell("    # a remark\n    total = 0\n", 100)).await;
    assert_eq!((followed.went, followed.stayed), (1, 0), "{followed:?}");
    let shown = world.engine.show(&run).await.unwrap().to_json();
    assert_eq!((&shown["version"], &shown["stayed"]), (&json!(2), &Json::Null));
    assert_eq!(
        world.call("run.list", json!({ "version": 2 })).await.unwrap()["runs"][0]["run_id"],
        run.as_str()
    );
    assert_eq!(result(&world, &run).await, 105);
    world.stop().await;
}

#[tokio::test]
async fn a_run_keeps_its_version_when_another_one_would_differ_and_says_where() {
    let world = world(tell("", 1)).await;
    let run = waiting(&world).await;
    let followed = deploy(&world, tell("    await timer(1s)\n", 100)).await;
    assert_eq!((followed.went, followed.stayed), (0, 1));
    let (which, why) = followed.why.unwrap();
    assert_eq!((which, why.type_name.as_str()), (run.clone(), "Nondeterminism"));
    let shown = world.engine.show(&run).await.unwrap().to_json();
    assert_eq!((&shown["version"], &shown["stayed"]["version"]), (&json!(1), &json!(2)));
    let failure: Failure = serde_json::from_value(shown["stayed"]["failure"].clone()).unwrap();
    assert_eq!(
        failure.message,
        "event 3: the history has ActivityTaskScheduled Do (command 1) at test.twf:4:5, \
         the program does TimerStarted (command 1) at test.twf:4:5"
    );
    assert_eq!(failure.details[0]["event"], 3);
    let filter = json!({ "filter": "TemporalReportedProblems = 'cause=Nondeterminism'" });
    assert_eq!(world.call("run.list", filter.clone()).await.unwrap()["runs"][0]["run_id"], run.as_str());
    // A later version that does the same again is followed, and the report goes.
    let followed = deploy(&world, tell("", 7)).await;
    assert_eq!((followed.went, followed.stayed), (1, 0));
    assert_eq!(world.call("run.list", filter).await.unwrap()["runs"], json!([]));
    assert_eq!(result(&world, &run).await, 12);
    world.stop().await;
}

#[tokio::test]
async fn a_command_that_is_no_longer_made_is_a_difference() {
    let world = world(tell("    await one:\n        timer(1h):\n        timer(2h):\n", 1)).await;
    let run = waiting(&world).await;
    let followed = deploy(&world, tell("    await one:\n        timer(1h):\n", 1)).await;
    let (_, why) = followed.why.unwrap();
    assert!(why.message.starts_with("event 4: the history has TimerStarted (command 2)"), "{}", why.message);
    assert!(why.message.ends_with("the program does nothing"), "{}", why.message);
    assert_eq!(world.engine.show(&run).await.unwrap().to_json()["version"], 1);
    world.stop().await;
}

#[tokio::test]
async fn a_program_that_cannot_go_on_is_mended_by_a_newer_version() {
    let broken = |expression: &str| {
        let program = format!(
            "workflow Tell(n: any) -> (any):\n    signal Go():\n        pass\n    await signal Go\n    return {expression}\n"
        );
        definition(&deployed(&program, "none"))
    };
    let world = world(broken("n.missing.field")).await;
    let run = waiting(&world).await;
    world.signal(&run, "Go", json!([])).await;
    world.settle().await;
    assert!(world.engine.show(&run).await.unwrap().blocked.is_some());
    let followed = deploy(&world, broken("n")).await;
    assert_eq!(followed.went, 1, "{followed:?}");
    let row = world.engine.row(&run).await.unwrap();
    assert_eq!(world.until(world.engine.wait(&row)).await.unwrap().result, 5);
    world.stop().await;
}

#[tokio::test]
async fn runs_follow_a_rollback_and_what_happens_meanwhile_is_taken_along() {
    let world = world(tell("", 1)).await;
    let run = waiting(&world).await;
    assert_eq!(deploy(&world, tell("", 2)).await.went, 1);
    world.engine.choose_version(Choice::RollBack { version: None, hold: false }).await.unwrap();
    // The signal and the rollback race: either program ends the run, none breaks it.
    let result = result(&world, &run).await;
    assert!(result == json!(6) || result == json!(7), "{result}");
    let late = waiting(&world).await;
    assert_eq!(world.engine.show(&late).await.unwrap().to_json()["version"], 1);
    world.stop().await;
}

#[tokio::test]
async fn pinned_runs_do_not_follow_and_removed_workflows_are_told() {
    let program = "workflow Tell(n: int) -> (int):\n    signal Go():\n        pass\n    await signal Go\n    return 1\n";
    for (versioning, stayed) in [("build_id", 0), ("none", 1)] {
        let world = world(definition(&deployed(program, versioning))).await;
        let run = waiting(&world).await;
        let other = deployed(&program.replace("Tell", "Other"), "none");
        let followed = deploy(&world, definition(&other)).await;
        assert_eq!((followed.went, followed.stayed), (0, stayed), "{versioning}");
        if let Some((_, why)) = followed.why {
            assert_eq!(why.type_name, "WorkflowRemoved");
        }
        assert_eq!(result(&world, &run).await, 1);
        world.stop().await;
    }
}

/// Runs that follow at once in the next test.
const MANY: usize = 1_000;

#[tokio::test]
async fn a_thousand_runs_follow_and_nobody_waits_for_them() {
    let world = world(tell("", 1)).await;
    let mut runs = Vec::new();
    for _ in 0..MANY {
        runs.push(world.start("Tell", json!({ "n": 5 })).await.run_id);
    }
    world
        .until(async {
            while world.activities.count("Do") < MANY {
                tokio::task::yield_now().await;
            }
        })
        .await;
    world.engine.deploy(tell("", 2)).await.unwrap();
    let engine = world.engine.clone();
    let mut followed = Box::pin(engine.followed());
    // Whoever asks while they follow is answered before they have all done so.
    for run in runs.iter().take(10) {
        let address = world.engine.address_of_run(run).await.unwrap();
        let asked = world.engine.show_at(&address);
        tokio::select! {
            biased;
            shown = asked => assert_eq!(shown.unwrap().row.status, RunStatus::Running),
            followed = &mut followed => panic!("the asker waited for everybody: {followed:?}"),
        }
        world.signal(run, "Go", json!([])).await;
    }
    let followed = world.until(followed).await.unwrap();
    assert!(followed.went + 10 >= MANY as u64 && followed.stayed == 0, "{followed:?}");
    assert_eq!(result(&world, &runs[MANY - 1]).await, 7);
    world.stop().await;
}

#[tokio::test]
async fn files_are_tried_on_open_runs_without_changing_anything() {
    let world = world(tell("", 1)).await;
    let run = waiting(&world).await;
    let files = |text: &str| json!({ "files": [{ "path": "test.twf", "text": text }] });
    let source = |before: &str, constant: u32| {
        let definition = tell(before, constant);
        let (_, source) = definition.sources.iter().next().unwrap();
        source.text.to_string()
    };
    let checked = world.call("workflow.check", files(&source("", 3))).await.unwrap();
    assert_eq!((&checked["open"], &checked["follow"], &checked["stay"]), (&json!(1), &json!(1), &json!(0)));
    let checked = world.call("workflow.check", files(&source("    await timer(1s)\n", 3))).await.unwrap();
    assert_eq!((&checked["follow"], &checked["stay"]), (&json!(0), &json!(1)));
    let problem = &checked["problems"][0];
    assert_eq!((&problem["run_id"], &problem["at"]), (&json!(run), &json!("test.twf:4:5")));
    let pinned = source("", 3).replace("versioning: none", "versioning: build_id");
    assert_eq!(world.call("workflow.check", files(&pinned)).await.unwrap()["pinned"], 1);
    let error = world.call("workflow.check", files("workflow (")).await.unwrap_err();
    assert_eq!(error.code().id, "NX-1001");
    assert_eq!(world.engine.versions().last, 1);
    assert_eq!(result(&world, &run).await, 6);
    world.stop().await;
}

#[tokio::test]
async fn a_message_that_would_be_lost_keeps_a_run_on_its_version() {
    let program = |parameters: &str| {
        let text = format!(
            "workflow Tell(n: int) -> (int):\n    state:\n        total = 0\n    signal Add({parameters}):\n        \
             total = total + by\n    signal Go():\n        pass\n    await signal Go\n    return total\n"
        );
        definition(&deployed(&text, "none"))
    };
    let world = world(program("by: int")).await;
    let run = waiting(&world).await;
    world.signal(&run, "Add", json!({ "by": 2 })).await;
    let (_, why) = deploy(&world, program("by: int, who: string")).await.why.unwrap();
    assert_eq!(why.type_name, "MessageUnfit");
    assert!(why.message.starts_with("event 3: the history has signal Add"), "{}", why.message);
    assert_eq!(deploy(&world, program("by: int, who: string = \"me\"")).await.went, 1);
    assert_eq!(result(&world, &run).await, 2);
    world.stop().await;
}

/// Two workflows that wait: one goes on with every version, the other with the first one only.
fn pair(version: u32) -> Arc<Definition> {
    let more = if version == 1 { "" } else { "    await timer(1s)\n" };
    let head = "(n: int) -> (int):\n    signal Go():\n        pass\n";
    let text = format!(
        "workflow Goes{head}    activity Do(n) -> a\n    await signal Go\n    return a + {version}\n\n\
         workflow Stays{head}{more}    activity Do(n) -> a\n    await signal Go\n    return a + {version}\n\n\
         activity Do(x: int) -> (int):\n    ...\n"
    );
    definition(&deployed(&text, "none"))
}

/// How often each run was told which definition it has.
async fn notes(world: &World, store: &MemoryStore, run: &RunId) -> Vec<String> {
    use nexus_kernel::port::log::Log as _;
    let key = world.engine.row(run).await.unwrap().key;
    let mut found = Vec::new();
    for stored in store.read(&key, 0).await.unwrap() {
        let record: Json = serde_json::from_slice(&stored.record).unwrap();
        let notes = record["runs"].as_array().unwrap().iter().filter_map(|part| part["notes"].as_array());
        let names = notes.flatten().filter_map(|note| note["note"].as_str());
        found.extend(names.filter(|name| name.starts_with("definition")).map(ToOwned::to_owned));
    }
    found
}

#[tokio::test]
async fn a_crash_after_every_commit_of_following_changes_nothing() {
    for appends in 1..9 {
        let (store, clock) = (Arc::new(MemoryStore::new()), SimClock::at(Timestamp::from_millis(1_000_000)));
        let activities = || Scripted::default().with("Do", echo);
        let first = World::deploying(store.clone(), clock.clone(), pair(1), activities()).await;
        let mut runs = Vec::new();
        for name in ["Goes", "Stays", "Goes", "Stays", "Goes"] {
            runs.push((name, first.start(name, json!({ "n": 5 })).await.run_id));
        }
        first.settle().await;
        first.stop().await;
        let mortal = Arc::new(Mortal { inner: store.clone(), left: AtomicUsize::new(appends) });
        let dying = World::deploying(mortal.clone(), clock.clone(), pair(2), activities()).await;
        // One of them is spoken to while it follows, which takes a commit as well.
        let address = dying.engine.address_of_run(&runs[0].1).await.unwrap();
        let signal = Signal { name: "Go".into(), input: json!([]), request_id: "once".into() };
        let _ = dying.engine.signal(&address, signal.clone()).await;
        dying.settle().await;
        dying.stop().await;
        let last = World::deploying(store.clone(), clock, pair(2), activities()).await;
        last.until(last.engine.followed()).await.unwrap();
        let _ = last.engine.signal(&address, signal).await; // a run that has ended knows it already
        for (at, (name, run)) in runs.iter().enumerate() {
            let row = last.engine.row(run).await.unwrap();
            if at > 0 {
                last.signal(run, "Go", json!([])).await;
            }
            let outcome = last.until(last.engine.wait(&row)).await.unwrap();
            assert_eq!(outcome.status, RunStatus::Completed, "{appends}: {name}");
            let told = notes(&last, &store, run).await;
            match (*name, outcome.result.as_u64().unwrap()) {
                ("Goes", 7) => assert_eq!(told, ["definition_changed"], "{appends}"),
                // It was spoken to first, and ended before it could follow.
                ("Goes", 6) if at == 0 => assert!(told.is_empty(), "{appends}: {told:?}"),
                ("Stays", 6) => assert_eq!(told, ["definition_refused"], "{appends}"),
                other => panic!("{appends}: {other:?}"),
            }
        }
        last.stop().await;
    }
}

#[tokio::test]
async fn a_change_under_patched_is_in_effect_for_those_who_come_to_it_later() {
    let patched = |again: &str| {
        let text = format!(
            "workflow Tell(n: int) -> (int):\n    signal Go():\n        pass\n    if (patched(\"wait\")):\n        \
             await timer(1s)\n    activity Do(n) -> a\n    await signal Go\n{again}    return a\n\n\
             activity Do(x: int) -> (int):\n    ...\n"
        );
        definition(&deployed(&text, "none"))
    };
    let again = "    if (patched(\"wait\")):\n        a = a + 100\n    if (patched(\"end\")):\n        a = a + 1000\n";
    let world = world(tell("", 1)).await;
    let old = waiting(&world).await;
    assert_eq!(deploy(&world, patched("")).await.went, 1, "the old run has passed the place");
    let new = waiting(&world).await;
    assert_eq!(deploy(&world, patched(again)).await.went, 2);
    let found = world.call("run.list", json!({ "filter": "TemporalChangeVersion = 'wait'" })).await.unwrap();
    assert_eq!(found["runs"].as_array().unwrap().len(), 1);
    assert_eq!(found["runs"][0]["run_id"], new.as_str());
    world
        .until(async {
            while world.activities.count("Do") < 2 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    assert_eq!((result(&world, &old).await, result(&world, &new).await), (json!(1005), json!(1105)));
    for run in [&old, &new] {
        world.engine.playback(run, None).await.unwrap();
    }
    world.stop().await;
}

/// The life of a change: asked for, then only marked, then gone from the file. Runs of every age follow it all the way,
/// and back.
#[tokio::test]
async fn a_patch_is_deprecated_and_removed_without_leaving_runs_behind() {
    let change = |change: &str| {
        let text = format!(
            "workflow Tell(n: int) -> (int):\n    signal Go():\n        pass\n    signal More():\n        pass\n{change}    \
             activity Do(n) -> a\n    await signal More\n    await signal Go\n    return a\n\n\
             activity Do(x: int) -> (int):\n    ...\n"
        );
        definition(&deployed(&text, "none"))
    };
    let asked = || change("    if (patched(\"tell\")):\n        activity Do(n + 1) -> n\n");
    let marked = || change("    deprecate_patch(\"tell\")\n    activity Do(n + 1) -> n\n");
    let gone = || change("    activity Do(n + 1) -> n\n");
    let open = async |world: &World| {
        let filter = json!({ "filter": "TemporalChangeVersion = 'tell' AND ExecutionStatus = 'Running'" });
        let found = world.call("run.list", filter).await.unwrap();
        found["runs"].as_array().unwrap().iter().map(|run| run["run_id"].clone()).collect::<Vec<_>>()
    };

    let world = world(asked()).await;
    let first = waiting(&world).await;
    assert_eq!(deploy(&world, marked()).await.went, 1);
    let second = waiting(&world).await;
    assert_eq!(open(&world).await, [json!(first.as_str())], "who still needs the mark");
    let followed = deploy(&world, gone()).await;
    assert_eq!((followed.went, followed.stayed), (1, 1), "{followed:?}");
    let why = followed.why.unwrap().1.message;
    assert!(why.contains("MarkerRecorded tell") && why.contains("`deprecate_patch(\"tell\")`"), "{why}");
    let third = waiting(&world).await;
    world.signal(&second, "More", json!([])).await;

    // What was before the change is back, as after a rollback: a run that passed the place without a mark cannot follow.
    let followed = deploy(&world, asked()).await;
    assert_eq!((followed.went, followed.stayed), (2, 1), "{followed:?}");
    assert_eq!(followed.why.unwrap().0, third);
    for run in [&second, &third, &first] {
        if run != &second {
            world.signal(run, "More", json!([])).await;
        }
        assert_eq!(result(&world, run).await, json!(6));
        world.engine.playback(run, None).await.unwrap();
    }
    world.stop().await;
}

#[tokio::test]
async fn open_runs_follow_a_version_that_ramps_by_their_ids_and_come_back() {
    let world = world(tell("", 1)).await;
    for _ in 0..40 {
        world.start("Tell", json!({ "n": 5 })).await;
    }
    world.settle().await;
    deploy(&world, tell("", 2)).await;
    world.engine.choose_version(Choice::RollBack { version: None, hold: false }).await.unwrap();
    assert_eq!(world.until(world.engine.followed()).await.unwrap().went, 40);
    let mut gone = 0;
    for percentage in [20.0, 60.0, 100.0, 0.0] {
        let part = Percentage::new(percentage).unwrap();
        world.engine.choose_version(Choice::Ramp { version: "2", percentage: part }).await.unwrap();
        let followed = world.until(world.engine.followed()).await.unwrap();
        let runs = world.engine.runs_by_version(None, Some("Tell")).await.unwrap();
        let ramping = world.engine.versions().get(2).unwrap().build_id().to_owned();
        let now = runs.get(&ramping).map_or(0, |runs| runs.open);
        assert_eq!(
            (followed.went, followed.stayed),
            (now.abs_diff(gone), 0),
            "only those that change sides move"
        );
        gone = now;
    }
    assert_eq!(gone, 0, "all are back");
    world.stop().await;
}

#[tokio::test]
async fn an_operator_moves_one_run_to_another_version() {
    let pinned = |before: &str, constant: u32| {
        let definition = tell(before, constant);
        let (_, source) = definition.sources.iter().next().unwrap();
        crate::support::definition(&source.text.replace("versioning: none", "versioning: build_id"))
    };
    let world = world(pinned("", 1)).await;
    let (moved, kept) = (waiting(&world).await, waiting(&world).await);
    assert_eq!(deploy(&world, pinned("", 2)).await.went, 0, "they keep their version");
    let done = world.call("run.upgrade", json!({ "run_id": moved })).await.unwrap();
    assert_eq!(done["version"], 2);
    deploy(&world, pinned("    await timer(1s)\n", 3)).await;
    let refused = world.call("run.upgrade", json!({ "run_id": kept, "version": 3 })).await.unwrap_err();
    assert_eq!(refused.code().id, "NX-2054");
    assert!(refused.message().contains("event 3"), "{refused}");
    assert_eq!((result(&world, &moved).await, result(&world, &kept).await), (json!(7), json!(6)));
    let closed = world.call("run.upgrade", json!({ "run_id": kept, "version": 2 })).await.unwrap_err();
    assert_eq!(closed.code().id, "NX-2032");
    world.stop().await;
}
