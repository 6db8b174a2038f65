//! The pure step beside a model of one key that fits on a page: the same answers, nothing twice, and a state that is the
//! fold of its records after every step.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexus_engine::decide::{Context, step};
use nexus_engine::input::{Due, Input, RemoteEnd, Reply, Signal, Start, Update};
use nexus_engine::record::{Event, IntentId, Performer, Record};
use nexus_engine::state::KeyState;
use nexus_engine::testing::programs;
use nexus_kernel::id::{Key, Namespace, RunId, WorkflowId};
use nexus_kernel::memory::rng::SeededRng;
use nexus_kernel::port::log::Stored;
use nexus_kernel::time::Timestamp;
use proptest::prelude::*;
use serde_json::json;

/// What happens to the key. Numbers below 4 name requests, so that repetitions are usual.
#[derive(Debug, Clone)]
enum Happens {
    Start(u8),
    Signal(u8),
    Update(u8, i8),
    Cancel,
    Terminate,
    Close(u8),
    /// News of something that the run never asked for, or not any more.
    Stale(u8),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        3 => (0..4_u8).prop_map(Happens::Start),
        4 => (0..4_u8).prop_map(Happens::Signal),
        3 => ((0..4_u8), -1..2_i8).prop_map(|(id, i)| Happens::Update(id, i)),
        1 => Just(Happens::Cancel),
        1 => Just(Happens::Terminate),
        1 => (4..6_u8).prop_map(Happens::Close),
        2 => (0..6_u8).prop_map(Happens::Stale),
    ]
}

/// The key as its callers know it.
#[derive(Debug, Default)]
struct Model {
    /// The run that each request started, by the order of starts.
    requests: BTreeMap<u8, usize>,
    starts: usize,
    open: bool,
    /// Messages that the latest run has taken in.
    signals: Vec<u8>,
    updates: Vec<u8>,
}

/// What the model expects: the run of a start, a plain yes, or a refusal; and whether something is written.
#[derive(Debug, PartialEq)]
enum Expected {
    Run(usize, bool),
    Done { writes: bool },
    Refused,
}

impl Model {
    fn expect(&mut self, happens: &Happens) -> Expected {
        match *happens {
            Happens::Start(request) => self.start(request),
            Happens::Signal(id) | Happens::Close(id) if self.signals.contains(&id) => {
                Expected::Done { writes: false }
            }
            // An update that was accepted has its answer, also when the run has closed since.
            Happens::Update(id, _) if self.updates.contains(&id) => Expected::Done { writes: false },
            Happens::Stale(_) => Expected::Done { writes: false },
            _ if !self.open => Expected::Refused,
            Happens::Signal(id) => {
                self.signals.push(id);
                Expected::Done { writes: true }
            }
            Happens::Update(id, i) => {
                if i < 0 {
                    return Expected::Refused;
                }
                self.updates.push(id);
                Expected::Done { writes: true }
            }
            Happens::Close(id) => {
                self.signals.push(id);
                self.open = false;
                Expected::Done { writes: true }
            }
            Happens::Cancel | Happens::Terminate => {
                self.open = false;
                Expected::Done { writes: true }
            }
        }
    }

    fn start(&mut self, request: u8) -> Expected {
        if let Some(run) = self.requests.get(&request) {
            return Expected::Run(*run, true);
        }
        if self.open {
            return Expected::Refused;
        }
        self.requests.insert(request, self.starts);
        self.starts += 1;
        self.open = true;
        self.signals.clear();
        self.updates.clear();
        Expected::Run(self.starts - 1, false)
    }
}

/// The real thing: one key, decided by the step and kept as a shard keeps it.
struct Real {
    key: Key,
    state: KeyState,
    stored: Vec<Stored>,
    runs: Vec<RunId>,
    rng: SeededRng,
    now: Timestamp,
}

impl Real {
    fn new() -> Real {
        Real {
            key: Key { namespace: Namespace::default(), workflow_id: WorkflowId::new("cart").unwrap() },
            state: KeyState::default(),
            stored: Vec::new(),
            runs: Vec::new(),
            rng: SeededRng::new(1),
            now: Timestamp::from_millis(1_000_000),
        }
    }

    fn input(&self, happens: &Happens) -> Input {
        let signal = |name: &str, id: u8| {
            let (name, input, request_id) = (name.to_owned(), json!({ "i": id }), id.to_string());
            Input::Signal { run: None, signal: Signal { name, input, request_id }, checked: false }
        };
        match *happens {
            Happens::Start(request) => Input::Start(Box::new(Start::new(
                "Cart".to_owned(),
                json!({ "n": 1 }),
                "here".to_owned(),
                request.to_string(),
            ))),
            Happens::Signal(id) => signal("Unheard", id),
            Happens::Close(id) => signal("Close", id),
            Happens::Update(id, i) => {
                let (name, input) = ("Put".to_owned(), json!({ "i": i }));
                Input::Update { run: None, update: Update { id: id.to_string(), name, input } }
            }
            Happens::Cancel => Input::Cancel { run: None, reason: "asked".to_owned() },
            Happens::Terminate => Input::Terminate { run: None, reason: "asked".to_owned() },
            Happens::Stale(what) => self.stale(what),
        }
    }

    fn stale(&self, what: u8) -> Input {
        let (seq, nobody) = (99, RunId::generate(self.now, &SeededRng::new(7)));
        let run = self.runs.last().cloned().unwrap_or(nobody);
        match what {
            0 => Input::Due(run, Due::Timer(seq)),
            1 => Input::Due(run, Due::Attempt(seq, 1)),
            2 => {
                let end = Box::new(RemoteEnd { by: None, outside: None, outcome: Ok(json!(1)) });
                Input::RemoteEnded { run, seq, end }
            }
            3 => Input::RemoteStarted {
                run: run.clone(),
                seq,
                outcome: Ok(Performer::of(self.key.clone(), run)),
            },
            4 => Input::SignalSent { run, seq, failure: None },
            _ => Input::Delivered(run, IntentId::Report),
        }
    }

    /// One step, as a shard takes it. Gives the answer and whether something was written.
    fn take(&mut self, happens: &Happens) -> (Reply, bool) {
        let definition = programs::definition();
        self.now = self.now.plus(std::time::Duration::from_millis(1));
        let input = self.input(happens);
        let context = Context {
            key: &self.key,
            now: self.now,
            rng: &self.rng,
            definition: &|_| Some(Arc::clone(&definition)),
            current: Some(Arc::clone(&definition)),
            beside: None,
            panic_fails: false,
        };
        let transition = step(&mut self.state, input, &context);
        let writes = transition.record.is_some();
        if let Some(record) = transition.record {
            self.keep(&record);
        }
        if let Reply::Started { run, existing: false } = &transition.reply {
            self.runs.push(run.clone());
        }
        self.state.forget_settled();
        (transition.reply, writes)
    }

    fn keep(&mut self, record: &Record) {
        let bytes = record.encode();
        assert_eq!(Record::decode(&bytes).unwrap(), *record, "what is written reads back");
        self.state.head += 1;
        self.state.count_bytes(record, bytes.len());
        self.stored.push(Stored { sequence: self.state.head, record: bytes });
    }

    /// The state in memory is what its records add up to, and they add up to the same every time.
    fn is_the_fold_of_its_records(&mut self) -> Result<(), TestCaseError> {
        let fold = || {
            let mut state = KeyState::fold(&self.key.namespace, &self.stored).unwrap();
            state.forget_settled();
            format!("{state:?}")
        };
        let folded = fold();
        prop_assert_eq!(&folded, &fold());
        let programs: Vec<_> = self
            .state
            .runs
            .iter_mut()
            .map(|run| (run.machine.take(), std::mem::take(&mut run.unseen)))
            .collect();
        let live = format!("{:?}", self.state);
        for (run, (machine, unseen)) in self.state.runs.iter_mut().zip(programs) {
            (run.machine, run.unseen) = (machine, unseen);
        }
        prop_assert_eq!(live, folded);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_step_does_what_the_model_says(all in prop::collection::vec(happens(), 1..40)) {
        let (mut model, mut real) = (Model::default(), Real::new());
        for happens in &all {
            let expected = model.expect(happens);
            let (reply, writes) = real.take(happens);
            let found = match reply {
                Reply::Started { run, existing } => {
                    let place = real.runs.iter().position(|known| *known == run);
                    prop_assert_eq!(writes, !existing);
                    Expected::Run(place.unwrap(), existing)
                }
                Reply::Refused(_) => {
                    prop_assert!(!writes, "a refusal leaves no trace");
                    Expected::Refused
                }
                _ => Expected::Done { writes },
            };
            prop_assert_eq!(found, expected, "{:?}", happens);
            real.is_the_fold_of_its_records()?;
        }
        let events = real.stored.iter().flat_map(|stored| Record::decode(&stored.record).unwrap().runs);
        let starts = events.flat_map(|part| part.events).filter(|it| matches!(it, Event::WorkflowExecutionStarted(_)));
        prop_assert_eq!(starts.count(), model.starts);
    }
}
