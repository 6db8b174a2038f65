//! A shard: the one task that decides for its share of all keys.
//!
//! It takes a batch of inputs, decides each with the pure step, commits the whole batch with one append, and only
//! then performs effects. Nothing in it waits on purpose: what queued up during one commit is the next batch.

mod between;
mod delete;
mod follow;
pub(crate) mod load;
mod messages;
mod rest;
mod trim;

pub(crate) use between::Errand;
pub(crate) use follow::not_followed;
use messages::UpdateWatchers;
pub use messages::{Query, UpdateOutcome};
use rest::Residents;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use nexus_kernel::Json;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, Namespace, Partition, RunId};
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::log::{Append, Epoch, LiveKey, Refused, Stored};
use nexus_kernel::port::rng::SharedRng;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::port::witness::SharedWitness;
use nexus_kernel::task::Shutdown;
use tokio::sync::{mpsc, oneshot};

use crate::batch::Book;
use crate::bells::Bells;
use crate::decide::{self, Context, Transition};
use crate::deliver;
use crate::effect::Effect;
use crate::input::{Input, Reply};
use crate::meters::Meters;
use crate::namespaces::Namespaces;
use crate::nexus::pending::{self, PendingOperation};
use crate::nexus::{Outside, Registry};
use crate::queue::settings::QueueSettings;
use crate::record::{Record, RunPart};
use crate::schedule::{self, Schedule};
use crate::state::{KeyState, RunState, changes_row, note_changes_row};
use crate::timers::Timers;
use crate::trace;
use crate::version::{Candidate, Definitions};
use crate::worker::Workers;

/// Most inputs of one batch, hence most records of one commit.
pub const BATCH_INPUTS_MAX: usize = 512;

/// How a run ended, or that its program cannot go on, for whoever waits for it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The run.
    pub run_id: RunId,
    /// How it was closed; running when it is blocked.
    pub status: RunStatus,
    /// Its result, when completed.
    pub result: Json,
    /// Why, when not.
    pub failure: Option<Failure>,
    /// The run that goes on in its stead.
    pub successor: Option<RunId>,
}

/// Something for one key.
#[derive(Debug)]
pub struct Message {
    key: Key,
    body: Body,
    reply: Option<oneshot::Sender<Reply>>,
    watch: Option<oneshot::Sender<Outcome>>,
    /// Who waits for the answer of the update that this is.
    update: Option<(String, oneshot::Sender<UpdateOutcome>)>,
    /// Whether the key is known to exist, so that its state must be read.
    known: bool,
}

#[derive(Debug)]
enum Body {
    /// Something happens.
    Input(Input),
    /// Somebody wants to hear how a run ends.
    Watch(RunId),
    /// Somebody asks a run's program.
    Query(Query),
    /// A closed run is to be deleted.
    Delete(RunId),
    /// Something that needs the whole past of the key.
    Errand(Errand),
    /// A run is to go on with another definition.
    Follow(Box<Candidate>),
    /// The key had work to do when the process began.
    Recover(Box<LiveKey>),
}

/// What a shard's mailbox holds.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "all mail but one piece in a lifetime is of the large kind")]
pub enum Mail {
    /// Something for one key.
    For(Message),
    /// Somebody wants to know when everything sent before has been dealt with.
    Reached(oneshot::Sender<()>),
    /// Recovery has seen every key.
    Recovered,
    /// Somebody wants to see all schedules.
    Schedules(oneshot::Sender<Vec<(Namespace, Schedule)>>),
    /// Somebody wants to see the operations that runs of a namespace, or of any, wait for.
    Operations(Option<Namespace>, oneshot::Sender<Vec<PendingOperation>>),
}

impl Message {
    /// An input that nobody waits for.
    pub fn input(key: Key, input: Input) -> Message {
        Message::new(key, Body::Input(input))
    }

    fn new(key: Key, body: Body) -> Message {
        let known = !matches!(body, Body::Input(_));
        Message { key, body, reply: None, watch: None, update: None, known }
    }

    /// An input and where its reply goes.
    pub fn ask(key: Key, input: Input) -> (Message, oneshot::Receiver<Reply>) {
        let (sender, receiver) = oneshot::channel();
        (Message { reply: Some(sender), ..Message::input(key, input) }, receiver)
    }

    /// The same message, with somebody who wants to hear how the run that it starts ends.
    pub fn watched(mut self) -> (Message, oneshot::Receiver<Outcome>) {
        let (sender, receiver) = oneshot::channel();
        self.watch = Some(sender);
        (self, receiver)
    }

    /// A wish to hear how a run ends.
    pub fn watch(key: Key, run: RunId) -> (Message, oneshot::Receiver<Outcome>) {
        Message::new(key, Body::Watch(run)).watched()
    }

    /// A wish to delete a closed run.
    pub(crate) fn delete(key: Key, run: RunId) -> (Message, oneshot::Receiver<Reply>) {
        let (sender, receiver) = oneshot::channel();
        let body = Body::Delete(run);
        (Message { reply: Some(sender), ..Message::new(key, body) }, receiver)
    }

    /// A key that had work to do when the process began.
    pub fn recover(live: LiveKey) -> Message {
        let key = live.key.clone();
        Message::new(key, Body::Recover(Box::new(live)))
    }
}

/// Finds the shard of a key. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Router {
    shards: Arc<Vec<mpsc::UnboundedSender<Mail>>>,
}

impl Router {
    /// A router over mailboxes.
    pub fn new(shards: Vec<mpsc::UnboundedSender<Mail>>) -> Router {
        Router { shards: Arc::new(shards) }
    }

    /// Sends a message to the shard of its key. A shard that has stopped drops it: the store has what matters.
    pub fn send(&self, message: Message) {
        let Partition(partition) = message.key.partition();
        let shard = usize::from(partition) % self.shards.len().max(1);
        if let Some(mailbox) = self.shards.get(shard) {
            let _ = mailbox.send(Mail::For(message));
        }
    }

    /// Waits until every shard has dealt with what was sent to it before.
    pub async fn reached(&self) {
        for mailbox in self.shards.iter() {
            let (sender, answer) = oneshot::channel();
            let _ = mailbox.send(Mail::Reached(sender)); // a shard that has stopped drops it, which is an answer too
            let _ = answer.await;
        }
    }

    /// Tells every shard that recovery has seen every key.
    pub fn recovered(&self) {
        for mailbox in self.shards.iter() {
            let _ = mailbox.send(Mail::Recovered); // a shard that has stopped needs no news
        }
    }

    /// The schedules of every shard; nothing when one has stopped.
    pub(crate) async fn schedules(&self) -> Option<Vec<(Namespace, Schedule)>> {
        let mut all = Vec::new();
        for mailbox in self.shards.iter() {
            let (sender, answer) = oneshot::channel();
            mailbox.send(Mail::Schedules(sender)).ok()?;
            all.append(&mut answer.await.ok()?);
        }
        Some(all)
    }

    /// The operations that runs of a namespace, or of any, wait for; nothing when a shard has stopped.
    pub(crate) async fn pending(&self, namespace: Option<&Namespace>) -> Option<Vec<PendingOperation>> {
        let mut all = Vec::new();
        for mailbox in self.shards.iter() {
            let (sender, answer) = oneshot::channel();
            mailbox.send(Mail::Operations(namespace.cloned(), sender)).ok()?;
            all.append(&mut answer.await.ok()?);
        }
        Some(all)
    }

    /// Sends an input and waits for its reply; nothing when the shard has stopped.
    pub async fn ask(&self, key: Key, input: Input) -> Option<Reply> {
        let (message, reply) = Message::ask(key, input);
        self.send(message);
        reply.await.ok()
    }
}

/// What every shard shares.
#[derive(Clone)]
pub struct Shared {
    pub(crate) store: SharedStore,
    pub(crate) clock: SharedClock,
    pub(crate) rng: SharedRng,
    pub(crate) definitions: Definitions,
    pub(crate) namespaces: Namespaces,
    pub(crate) queues: Arc<QueueSettings>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) outside: Arc<Outside>,
    pub(crate) witness: Arc<OnceLock<SharedWitness>>,
    pub(crate) batches: Arc<Book>,
    /// Rings for namespaces that have new events.
    pub(crate) news: Arc<Bells>,
    /// Rings for keys whose runs have new history.
    pub(crate) changes: Arc<Bells>,
    pub(crate) workers: Workers,
    pub(crate) meters: Arc<Meters>,
    pub(crate) router: Router,
    pub(crate) epoch: Epoch,
    /// Keys that one shard keeps in memory although they could rest.
    pub(crate) resident_keys_max: usize,
}

/// One shard.
pub struct Shard {
    shared: Shared,
    mailbox: mpsc::UnboundedReceiver<Mail>,
    keys: HashMap<Key, KeyState>,
    timers: Timers,
    watchers: HashMap<RunId, Vec<oneshot::Sender<Outcome>>>,
    update_watchers: UpdateWatchers,
    /// Inputs for keys whose optimistic start is not decided yet, and those of a lost race.
    deferred: Vec<Mail>,
    /// Runs to delete once the batch is committed.
    deletions: Vec<delete::Deletion>,
    /// Records of schedules that a later one has made needless, once the batch is committed.
    outdated: Vec<(Key, Vec<u64>)>,
    /// Errands to run once the batch is committed.
    errands: Vec<between::Asked>,
    /// Runs that are to follow another version once the batch is committed.
    follows: Vec<follow::Asked>,
    /// Who wants to see all schedules once recovery has brought them.
    listings: Vec<oneshot::Sender<Vec<(Namespace, Schedule)>>>,
    /// The operations that runs wait for, also of keys that rest.
    operations: pending::Pending,
    /// Who wants to see them once recovery has brought all.
    operation_listings: Vec<(Option<Namespace>, oneshot::Sender<Vec<PendingOperation>>)>,
    /// Keys that were in memory since the process began and are no more, while recovery may still bring old records.
    touched: Option<HashSet<Key>>,
    /// Keys that were thought to be new. Recovery may have passed them by, for their state was assumed.
    unseen: HashSet<Key>,
    /// Records that were read before the batch that needs them, all at once.
    read_ahead: HashMap<Key, Vec<Stored>>,
    residents: Residents,
}

/// A decided input that waits for its commit.
struct Pending {
    key: Key,
    reply: Option<oneshot::Sender<Reply>>,
    watch: Option<oneshot::Sender<Outcome>>,
    /// The run that the watcher wants to hear of, when it is not the one that is started.
    watches: Option<RunId>,
    update: Option<(String, oneshot::Sender<UpdateOutcome>)>,
    transition: Transition,
    /// The input, when the state was assumed rather than read.
    optimistic: Option<Input>,
    /// What is to be appended, when it has a record. It describes the key after this record and no later one: a store
    /// that fails may have kept any part of a batch.
    append: Option<Append>,
    /// Its place in the batch, when it has a record.
    position: Option<usize>,
}

impl Pending {
    /// A decided transition of which nothing else is known.
    fn of(key: Key, reply: Option<oneshot::Sender<Reply>>, transition: Transition) -> Pending {
        let (watch, watches, update, optimistic, append, position) = (None, None, None, None, None, None);
        Pending { key, reply, watch, watches, update, transition, optimistic, append, position }
    }
}

impl Shard {
    /// A shard over a mailbox.
    pub fn new(shared: Shared, mailbox: mpsc::UnboundedReceiver<Mail>) -> Shard {
        Shard {
            residents: Residents::new(shared.resident_keys_max),
            shared,
            mailbox,
            keys: HashMap::new(),
            timers: Timers::default(),
            watchers: HashMap::new(),
            update_watchers: UpdateWatchers::default(),
            deferred: Vec::new(),
            deletions: Vec::new(),
            outdated: Vec::new(),
            errands: Vec::new(),
            follows: Vec::new(),
            touched: Some(HashSet::new()),
            unseen: HashSet::new(),
            read_ahead: HashMap::new(),
            listings: Vec::new(),
            operations: pending::Pending::default(),
            operation_listings: Vec::new(),
        }
    }

    fn schedules(&self) -> Vec<(Namespace, Schedule)> {
        let schedule = |(key, state): (&Key, &KeyState)| {
            state.schedule.as_deref().map(|it| (key.namespace.clone(), it.clone()))
        };
        self.keys.iter().filter_map(schedule).collect()
    }

    /// Runs until shutdown, or until the store fails: a failed write is never tried again.
    pub async fn run(mut self, shutdown: Shutdown) -> Result<(), Error> {
        let mut batch = Vec::with_capacity(BATCH_INPUTS_MAX);
        loop {
            batch.append(&mut self.deferred);
            if batch.is_empty() && !self.receive(&mut batch, &shutdown).await {
                return Ok(());
            }
            let now = self.shared.clock.now();
            for (key, run, due) in self.timers.take_due(now, BATCH_INPUTS_MAX) {
                batch.push(Mail::For(Message::input(key, Input::Due(run, due))));
            }
            let inputs = std::mem::take(&mut batch);
            self.turn(inputs).await?;
        }
    }

    /// Waits for mail or for a time to come. False when it is time to stop.
    async fn receive(&mut self, batch: &mut Vec<Mail>, shutdown: &Shutdown) -> bool {
        let clock = Arc::clone(&self.shared.clock);
        let next = self.timers.next();
        let due = async {
            match next {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = shutdown.begun() => false,
            count = self.mailbox.recv_many(batch, BATCH_INPUTS_MAX) => count > 0,
            () = due => true,
        }
    }

    /// One batch: load, decide, commit, act.
    async fn turn(&mut self, mail: Vec<Mail>) -> Result<(), Error> {
        let (mut assumed, mut written) = (HashSet::new(), HashSet::new());
        let (mut pending, mut watches) = (Vec::with_capacity(mail.len()), Vec::new());
        self.read_ahead(&mail).await;
        for mail in mail {
            let Some(message) = self.take(mail) else { continue };
            if matches!(message.body, Body::Watch(_)) {
                watches.push(message);
                continue;
            }
            // A program is rebuilt from the store, so what has just happened to its run must be there first.
            if written.contains(&message.key) && self.lacks_program(&message.key) {
                assumed.insert(message.key.clone());
            }
            if assumed.contains(&message.key) {
                self.put_off(message);
                continue;
            }
            if let Some(decided) = self.decide(message, &mut assumed).await? {
                written.extend(decided.append.is_some().then(|| decided.key.clone()));
                pending.push(decided);
            }
        }
        self.commit(pending).await?;
        self.read_ahead.clear(); // it is of the time before the batch
        // What a watcher is told must be durable, so it looks when the batch is.
        let mut watching = Vec::new();
        for message in watches {
            watching.extend(self.decide(message, &mut assumed).await?);
        }
        self.commit(watching).await?;
        self.follow_runs().await?;
        self.between_batches().await?;
        self.rest();
        self.shared.meters.resident.set(self.keys.len());
        self.shared.meters.timers.set(self.timers.len());
        Ok(())
    }

    /// Keeps a message for the next batch. What recovery brings would be out of date by then, and is not needed: should its
    /// key not be new after all, the records are read again.
    fn put_off(&mut self, message: Message) {
        if !matches!(message.body, Body::Recover(_)) {
            self.deferred.push(Mail::For(message));
        }
    }

    /// The message of a piece of mail; other mail is dealt with at once.
    fn take(&mut self, mail: Mail) -> Option<Message> {
        match mail {
            Mail::For(message) => return Some(message),
            Mail::Reached(asker) => {
                let _ = asker.send(()); // an asker that has gone away needs no answer
            }
            Mail::Recovered => {
                self.touched = None;
                for asker in std::mem::take(&mut self.listings) {
                    let _ = asker.send(self.schedules()); // an asker that has gone away needs no list
                }
                for (namespace, asker) in std::mem::take(&mut self.operation_listings) {
                    let _ = asker.send(self.operations.all(namespace.as_ref())); // the same
                }
            }
            Mail::Operations(namespace, asker) if self.touched.is_none() => {
                let _ = asker.send(self.operations.all(namespace.as_ref())); // the same
            }
            Mail::Operations(namespace, asker) => self.operation_listings.push((namespace, asker)),
            Mail::Schedules(asker) if self.touched.is_none() => {
                let _ = asker.send(self.schedules()); // an asker that has gone away needs no list
            }
            Mail::Schedules(asker) => self.listings.push(asker),
        }
        None
    }

    /// Decides one message, reading its key's state when it is not in memory.
    async fn decide(
        &mut self,
        message: Message,
        assumed: &mut HashSet<Key>,
    ) -> Result<Option<Pending>, Error> {
        let Message { key, body, reply, watch, update, known } = message;
        let mut pending = Pending { watch, update, ..Pending::of(key, reply, Transition::nothing()) };
        let key = pending.key.clone();
        let input = match body {
            Body::Input(input) => input,
            // What is looked at may not be durable yet: the answer is given with those of the batch.
            Body::Query(query) => {
                let answer = self.query(&key, query).await;
                pending.transition = answer.or_else(load::refused)?;
                return Ok(Some(pending));
            }
            Body::Delete(run) => {
                let reply = pending.reply;
                self.deletions.push(delete::Deletion { key, run, reply });
                return Ok(None);
            }
            Body::Errand(errand) => {
                self.errands.push(between::Asked { key, errand, reply: pending.reply });
                return Ok(None);
            }
            Body::Follow(candidate) => {
                let reply = pending.reply;
                self.follows.push(follow::Asked { key, candidate, reply });
                return Ok(None);
            }
            Body::Watch(run) => {
                match self.load(&key).await {
                    Ok(_) => pending.watches = Some(run),
                    Err(error) => pending.transition = load::refused(error)?,
                }
                return Ok(Some(pending));
            }
            Body::Recover(live) => {
                self.recover(*live).await;
                return Ok(None);
            }
        };
        // A new key is the usual case of a start: the append itself finds out whether that is true.
        let optimistic = input.may_start() && !known && !self.keys.contains_key(&key);
        if optimistic {
            self.keys.insert(key.clone(), KeyState::default());
            assumed.insert(key.clone());
        } else if let Err(error) = self.ready(&key).await {
            pending.transition = load::refused(error)?;
            return Ok(Some(pending));
        }
        pending.optimistic = optimistic.then(|| input.clone());
        pending.transition = self.step(&key, input);
        pending.append = pending.transition.record.as_ref().and_then(|record| self.append_of(&key, record));
        Ok(Some(pending))
    }

    fn step(&mut self, key: &Key, input: Input) -> Transition {
        let definitions = &self.shared.definitions;
        let (current, beside) = definitions.of_key(key);
        let context = Context {
            key,
            now: self.shared.clock.now(),
            rng: &*self.shared.rng,
            definition: &|hash| definitions.loaded(hash),
            current,
            beside,
            panic_fails: false,
        };
        let state = self.keys.entry(key.clone()).or_default();
        decide::step(state, input, &context)
    }

    /// Commits a batch and performs what follows from it.
    async fn commit(&mut self, mut pending: Vec<Pending>) -> Result<(), Error> {
        let mut appends = Vec::new();
        for decided in &mut pending {
            if let Some(append) = decided.append.take() {
                decided.position = Some(appends.len());
                appends.push(append);
            }
        }
        self.shared.meters.inputs.add(u64::try_from(pending.len()).unwrap_or(u64::MAX));
        let results = if appends.is_empty() { Vec::new() } else { self.append(appends).await? };
        let mut touched = Vec::with_capacity(pending.len());
        for decided in pending {
            touched.push(decided.key.clone());
            match decided.position.and_then(|position| results.get(position)) {
                None => self.act(decided),
                Some(Ok(_)) => {
                    self.shared.changes.ring(&decided.key);
                    self.told(&decided);
                    self.note_operations(&decided);
                    self.act(decided);
                }
                Some(Err(Refused::Conflict { .. })) => self.retry(decided)?,
                Some(Err(Refused::StaleEpoch)) => return Err(taken_over()),
            }
        }
        // Only now: what is done for a later transition of the same key looks at the state, too.
        for key in touched {
            self.forget_settled(&key);
        }
        Ok(())
    }

    /// Counts a transition that is durable, and tells of the runs that it closed.
    fn told(&self, decided: &Pending) {
        let Some(record) = &decided.transition.record else { return };
        self.shared.meters.recorded(record);
        if let Some(state) = self.keys.get(&decided.key) {
            trace::closed(&self.shared.meters, &decided.key, state, record);
        }
    }

    /// Takes note of the operations that runs wait for after a transition that is durable.
    fn note_operations(&mut self, decided: &Pending) {
        let Some(record) = &decided.transition.record else { return };
        let state = self.keys.get(&decided.key);
        for part in &record.runs {
            let run = state.and_then(|state| state.run(&part.run));
            self.operations.follow(&decided.key, run, part);
        }
    }

    /// Makes a batch durable.
    async fn append(&self, appends: Vec<Append>) -> Result<Vec<Result<u64, Refused>>, Error> {
        let (clock, meters) = (&self.shared.clock, &self.shared.meters);
        let begun = clock.now();
        let results = self.shared.store.append(appends).await?;
        meters.commits.note(clock.now().since(begun));
        Ok(results)
    }

    fn append_of(&mut self, key: &Key, record: &Record) -> Option<Append> {
        let key = key.clone();
        let state = self.keys.get_mut(&key)?;
        let expected = state.head;
        state.head += 1;
        let head = state.head;
        let bytes = record.encode();
        state.count_bytes(record, bytes.len());
        let changes =
            |part: &&RunPart| part.events.iter().any(changes_row) || part.notes.iter().any(note_changes_row);
        let changed = record.runs.iter().filter(changes);
        let mut changed: Vec<&RunId> = changed.map(|part| &part.run).collect();
        changed.dedup();
        let namespaces = &self.shared.namespaces;
        let row = |run: &RunState| {
            let given = run.visible.search_attributes_json();
            run.row(&key, namespaces.read(&key.namespace, &run.run_id, &given))
        };
        let rows: Vec<_> = changed.into_iter().filter_map(|run| state.run(run)).map(row).collect();
        let live = state.is_live();
        self.outdate(&key, head, record);
        Some(Append { key, expected, epoch: self.shared.epoch, record: bytes, live, rows })
    }

    /// The key was not new after all: forget what was assumed of it and decide again on its real state.
    fn retry(&mut self, decided: Pending) -> Result<(), Error> {
        self.keys.remove(&decided.key);
        self.unseen.insert(decided.key.clone());
        let Some(input) = decided.optimistic else {
            return Err(taken_over()); // a key whose state was read changes under its one owner's hands only
        };
        let Pending { key, reply, watch, update, .. } = decided;
        let message = Message { key, body: Body::Input(input), reply, watch, update, known: true };
        self.deferred.push(Mail::For(message));
        Ok(())
    }

    /// Performs the effects of a durable transition, and answers.
    fn act(&mut self, decided: Pending) {
        let Pending { key, reply, watch, watches, update, transition, .. } = decided;
        self.watch_update(&transition, update);
        let started = match &transition.reply {
            Reply::Started { run, .. } => Some(run.clone()),
            _ => watches,
        };
        if let (Some(run), Some(watch)) = (started, watch) {
            self.add_watcher(&key, &run, watch);
        }
        for effect in transition.effects {
            self.perform(&key, effect);
        }
        if let Some(reply) = reply {
            let _ = reply.send(transition.reply); // a caller that has gone away needs no reply
        }
    }

    fn perform(&mut self, key: &Key, effect: Effect) {
        match effect {
            Effect::Dispatch(mut dispatch) => {
                dispatch.task.parameters = self.parameters(key, &dispatch.task);
                self.shared.workers.offer(*dispatch, &self.shared.router);
            }
            Effect::Withdraw { run, seq, ticket, begun } => {
                self.shared.workers.withdraw(&run, (seq, ticket), begun);
            }
            Effect::Arm(at, run, due) => self.timers.arm(at, key.clone(), run, due),
            Effect::Deliver(run, id, intent) => {
                self.shared.meters.deliveries.one();
                if let Some(run) = self.keys.get(key).and_then(|state| state.run(&run)) {
                    deliver::deliver(&self.shared, key, run, id, intent);
                }
            }
            Effect::Blocked(run) => {
                tracing::error!(%run, "the run's program cannot go on; `nexus run show` says why");
                self.tell_watchers(key, &run);
            }
            Effect::Errand(errand) => {
                if let Some(schedule) = self.keys.get(key).and_then(|state| state.schedule.as_deref()) {
                    schedule::deliver(&self.shared, key, schedule, errand);
                }
            }
            Effect::Answered(run, update, outcome) => self.update_watchers.tell(&run, &update, &outcome),
            Effect::Closed(run) => {
                self.update_watchers.forget(&run);
                self.shared.workers.abandon(&run);
                self.tell_watchers(key, &run);
            }
        }
    }

    fn tell_watchers(&mut self, key: &Key, run: &RunId) {
        let Some(outcome) = self.outcome(key, run) else { return };
        for watcher in self.watchers.remove(run).into_iter().flatten() {
            let _ = watcher.send(outcome.clone()); // a watcher that has gone away needs no news
        }
    }

    fn forget_settled(&mut self, key: &Key) {
        let Some(state) = self.keys.get_mut(key) else { return };
        state.forget_settled();
        if !state.is_live() {
            self.keys.remove(key);
            if let Some(touched) = &mut self.touched {
                touched.insert(key.clone());
            }
        }
        self.note_use(key);
    }
}

pub(crate) fn taken_over() -> Error {
    Error::new(&nexus_kernel::code::DATA_IN_USE, "another server has taken over this server's work")
        .help("stop one of the servers that use this store")
}
