//! The running engine: options, service, handle.

mod history;
mod messages;
mod reach;
mod reset;
mod transfer;
mod versions;

pub use messages::{Accepted, Address};
pub use transfer::Imported;

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::access::Reach;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Key, Namespace, Partition, RunId, WorkflowId};
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::activity::SharedActivities;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::exchange::SharedExchange;
use nexus_kernel::port::rng::SharedRng;
use nexus_kernel::port::runs::RunRow;
use nexus_kernel::task::{self, Shutdown};
use nexus_kernel::visibility::{Filter, Group, RunCount, RunQuery, Schema};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};

use crate::batch::{self, Book};
use crate::bells::Bells;
use crate::definition::Definition;
use crate::input::{Input, Reply, Start};
use crate::meters::Meters;
use crate::namespaces::{Namespaces, Settings};
use crate::nexus::{self, Outside, Registry};
use crate::playback;
use crate::queue::settings::QueueSettings;
use crate::quota::Opening;
use crate::record::StartOptions;
use crate::recovery;
use crate::shard::{Mail, Message, Outcome, Router, Shard, Shared};
use crate::version::{Definitions, Deployment};
use crate::view::{self, RunView};
use crate::worker::Workers;

/// Starts that wait for their commit at the same time; further callers wait for a place. Together with the activities
/// in flight this bounds what the shards' mailboxes can hold.
pub const STARTS_IN_FLIGHT_MAX: usize = 10_000;

/// Keys that are kept in memory although they could rest, unless [`Options`] says otherwise: as many runs as a busy server
/// moves in a second or two, and up to 100 MiB with what the allocator holds around them.
pub const RESIDENT_KEYS_MAX: usize = 10_000;

/// Bells that all namespaces share.
const NAMESPACE_BELLS: usize = 64;

/// Bells that all runs share. A run changes several times in its life, so there are more of them.
const RUN_BELLS: usize = 1_024;

/// How an engine is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Tasks that decide. One is enough to fill a disk; more help when programs compute much.
    pub shards: usize,
    /// Name under which partitions are claimed.
    pub owner: String,
    /// Workflow ids whose state is kept in memory although they only wait. Beyond it the one unused for longest is let
    /// go of, and read from the store when something happens to it.
    pub resident_keys_max: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { shards: 1, owner: "nexus".to_owned(), resident_keys_max: RESIDENT_KEYS_MAX }
    }
}

/// What an engine stands on.
#[derive(Clone)]
pub struct Ports {
    /// Where records go.
    pub store: SharedStore,
    /// Time.
    pub clock: SharedClock,
    /// Chance.
    pub rng: SharedRng,
    /// Who carries activities out.
    pub activities: SharedActivities,
    /// The way to services outside.
    pub outside: SharedExchange,
}

/// The engine before it runs.
pub struct Engine {
    shared: Shared,
    admission: Arc<Semaphore>,
    mailboxes: Vec<mpsc::UnboundedReceiver<Mail>>,
}

impl Engine {
    /// Claims the store. Nothing runs until [`Engine::run`].
    pub async fn open(options: Options, ports: Ports) -> Result<Engine, Error> {
        let epoch = ports.store.acquire(0..Partition::COUNT, &options.owner).await?;
        let (senders, mailboxes) = (0..options.shards.max(1)).map(|_| mpsc::unbounded_channel()).unzip();
        let queues = QueueSettings::load(&ports.store).await?;
        let meters = Arc::new(Meters::default());
        let outside = Arc::new(Outside::new(&ports));
        let workers = Workers::new(ports.activities, Arc::clone(&ports.clock), Arc::clone(&meters));
        for (name, config) in queues.all().await {
            workers.slots().configure(&name, config);
        }
        let shared = Shared {
            definitions: Definitions::open(Arc::clone(&ports.store)).await?,
            namespaces: Namespaces::load(&ports.store).await?,
            queues: Arc::new(queues),
            registry: Arc::new(Registry::load(&ports.store).await?),
            outside,
            witness: Arc::default(),
            batches: Arc::new(Book::new(Arc::clone(&ports.store))),
            news: Arc::new(Bells::new(NAMESPACE_BELLS)),
            changes: Arc::new(Bells::new(RUN_BELLS)),
            workers,
            meters,
            router: Router::new(senders),
            store: ports.store,
            clock: ports.clock,
            rng: ports.rng,
            epoch,
            resident_keys_max: options.resident_keys_max / options.shards.max(1),
        };
        Ok(Engine { shared, admission: Arc::new(Semaphore::new(STARTS_IN_FLIGHT_MAX)), mailboxes })
    }

    /// The way in.
    pub fn handle(&self) -> EngineHandle {
        EngineHandle {
            shared: self.shared.clone(),
            admission: Arc::clone(&self.admission),
            reach: Reach::everything(),
        }
    }

    /// Runs until shutdown. Ends early, with the reason, when the store fails.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), Error> {
        let handle = self.handle();
        let mut shards = Vec::new();
        for mailbox in self.mailboxes {
            let shard = Shard::new(self.shared.clone(), mailbox);
            let (stop, all) = (shutdown.clone(), shutdown.clone());
            shards.push(task::spawn(async move {
                let result = shard.run(stop).await;
                if result.is_err() {
                    all.begin(); // one shard without its store stops the world
                }
                result
            }));
        }
        recovery::recover(&self.shared, &shutdown).await?;
        let batches = task::spawn(batch::run(handle, shutdown.clone()));
        let following = crate::version::spawn_following(&self.shared, &shutdown);
        let retention = task::spawn(crate::retention::run(self.shared.clone(), shutdown.clone()));
        for shard in shards {
            shard.await.map_err(|error| Error::internal(error.to_string()))??;
        }
        retention.await.map_err(|error| Error::internal(error.to_string()))?;
        batches.await.map_err(|error| Error::internal(error.to_string()))?;
        following.await.map_err(|error| Error::internal(error.to_string()))?;
        Ok(())
    }
}

/// A request to start a run.
#[derive(Debug, Clone)]
pub struct StartRequest {
    /// Where.
    pub namespace: Namespace,
    /// The workflow.
    pub workflow: String,
    /// The caller's id for the work; made up when absent.
    pub workflow_id: Option<WorkflowId>,
    /// Its input.
    pub input: Json,
    /// Equal keys for one workflow start one run.
    pub idempotency_key: Option<String>,
    /// Everything else that is decided about the run.
    pub options: StartOptions,
}

impl StartRequest {
    /// A request with every default.
    pub fn new(namespace: Namespace, workflow: impl Into<String>, input: Json) -> StartRequest {
        StartRequest {
            namespace,
            workflow: workflow.into(),
            workflow_id: None,
            input,
            idempotency_key: None,
            options: StartOptions::default(),
        }
    }
}

/// A run that was started, now or by an earlier request of the same idempotency key.
#[derive(Debug)]
pub struct Started {
    /// Namespace and workflow id.
    pub key: Key,
    /// The run.
    pub run_id: RunId,
    /// Whether an earlier request started it.
    pub existing: bool,
    end: oneshot::Receiver<Outcome>,
}

/// The way into an engine. Cheap to clone.
#[derive(Clone)]
pub struct EngineHandle {
    pub(crate) shared: Shared,
    admission: Arc<Semaphore>,
    /// What of all there is whoever holds this may see.
    reach: Reach,
}

impl EngineHandle {
    /// Keeps a project's definition. It is the one that new runs get, unless its files are those of the deployment
    /// before and an operator has chosen another version since.
    pub async fn deploy(&self, definition: Arc<Definition>) -> Result<Deployment, Error> {
        let deployment = self.shared.definitions.deploy(definition, self.shared.clock.now()).await?;
        self.declare_queues();
        self.shared.workers.bindings_changed();
        Ok(deployment)
    }

    /// Puts what the current definition says of its queues in force.
    pub(crate) fn declare_queues(&self) {
        let limits = self.definition().as_deref().map(crate::queue::limits).unwrap_or_default();
        self.shared.workers.slots().declare(limits);
    }

    /// The definition of the current version.
    pub fn definition(&self) -> Option<Arc<Definition>> {
        self.shared.definitions.current()
    }

    /// Starts a run. It is durable when this returns.
    pub async fn start(&self, request: StartRequest) -> Result<Started, Error> {
        let (key, start) = self.start_input(request)?;
        let _admitted = self.admitted(&key.namespace).await?;
        let (message, reply) = Message::ask(key.clone(), Input::Start(Box::new(start)));
        let (message, end) = message.watched();
        self.shared.router.send(message);
        match reply.await.map_err(|_| stopping())? {
            Reply::Started { run, existing } => Ok(Started { key, run_id: run, existing, end }),
            Reply::Refused(error) => Err(error),
            _ => Err(Error::internal("a start was not answered as one")),
        }
    }

    /// Where a request goes, and what it asks for there.
    fn start_input(&self, request: StartRequest) -> Result<(Key, Start), Error> {
        let key = Key { namespace: request.namespace.clone(), workflow_id: self.workflow_id(&request)? };
        self.check_search_attributes(
            &key.namespace,
            &Json::Object(request.options.search_attributes.clone()),
        )?;
        let request_id = self.request_id(request.idempotency_key.as_deref());
        let task_queue = nexus::queue_of(&self.shared.definitions, &key, &request.workflow)
            .map_err(|failure| Error::new(&code::WORKFLOW_UNKNOWN, failure.message))?;
        let (workflow, input, options) = (request.workflow, request.input, request.options);
        let start = Start { options, ..Start::new(workflow, input, task_queue, request_id) };
        Ok((key, start))
    }

    /// The id of a request: that of its caller, or one that nobody else has.
    pub fn request_id(&self, given: Option<&str>) -> String {
        match given {
            Some(given) => format!("key:{given}"),
            None => format!("{:016x}{:016x}", self.shared.rng.next_u64(), self.shared.rng.next_u64()),
        }
    }

    /// A place among the starts that wait for their commit, and one among the open runs of the namespace.
    pub(crate) async fn admitted(
        &self,
        namespace: &Namespace,
    ) -> Result<(SemaphorePermit<'_>, Option<Opening>), Error> {
        let permit = self.admission.acquire().await.map_err(|_| stopping())?;
        Ok((permit, self.room(namespace).await?))
    }

    /// An id for work that its caller has not named: the same for the same idempotency key.
    fn workflow_id(&self, request: &StartRequest) -> Result<WorkflowId, Error> {
        if let Some(id) = &request.workflow_id {
            return Ok(id.clone());
        }
        let tail = match &request.idempotency_key {
            Some(given) => nexus_kernel::port::blob::Hash::of(given.as_bytes()).short().to_owned(),
            None => format!("{:012x}", self.shared.rng.next_u64() >> 16),
        };
        WorkflowId::new(&format!("{}-{tail}", request.workflow))
    }

    /// Waits for the end of a run that was just started, and of the runs that continue it.
    pub async fn end(&self, started: Started) -> Result<Outcome, Error> {
        let outcome = match started.end.await {
            Ok(outcome) => outcome,
            // A repeated request for a run that the shard has let go of, or a shard that has stopped.
            Err(_) => self.watch(&started.key, started.run_id).await?,
        };
        self.follow(started.key, outcome).await
    }

    /// Waits for the end of a run, and of the runs that continue it.
    pub async fn wait(&self, row: &RunRow) -> Result<Outcome, Error> {
        let outcome = self.watch(&row.key, row.run_id.clone()).await?;
        self.follow(row.key.clone(), outcome).await
    }

    pub(crate) async fn follow(&self, key: Key, mut outcome: Outcome) -> Result<Outcome, Error> {
        while let Some(successor) = outcome.successor.take() {
            outcome = self.watch(&key, successor).await?;
        }
        Ok(outcome)
    }

    pub(crate) async fn watch(&self, key: &Key, run: RunId) -> Result<Outcome, Error> {
        let (message, end) = Message::watch(key.clone(), run.clone());
        self.shared.router.send(message);
        if let Ok(outcome) = end.await {
            return Ok(outcome);
        }
        // The shard no longer holds the run: it closed and a later run of the same id is the latest.
        let view = self.show(&run).await?;
        if view.row.status.is_open() {
            return Err(stopping());
        }
        let (row, result, failure) = (view.row, view.result, view.failure);
        Ok(Outcome { run_id: run, status: row.status, result, failure, successor: view.successor })
    }

    /// The row of a run.
    pub async fn row(&self, run: &RunId) -> Result<RunRow, Error> {
        let found = self.shared.store.run(run).await?.filter(|row| self.sees_run(row));
        found.ok_or_else(|| {
            Error::new(&code::RUN_UNKNOWN, format!("there is no run {run}"))
                .help("`nexus run list` shows the runs")
        })
    }

    /// Puts what a project declares for its namespaces into force.
    pub fn configure(&self, settings: Settings) {
        let caps = settings.namespaces.iter();
        let caps = caps.filter_map(|(name, own)| Some((name.clone(), own.activities_max?))).collect();
        self.shared.workers.slots().cap(caps);
        self.shared.namespaces.configure(settings);
    }

    /// What runs of a namespace, or of any, can be searched by.
    pub fn schema(&self, namespace: Option<&Namespace>) -> Schema {
        self.shared.namespaces.schema(namespace)
    }

    /// Refuses search attributes that do not fit their types before a run starts with them.
    pub fn check_search_attributes(&self, namespace: &Namespace, given: &Json) -> Result<(), Error> {
        self.shared.namespaces.check(namespace, given)
    }

    /// Runs that fit. Rows are written in the transaction of the record that they follow from: whoever asks after an
    /// acknowledged write sees it.
    pub async fn list(&self, query: impl Into<RunQuery>) -> Result<Vec<RunRow>, Error> {
        let mut query = query.into();
        query.filter = Filter::both(query.filter, self.in_reach());
        Ok(self.shared.store.runs(query).await?)
    }

    /// How many runs fit.
    pub async fn count(&self, count: RunCount) -> Result<Vec<Group>, Error> {
        let filter = Filter::both(count.filter, self.in_reach());
        Ok(self.shared.store.count(RunCount { filter, ..count }).await?)
    }

    /// What is known of a run.
    pub async fn show(&self, run: &RunId) -> Result<RunView, Error> {
        view::run(&self.shared, self.row(run).await?).await
    }

    /// What can be said to a run: its signals, queries and updates.
    pub async fn handlers(&self, run: &RunId) -> Result<Json, Error> {
        view::handlers::of_run(&self.shared, self.row(run).await?).await
    }

    /// A run played back, up to an event or to its latest: what every event changed, then how things stood.
    pub async fn playback(&self, run: &RunId, to: Option<u64>) -> Result<Json, Error> {
        playback::playback(&self.shared, self.row(run).await?, to).await
    }

    /// Asks an open run to stop; its program may clean up first.
    pub async fn cancel(&self, run: &RunId, reason: &str) -> Result<(), Error> {
        let row = self.row(run).await?;
        self.tell(row, |run, reason| Input::Cancel { run: Some(run), reason }, reason).await
    }

    /// Deletes a closed run: its row, and its records as far as no other run has a part in them.
    pub async fn delete(&self, run: &RunId) -> Result<(), Error> {
        let row = self.row(run).await?;
        let (message, reply) = Message::delete(row.key, row.run_id);
        self.shared.router.send(message);
        match reply.await.map_err(|_| stopping())? {
            Reply::Refused(error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Ends an open run without asking its program.
    pub async fn terminate(&self, run: &RunId, reason: &str) -> Result<(), Error> {
        let row = self.row(run).await?;
        self.tell(row, |run, reason| Input::Terminate { run: Some(run), reason }, reason).await
    }

    async fn tell(
        &self,
        row: RunRow,
        input: impl FnOnce(RunId, String) -> Input,
        reason: &str,
    ) -> Result<(), Error> {
        match self.shared.router.ask(row.key, input(row.run_id, reason.to_owned())).await {
            Some(Reply::Refused(error)) => Err(error),
            Some(_) => Ok(()),
            None => Err(stopping()),
        }
    }

    /// Waits for something, but no longer than the limit; nothing when the limit came first.
    pub async fn within<T>(&self, limit: Duration, something: impl Future<Output = T>) -> Option<T> {
        let clock = &self.shared.clock;
        tokio::select! {
            biased;
            value = something => Some(value),
            () = clock.sleep_until(clock.now().plus(limit)) => None,
        }
    }

    /// The way to the shards, for tests that speak to them directly.
    #[cfg(feature = "testing")]
    pub(crate) fn router(&self) -> &Router {
        &self.shared.router
    }

    /// What the operations of activities work on.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Attempts that run or wait for a slot.
    pub fn activities_in_flight(&self) -> usize {
        self.shared.workers.in_flight()
    }
}

pub(crate) fn stopping() -> Error {
    Error::new(&code::STOPPING, "the server is stopping; the run goes on when it is started again")
        .help("ask again with the run id, or with the same idempotency key")
}
