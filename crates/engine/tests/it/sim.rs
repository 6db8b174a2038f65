//! Simulated worlds: a history that a program cannot have made is found, wherever it was changed.

use std::sync::Arc;

use nexus_engine::Definition;
use nexus_engine::record::Event;
use nexus_engine::sim::{Answer, Answers, Bounds, Remote, RunHistory, World, verify};
use nexus_kernel::activity::ActivityTask;
use nexus_kernel::id::{Namespace, WorkflowId};
use nexus_kernel::time::Timestamp;
use nexus_lang::text::source::Sources;
use nexus_lang::twf::machine::Trace;
use serde_json::json;

const PROGRAM: &str = "
activity Double(n: int) -> (int):
    ...

workflow W(n: int) -> (any):
    await timer(1h)
    activity Double(n) -> twice
    for (twice < 100):
        activity Double(twice) -> twice
    close complete([twice, random(10)])
";

struct Doubles;

impl Answers for Doubles {
    fn activity(&mut self, task: &ActivityTask, _: Timestamp) -> Answer {
        Answer::now(Ok(json!(task.input[0].as_i64().unwrap() * 2)))
    }

    fn remote(&mut self, _: Remote<'_>, _: Timestamp) -> Option<Answer> {
        None
    }
}

fn definition() -> Arc<Definition> {
    let mut sources = Sources::new();
    sources.add("w.twf", PROGRAM);
    Definition::compile(sources, false).0.unwrap()
}

fn lived() -> (Arc<Definition>, RunHistory) {
    let definition = definition();
    let began = Timestamp::from_millis(1_767_225_600_000);
    let mut world = World::new(Arc::clone(&definition), (began, 7), Doubles).keeping_fingerprints();
    let id = WorkflowId::new("w").unwrap();
    let key = world.start(&Namespace::default(), &id, "W", json!({ "n": 5 })).unwrap();
    world.run_to_end(&key).unwrap();
    let history = world.histories().remove(0);
    let verified = world.verify(&history, Bounds::default(), None).unwrap();
    assert_eq!((verified.events, verified.followed), (history.events.len(), verified.tasks));
    assert_eq!(history.result[0], 160);
    (definition, history)
}

#[test]
fn what_was_lived_is_verified_and_counted() {
    let (definition, history) = lived();
    let mut trace = Trace::default();
    verify(&definition, &history, Bounds::default(), Some(&mut trace)).unwrap();
    let reached = definition.program.coverage("W", &trace);
    assert!(reached.iter().all(|point| point.hits > 0), "{reached:?}");
    let sampled = verify(&definition, &history, Bounds { events_max: 3, samples: 2 }, None).unwrap();
    assert!(sampled.followed < sampled.tasks && sampled.followed >= 2, "{sampled:?}");
}

#[test]
fn a_history_that_was_changed_is_found_and_named() {
    let (definition, history) = lived();
    let mut found = 0;
    for at in 0..history.events.len() {
        let mut changed = history.clone();
        let told = match &mut changed.events[at].event {
            Event::ActivityTaskCompleted { result, .. } => {
                *result = json!(99);
                "ActivityTaskScheduled"
            }
            Event::ActivityTaskScheduled { input, .. } => {
                *input = vec![json!("other")];
                "other"
            }
            Event::WorkflowExecutionCompleted { result, .. } => {
                *result = json!("other");
                "other"
            }
            _ => continue,
        };
        let mismatch = verify(&definition, &changed, Bounds::default(), None).unwrap_err();
        assert!(mismatch.event > at as u64, "{mismatch:?}");
        assert!(mismatch.history.contains("w.twf:") && mismatch.program.contains("w.twf:"), "{mismatch:?}");
        assert!(format!("{mismatch:?}").contains(told), "{mismatch:?}");
        found += 1;
    }
    assert!(found >= 8, "{found}");
}

#[test]
fn a_state_that_is_not_the_one_that_lived_is_found() {
    let (_, mut history) = lived();
    // Another moment of a task changes no command of this program, but the state it leaves.
    let began = Timestamp::from_millis(1_767_225_600_000);
    let mut world = World::new(definition(), (began, 7), Doubles).keeping_fingerprints();
    let id = WorkflowId::new("w").unwrap();
    let key = world.start(&Namespace::default(), &id, "W", json!({ "n": 5 })).unwrap();
    world.run_to_end(&key).unwrap();
    assert_eq!(world.histories()[0].run_id, history.run_id, "equal seeds give equal runs");
    let task = history.events.iter().rposition(|it| matches!(it.event, Event::WorkflowTaskCompleted {}));
    let before = history.events[..task.unwrap()].iter();
    let earlier = before.rev().position(|it| matches!(it.event, Event::WorkflowTaskCompleted {})).unwrap();
    let at = task.unwrap() - 1 - earlier;
    history.events[at].bytes_before += 1;
    let mismatch = world.verify(&history, Bounds::default(), None).unwrap_err();
    assert!(mismatch.program.contains("another state"), "{mismatch:?}");
}

#[test]
fn a_crash_loses_nothing() {
    let definition = definition();
    let run = |crashes: bool| {
        let mut world = World::new(Arc::clone(&definition), (Timestamp::from_millis(0), 7), Doubles);
        let id = WorkflowId::new("w").unwrap();
        let key = world.start(&Namespace::default(), &id, "W", json!({ "n": 5 })).unwrap();
        while world.is_open(&key) {
            if crashes {
                world.crash().unwrap();
            }
            let (due, _) = world.next_due().unwrap();
            world.advance_to(due).unwrap();
        }
        let history = world.histories().remove(0);
        (history.result, history.events.len())
    };
    assert_eq!(run(true), run(false));
}
