//! Callers that ask one key at the same time, on threads of their own: their answers could have been given one after the
//! other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nexus_engine::EngineHandle;
use nexus_engine::input::{Input, Signal, Update};
use nexus_engine::record::Event;
use nexus_engine::testing::linear::{Answered, Asked, Operation, is_linearizable};
use nexus_engine::testing::send;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{RunId, WorkflowId};
use nexus_kernel::port::runs::RunFilter;
use nexus_kernel::testing::dice::Dice;
use serde_json::json;

use crate::support::{Scripted, World, request};

const PROGRAM: &str = "\
workflow Register(n: int):
    state:
        items = []
        condition closed
    signal Put(i: int):
        items.append(i)
    update Add(i: int) -> (any):
        items.append(i)
        return items
    await closed
";

const CALLERS: u64 = 5;
const QUESTIONS: u64 = 5;
const KEY: &str = "register";

/// One history and the clock that orders it.
struct Scene {
    engine: EngineHandle,
    clock: AtomicU64,
    /// Runs that callers have been told of.
    known: std::sync::Mutex<Vec<String>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_callers_are_told_could_have_happened_one_after_the_other() {
    let mut refused = 0;
    for seed in 0..60 {
        let world = World::new(PROGRAM, Scripted::default()).await;
        let scene = Arc::new(Scene {
            engine: world.engine.clone(),
            clock: AtomicU64::new(0),
            known: std::sync::Mutex::default(),
        });
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| tokio::spawn(caller(Arc::clone(&scene), seed * CALLERS + number)))
            .collect();
        let mut history = Vec::new();
        for caller in callers {
            history.extend(caller.await.unwrap());
        }
        with_answers(&world.engine, &mut history).await;
        refused += history.iter().filter(|it| it.answered == Answered::Refused).count();
        assert!(is_linearizable(&history), "seed {seed}: {history:#?}");
        world.stop().await;
    }
    assert!(refused > 0, "no caller ever met another");
}

async fn caller(scene: Arc<Scene>, seed: u64) -> Vec<Operation> {
    let dice = Dice::new(seed);
    let mut history = Vec::new();
    for question in 0..QUESTIONS {
        let number = i64::try_from(seed * QUESTIONS + question).unwrap();
        let known = scene.known.lock().unwrap().clone();
        let asked = match (dice.below(10), dice.pick(&known)) {
            (0..2, Some(run)) => Asked::Terminate(run.clone()),
            (2..5, _) => Asked::Signal(number),
            (5..8, _) => Asked::Update(number),
            _ => Asked::Start(seed / CALLERS * 100 + dice.below(4)),
        };
        let asked_at = scene.clock.fetch_add(1, Ordering::SeqCst);
        let answered = ask(&scene, &asked).await;
        let answered_at = scene.clock.fetch_add(1, Ordering::SeqCst);
        history.push(Operation { asked_at, answered_at, asked, answered });
    }
    history
}

async fn ask(scene: &Scene, asked: &Asked) -> Answered {
    let engine = &scene.engine;
    let done = match asked {
        Asked::Start(number) => {
            let mut request = request("Register", json!({ "n": 0 }));
            request.workflow_id = Some(WorkflowId::new(KEY).unwrap());
            request.idempotency_key = Some(number.to_string());
            match engine.start(request).await {
                Ok(started) => {
                    let run = started.run_id.to_string();
                    scene.known.lock().unwrap().push(run.clone());
                    return Answered::Started(run);
                }
                Err(error) => Err(error),
            }
        }
        Asked::Signal(i) => {
            let (name, input, request_id) = ("Put".to_owned(), json!({ "i": i }), i.to_string());
            send(
                engine,
                KEY,
                Input::Signal { run: None, signal: Signal { name, input, request_id }, checked: false },
            )
            .await
        }
        Asked::Update(i) => {
            let (name, input, id) = ("Add".to_owned(), json!({ "i": i }), i.to_string());
            send(engine, KEY, Input::Update { run: None, update: Update { id, name, input } }).await
        }
        Asked::Terminate(run) => engine.terminate(&RunId::parse(run).unwrap(), "asked").await,
    };
    done.map_or_else(|error| refused(&error), |()| Answered::Done)
}

fn refused(error: &Error) -> Answered {
    let expected = [&code::ALREADY_RUNNING, &code::RUN_UNKNOWN, &code::RUN_CLOSED];
    assert!(expected.contains(&error.code()), "{error}");
    Answered::Refused
}

/// An update that was taken has its answer in the history.
async fn with_answers(engine: &EngineHandle, history: &mut [Operation]) {
    let mut answers = std::collections::BTreeMap::new();
    for row in engine.list(RunFilter { limit: 1_000, ..RunFilter::default() }).await.unwrap() {
        for event in engine.history(&row.run_id).await.unwrap().events {
            if let Event::WorkflowExecutionUpdateCompleted { id, result, .. } = event.event {
                answers.insert(id, serde_json::from_value::<Vec<i64>>(result).unwrap());
            }
        }
    }
    for operation in history {
        if let (Asked::Update(i), Answered::Done) = (&operation.asked, &operation.answered) {
            operation.answered = Answered::Numbers(answers[&i.to_string()].clone());
        }
    }
}
