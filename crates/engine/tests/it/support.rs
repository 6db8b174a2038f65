//! An engine on memory ports, whose time and activities the test decides.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nexus_engine::activity::handle::ActivityTarget;
use nexus_engine::activity::input::ActivityInput;
use nexus_engine::input::Signal;
use nexus_engine::record::StartOptions;
use nexus_engine::shard::Outcome;
use nexus_engine::view::HistoryView;
use nexus_engine::{Definition, Engine, EngineHandle, Options, Ports, StartRequest};
use nexus_kernel::activity::{ActivityTask, ActivityToken, BeatAnswer, Completion};
use nexus_kernel::call::{CallContext, Channel};
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Namespace, RunId};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::rng::SeededRng;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::activity::{Activities, SharedProgress};
use nexus_kernel::port::clock::Clock;
use nexus_kernel::port::exchange::SharedExchange;
use nexus_kernel::task::Shutdown;
use nexus_kernel::time::Timestamp;
use nexus_kernel::{BoxFuture, Json};
use nexus_lang::text::source::Sources;
use tokio::task::JoinHandle;

type Behaviour = Box<dyn Fn(&ActivityTask) -> Result<Completion, Failure> + Send + Sync>;
type Work = BoxFuture<'static, Result<Completion, Failure>>;
type Worker = Box<dyn Fn(ActivityTask, SharedProgress) -> Work + Send + Sync>;

/// Activities as closures by name. An activity without one never ends.
#[derive(Default)]
pub(crate) struct Scripted {
    behaviours: HashMap<&'static str, Behaviour>,
    workers: HashMap<&'static str, Worker>,
    /// Activities that nobody implements until they are taken out of here.
    pub(crate) unbound: Mutex<Vec<&'static str>>,
    /// Every attempt, in order.
    pub(crate) attempts: Mutex<Vec<(String, u32)>>,
    tokens: Mutex<Vec<(String, ActivityToken)>>,
}

impl Scripted {
    pub(crate) fn with(
        mut self,
        name: &'static str,
        behaviour: impl Fn(&ActivityTask) -> Result<Json, Failure> + Send + Sync + 'static,
    ) -> Scripted {
        self.behaviours.insert(name, Box::new(move |task| behaviour(task).map(Completion::Done)));
        self
    }

    /// An activity that somebody completes from outside.
    pub(crate) fn outside(mut self, name: &'static str) -> Scripted {
        self.behaviours.insert(name, Box::new(|_| Ok(Completion::Later)));
        self
    }

    /// An activity that reports its progress.
    pub(crate) fn working(
        mut self,
        name: &'static str,
        worker: impl Fn(ActivityTask, SharedProgress) -> Work + Send + Sync + 'static,
    ) -> Scripted {
        self.workers.insert(name, Box::new(worker));
        self
    }

    /// Takes over an attempt that was handed out before a restart.
    pub(crate) fn adopt(&self, name: &str, token: ActivityToken) {
        self.tokens.lock().unwrap().push((name.to_owned(), token));
    }

    /// The tokens of all attempts of an activity.
    pub(crate) fn tokens(&self, name: &str) -> Vec<ActivityToken> {
        let tokens = self.tokens.lock().unwrap();
        tokens.iter().filter(|(activity, _)| activity == name).map(|(_, token)| token.clone()).collect()
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.attempts.lock().unwrap().iter().filter(|(activity, _)| activity == name).count()
    }
}

impl Activities for Scripted {
    fn is_bound(&self, activity: &str) -> bool {
        !self.unbound.lock().unwrap().contains(&activity)
    }

    fn execute(&self, task: ActivityTask, progress: SharedProgress) -> Work {
        self.attempts.lock().unwrap().push((task.activity.clone(), task.attempt));
        self.tokens.lock().unwrap().push((task.activity.clone(), task.token()));
        if let Some(worker) = self.workers.get(task.activity.as_str()) {
            return worker(task, progress);
        }
        match self.behaviours.get(task.activity.as_str()) {
            Some(behaviour) => Box::pin(std::future::ready(behaviour(&task))),
            None => Box::pin(std::future::pending()),
        }
    }
}

/// The echo of an activity's first argument.
#[expect(clippy::unnecessary_wraps, reason = "the signature is that of every behaviour")]
pub(crate) fn echo(task: &ActivityTask) -> Result<Json, Failure> {
    Ok(task.input.first().cloned().unwrap_or(Json::Null))
}

/// A running engine.
pub(crate) struct World {
    pub(crate) engine: EngineHandle,
    pub(crate) clock: SimClock,
    pub(crate) activities: Arc<Scripted>,
    shutdown: Shutdown,
    running: JoinHandle<Result<(), Error>>,
    _replayed: Replayed,
}

/// A store whose histories must all replay when its test is over.
struct Replayed(SharedStore);

impl Drop for Replayed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let store = Arc::clone(&self.0);
        // Stores may need a runtime, and that of the test cannot be waited for here.
        let looking = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(nexus_engine::testing::unreplayable(&store))
        });
        let found = looking.join().unwrap();
        assert!(found.is_empty(), "histories that do not replay:\n{}", found.join("\n"));
    }
}

static SEED: AtomicUsize = AtomicUsize::new(1);

impl World {
    pub(crate) async fn new(program: &str, activities: Scripted) -> World {
        World::on(
            Arc::new(MemoryStore::new()),
            SimClock::at(Timestamp::from_millis(1_000_000)),
            program,
            activities,
        )
        .await
    }

    /// An engine on a store that may hold work already.
    pub(crate) async fn on(
        store: SharedStore,
        clock: SimClock,
        program: &str,
        activities: Scripted,
    ) -> World {
        World::deploying(store, clock, definition(program), activities).await
    }

    /// The same with a definition as it is.
    pub(crate) async fn deploying(
        store: SharedStore,
        clock: SimClock,
        definition: Arc<Definition>,
        activities: Scripted,
    ) -> World {
        // Every run that waits is let go of at once, so that every test shows that nothing is lost by it.
        World::keeping(0, (store, clock), definition, activities).await
    }

    /// The same with so many waiting keys in memory.
    pub(crate) async fn keeping(
        resident_keys_max: usize,
        (store, clock): (SharedStore, SimClock),
        definition: Arc<Definition>,
        activities: Scripted,
    ) -> World {
        let nowhere = Arc::new(nexus_kernel::port::exchange::Nowhere);
        World::reaching(nowhere, resident_keys_max, (store, clock), definition, activities).await
    }

    /// The same with a way outside.
    pub(crate) async fn reaching(
        outside: SharedExchange,
        resident_keys_max: usize,
        (store, clock): (SharedStore, SimClock),
        definition: Arc<Definition>,
        activities: Scripted,
    ) -> World {
        let activities = Arc::new(activities);
        let seed = SEED.fetch_add(1, Ordering::Relaxed) as u64;
        let replayed = Replayed(Arc::clone(&store));
        let ports = Ports {
            store,
            clock: Arc::new(clock.clone()),
            rng: Arc::new(SeededRng::new(seed)),
            activities: activities.clone(),
            outside,
        };
        let options = Options { shards: 2, resident_keys_max, ..Options::default() };
        let engine = Engine::open(options, ports).await.unwrap();
        let handle = engine.handle();
        handle.deploy(definition).await.unwrap();
        let shutdown = Shutdown::new();
        let running = tokio::spawn(engine.run(shutdown.clone()));
        World { engine: handle, clock, activities, shutdown, running, _replayed: replayed }
    }

    pub(crate) async fn start(&self, workflow: &str, input: Json) -> nexus_engine::engine::Started {
        self.engine.start(request(workflow, input)).await.unwrap()
    }

    /// Runs a workflow to its end; time jumps to the next thing that waits for it.
    pub(crate) async fn run(&self, workflow: &str, input: Json) -> Outcome {
        let started = self.start(workflow, input).await;
        self.until(self.engine.end(started)).await.unwrap()
    }

    /// Waits for something while time jumps forward whenever everything waits for time.
    pub(crate) async fn until<T>(&self, something: impl Future<Output = T>) -> T {
        tokio::pin!(something);
        loop {
            for _ in 0..200 {
                tokio::select! {
                    biased;
                    value = &mut something => return value,
                    () = tokio::task::yield_now() => {}
                }
            }
            let now = self.clock.now();
            match self.clock.next_wake() {
                Some(at) => self.clock.advance(at.since(now)),
                None => tokio::task::yield_now().await,
            }
        }
    }

    pub(crate) async fn history(&self, outcome: &Outcome) -> HistoryView {
        self.engine.history(&outcome.run_id).await.unwrap()
    }

    /// Does something to a pending activity.
    pub(crate) async fn tell(
        &self,
        target: impl Into<ActivityTarget>,
        input: ActivityInput,
    ) -> Result<BeatAnswer, Error> {
        self.engine.activity(&target.into(), input).await
    }

    /// Calls an operation of Nexus itself.
    pub(crate) async fn call(&self, name: &str, input: Json) -> Result<Json, Error> {
        let current = self.engine.definition().unwrap();
        let all = nexus_engine::operations::operations(&self.engine, &current).unwrap();
        let verb = all.into_iter().find(|operation| operation.name == name).unwrap();
        Ok(verb.handler.call(input, CallContext::new(Channel::Cli, "test")).await?.output)
    }

    /// Sends a signal to a run.
    pub(crate) async fn signal(&self, run: &RunId, name: &str, input: Json) {
        let request_id = format!("test-{}", SEED.fetch_add(1, Ordering::Relaxed));
        let signal = Signal { name: name.to_owned(), input, request_id };
        let address = self.engine.address_of_run(run).await.unwrap();
        self.engine.signal(&address, signal).await.unwrap();
    }

    /// Lets everything happen that happens now.
    pub(crate) async fn settle(&self) {
        for _ in 0..500 {
            tokio::task::yield_now().await;
        }
    }

    /// The token of an activity's attempt, once it has begun.
    pub(crate) async fn token(&self, activity: &str, attempt: usize) -> ActivityToken {
        loop {
            self.settle().await;
            if let Some(token) = self.activities.tokens(activity).get(attempt - 1) {
                return token.clone();
            }
            let wake = self.clock.next_wake().expect("the attempt never begins");
            self.clock.advance(wake.since(self.clock.now()));
        }
    }

    /// What a run waits for, as callers see it.
    pub(crate) async fn pending(&self, run: &RunId) -> Vec<Json> {
        self.engine.show(run).await.unwrap().pending
    }

    /// Stops the engine and waits until it has.
    pub(crate) async fn stop(self) {
        self.shutdown.begin();
        let _ = self.running.await;
    }
}

pub(crate) fn request(workflow: &str, input: Json) -> StartRequest {
    StartRequest {
        namespace: Namespace::default(),
        workflow: workflow.to_owned(),
        workflow_id: None,
        input,
        idempotency_key: None,
        options: StartOptions::default(),
    }
}

pub(crate) fn definition(program: &str) -> Arc<Definition> {
    compiled(program, false)
}

/// A definition that names what is elsewhere.
pub(crate) fn sketch(program: &str) -> Arc<Definition> {
    compiled(program, true)
}

fn compiled(program: &str, lenient: bool) -> Arc<Definition> {
    let mut sources = Sources::new();
    sources.add("test.twf", program);
    let (definition, sources, found) = Definition::compile(sources, lenient);
    definition.unwrap_or_else(|| {
        let lines: Vec<_> =
            found.iter().map(|found| nexus_lang::text::render::concise(found, &sources)).collect();
        panic!("{}", lines.join("\n"))
    })
}

/// The names of a history's events, workflow tasks left out.
pub(crate) fn names(history: &HistoryView) -> Vec<&'static str> {
    let events = history.events.iter().map(|event| event.event.name());
    events.filter(|name| *name != "WorkflowTaskCompleted").collect()
}

/// Whole seconds from the start to the end of a history.
pub(crate) fn seconds(history: &HistoryView) -> u64 {
    let (first, last) = (history.events.first().unwrap(), history.events.last().unwrap());
    last.at.since(first.at).as_secs()
}
