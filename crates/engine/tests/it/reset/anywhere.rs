//! A reset at any task of any program, at any time, with a crash after it.

use std::time::Duration;

use nexus_engine::record::Event;
use nexus_engine::reset::{Pin, ResetRequest, Target};
use nexus_engine::sim::{Answer, Answers, Bounds, Remote, RunHistory, World};
use nexus_engine::testing::programs;
use nexus_kernel::activity::ActivityTask;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, Namespace, WorkflowId};
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::time::Timestamp;
use proptest::prelude::*;
use serde_json::json;

/// Activities that always answer alike, after a second.
struct Alike;

impl Answers for Alike {
    fn activity(&mut self, task: &ActivityTask, _: Timestamp) -> Answer {
        let n = task.input.first().and_then(nexus_kernel::Json::as_i64).unwrap_or(0);
        let outcome = match task.activity.as_str() {
            "Doomed" => Err(Failure::application("Doom", "always").final_()),
            _ => Ok(json!(n + 1)),
        };
        Answer { takes: Duration::from_secs(1), outcome: Some(outcome) }
    }

    fn remote(&mut self, _: Remote<'_>, _: Timestamp) -> Option<Answer> {
        None
    }
}

/// Programs that end by themselves, each with its input. None of them signals another run: a message that was sent cannot
/// be taken back, and its receiver may have ended.
const PROGRAMS: [(&str, &str); 8] = [
    ("Steps", r#"{"n": 1}"#),
    ("Sleepy", r#"{"n": 3}"#),
    ("Fan", r#"{"n": 3}"#),
    ("Refund", r#"{"n": 4}"#),
    ("Chain", r#"{"n": 2, "total": 0}"#),
    ("Parent", r#"{"n": 2}"#),
    ("Canceller", r#"{"n": 1}"#),
    ("Caller", r#"{"n": 5}"#),
];

fn began() -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000)
}

fn world_with<'a>((workflow, input): (&str, &str)) -> (World<'a>, Key) {
    let mut world = World::new(programs::definition(), (began(), 11), Alike);
    let id = WorkflowId::new("it").unwrap();
    let input = serde_json::from_str(input).unwrap();
    let key = world.start(&Namespace::default(), &id, workflow, input).unwrap();
    (world, key)
}

/// The last run of a key.
fn last(world: &World<'_>, key: &Key) -> RunHistory {
    world.chain(key).pop().unwrap()
}

fn tasks(history: &RunHistory) -> Vec<u64> {
    let ends = history.events.iter().filter(|it| matches!(it.event, Event::WorkflowTaskCompleted {}));
    ends.map(|it| it.id).collect()
}

fn at(event: u64, id: u8) -> ResetRequest {
    ResetRequest {
        run: None,
        target: Target::Event(event),
        reason: "anywhere".into(),
        exclude: Vec::new(),
        pin: Pin::Current,
        request_id: format!("reset-{id}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever was done before, a run that is reset ends as one that was not; what it kept and what it did since make
    /// its program do it again; and a crash on the way changes nothing.
    #[test]
    fn a_run_ends_as_it_would_have_wherever_it_is_reset(
        program in 0..PROGRAMS.len(),
        after_ms in 0..6_000_u64,
        places in prop::collection::vec(any::<prop::sample::Index>(), 1..3),
        crashes in any::<bool>(),
    ) {
        let (mut undisturbed, key) = world_with(PROGRAMS[program]);
        undisturbed.run_to_end(&key).unwrap();
        let expected = last(&undisturbed, &key);

        let (mut world, key) = world_with(PROGRAMS[program]);
        world.advance_to(began().plus(Duration::from_millis(after_ms))).unwrap();
        for (number, place) in (0..).zip(&places) {
            let latest = last(&world, &key);
            let points = tasks(&latest);
            prop_assume!(!points.is_empty());
            let event = points[place.index(points.len())];
            let run = world.reset(&key, at(event, number)).unwrap();
            prop_assert_eq!(&last(&world, &key).run_id, &run);
            if crashes {
                world.crash().unwrap();
            }
            world.advance_to(world.now().plus(Duration::from_millis(after_ms / 2))).unwrap();
        }
        world.run_to_end(&key).unwrap();
        let ended = last(&world, &key);
        prop_assert_eq!((ended.status, &ended.result), (expected.status, &expected.result), "{:#?}", ended.events);
        for history in world.histories() {
            world.verify(&history, Bounds { events_max: 40, samples: 4 }, None).unwrap();
            let closes = history.events.iter().filter(|it| it.event.closes()).count();
            prop_assert_eq!(closes, usize::from(history.status != RunStatus::Running));
        }
    }
}
