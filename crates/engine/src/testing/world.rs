//! What outlives a process in a simulated world, and the ports that its processes stand on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use nexus_kernel::activity::{ActivityTask, Completion};
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, Namespace, WorkflowId};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::exchange::MemoryExchange;
use nexus_kernel::memory::rng::SeededRng;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::activity::{Activities, SharedProgress};
use nexus_kernel::port::clock::Clock as _;
use nexus_kernel::testing::dice::Dice;
use nexus_kernel::testing::faults::{Call, Fate, Faults, FaultyStore, Verdict};
use nexus_kernel::testing::pace::{Pace, Step};
use nexus_kernel::time::Timestamp;
use nexus_kernel::{BoxFuture, Json};
use serde_json::json;

use crate::engine::{EngineHandle, Ports};
use crate::testing::books::Books;
use crate::testing::outside;

/// When simulated worlds begin.
pub(super) const BEGINNING: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// The world of one seed.
pub(super) struct World {
    /// The seed's chance.
    pub(super) dice: Dice,
    /// What is durable.
    pub(super) store: Arc<MemoryStore>,
    /// Time goes on over crashes.
    pub(super) clock: SimClock,
    /// What callers asked and were told.
    books: Mutex<Books>,
    /// Results that workers handed over, by run and command.
    worked: Mutex<BTreeMap<(String, u64), Vec<Json>>>,
    /// The server of now.
    server: Mutex<Option<(u64, EngineHandle)>>,
    /// The store of the latest process.
    newest: Mutex<Option<Arc<FaultyStore>>>,
    /// So many of a thousand calls of the store fail.
    failures: AtomicU64,
    /// So many of a thousand appends are answered and never happen.
    lies: AtomicU64,
    /// Whether nothing fails any more.
    gentle: AtomicBool,
    /// Steps that tasks have taken.
    steps: AtomicU64,
    /// Where its operations are for those who call as if they were elsewhere.
    outside: OnceLock<MemoryExchange>,
}

impl World {
    /// The world of a seed.
    pub(super) fn new(seed: u64) -> Arc<World> {
        let dice = Dice::new(seed);
        let world = Arc::new(World {
            books: Mutex::new(Books::new(&dice)),
            dice,
            store: Arc::new(MemoryStore::new()),
            clock: SimClock::at(BEGINNING),
            worked: Mutex::default(),
            server: Mutex::new(None),
            newest: Mutex::new(None),
            failures: AtomicU64::new(0),
            lies: AtomicU64::new(0),
            gentle: AtomicBool::new(false),
            steps: AtomicU64::new(0),
            outside: OnceLock::new(),
        });
        let _ = world.outside.set(outside::way(&world)); // it is the first
        world
    }

    /// Whether the store of the latest process has failed.
    pub(super) fn store_has_failed(&self) -> bool {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.as_ref().is_some_and(|store| store.has_failed())
    }

    /// From now on nothing fails.
    pub(super) fn calm_down(&self) {
        self.gentle.store(true, Ordering::Relaxed);
    }

    /// So many of a thousand calls of the store fail from now on, and so many appends are lies.
    pub(super) fn fail_at(&self, failures: u64, lies: u64) {
        self.failures.store(failures, Ordering::Relaxed);
        self.lies.store(lies, Ordering::Relaxed);
    }

    /// Makes a server the one that callers find, unless they know a later one of this life.
    pub(super) fn publish(&self, generation: u64, server: EngineHandle) {
        let mut found = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if found.as_ref().is_none_or(|(known, _)| *known < generation) {
            *found = Some((generation, server));
        }
    }

    /// Nobody serves any more.
    pub(super) fn unpublish(&self) {
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The server of now; waits until there is one.
    pub(super) async fn server(&self) -> EngineHandle {
        loop {
            let found = self.server.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match found {
                Some((_, server)) => return server,
                None => self.nap(50).await,
            }
        }
    }

    /// The server of now, when there is one.
    pub(super) fn server_now(&self) -> Option<EngineHandle> {
        let found = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        found.as_ref().map(|(_, server)| server.clone())
    }

    /// Whether nothing fails.
    pub(super) fn is_gentle(&self) -> bool {
        self.gentle.load(Ordering::Relaxed)
    }

    /// Steps that tasks have taken since the beginning.
    pub(super) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// What callers asked and were told.
    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every result that a worker handed over for a command.
    pub(super) fn worked(&self, run: &str, seq: u64) -> Vec<Json> {
        let worked = self.worked.lock().unwrap_or_else(PoisonError::into_inner);
        worked.get(&(run.to_owned(), seq)).cloned().unwrap_or_default()
    }

    /// The ports of one process.
    pub(super) fn ports(self: &Arc<World>) -> Ports {
        let faults = Arc::new(Weather(Arc::clone(self)));
        let store = Arc::new(FaultyStore::new(self.store.clone(), faults));
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&store));
        Ports {
            store,
            clock: Arc::new(self.clock.clone()),
            rng: Arc::new(SeededRng::new(self.dice.next())),
            activities: Arc::new(Workers(Arc::clone(self))),
            outside: Arc::new(self.outside.get().unwrap().clone()),
        }
    }

    /// A sleep of up to so many milliseconds.
    pub(super) fn nap(&self, most_ms: u64) -> BoxFuture<'static, ()> {
        let wait = Duration::from_micros(self.dice.below(most_ms * 1_000) + 1);
        self.clock.sleep_until(self.clock.now().plus(wait))
    }
}

/// A key in the namespace that callers use.
pub(super) fn key(id: &str) -> Key {
    Key { namespace: Namespace::default(), workflow_id: WorkflowId::new(id).unwrap() }
}

/// The order of steps, and how long tasks are held up: messages between keys travel in tasks of their own.
pub(super) struct Traffic(pub(super) Arc<World>);

impl Pace for Traffic {
    fn step(&self) -> Step {
        let world = &self.0;
        world.steps.fetch_add(1, Ordering::Relaxed);
        match world.dice.below(1_000) {
            0..300 => Step::Yield,
            300..340 if !world.is_gentle() => Step::Wait(world.nap(50)),
            340..342 if !world.is_gentle() => Step::Wait(world.nap(10_000)),
            _ => Step::Go,
        }
    }
}

/// How the store behaves.
struct Weather(Arc<World>);

impl Faults for Weather {
    fn fate(&self, call: Call) -> Fate {
        let world = &self.0;
        if world.is_gentle() {
            return Fate::WORKS;
        }
        let nap = |permille| world.dice.permille(permille).then(|| world.nap(20));
        let lies = self.0.lies.load(Ordering::Relaxed);
        if lies > 0 && matches!(call, Call::Append(_)) && world.dice.permille(lies) {
            return Fate::at_once(Verdict::Lies);
        }
        let fails = world.dice.permille(world.failures.load(Ordering::Relaxed));
        let verdict = match (fails, call, world.dice.below(3)) {
            (false, ..) => Verdict::Works,
            (_, Call::Append(_), 0) => Verdict::FailsAfter,
            (_, Call::Append(_), 1) => Verdict::FailsTorn(world.dice.next()),
            _ => Verdict::FailsBefore,
        };
        Fate { before: nap(200), verdict, after: nap(200) }
    }
}

/// Workers: most attempts succeed, some fail, some never end.
struct Workers(Arc<World>);

impl Activities for Workers {
    fn is_bound(&self, _: &str) -> bool {
        true
    }

    fn execute(
        &self,
        task: ActivityTask,
        _: SharedProgress,
    ) -> BoxFuture<'static, Result<Completion, Failure>> {
        let world = Arc::clone(&self.0);
        let luck = if world.is_gentle() { 999 } else { world.dice.below(1_000) };
        let nap = (luck % 3 == 0).then(|| world.nap(4_000));
        Box::pin(async move {
            if let Some(nap) = nap {
                nap.await;
            }
            match luck {
                0..20 => std::future::pending().await, // until its time is up
                20..150 => Err(Failure::application("Flaky", "try again")),
                _ => outcome(&world, &task).map(Completion::Done),
            }
        })
    }
}

fn outcome(world: &World, task: &ActivityTask) -> Result<Json, Failure> {
    if task.activity == "Doomed" {
        return Err(Failure::application("Doomed", "never").final_());
    }
    let n = task.input.first().and_then(Json::as_i64).unwrap_or(0);
    let result = json!(n + 1);
    let mut worked = world.worked.lock().unwrap_or_else(PoisonError::into_inner);
    let place = (task.run_id.to_string(), task.activity_id);
    worked.entry(place).or_default().push(result.clone());
    Ok(result)
}
