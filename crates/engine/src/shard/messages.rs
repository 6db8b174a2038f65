//! Messages that wait for an answer: queries, and the outcomes of updates.

use std::collections::HashMap;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, RunId};
use tokio::sync::oneshot;

use crate::decide::Transition;
use crate::effect::Effect;
use crate::input::{Input, Reply};
use crate::query;
use crate::shard::{Body, Message, Shard};

/// How an update was answered.
pub type UpdateOutcome = Result<Json, Failure>;

/// A question to a run's program.
#[derive(Debug)]
pub struct Query {
    /// Only this run, when given; else the latest one.
    pub run: Option<RunId>,
    /// The query's name.
    pub name: String,
    /// Its arguments.
    pub input: Json,
}

/// Who waits for the outcomes of updates, by run and update id.
#[derive(Debug, Default)]
pub(super) struct UpdateWatchers {
    waiting: HashMap<RunId, Vec<(String, oneshot::Sender<UpdateOutcome>)>>,
}

impl UpdateWatchers {
    fn add(&mut self, run: &RunId, watcher: oneshot::Sender<UpdateOutcome>, id: &str) {
        self.waiting.entry(run.clone()).or_default().push((id.to_owned(), watcher));
    }

    /// Tells everybody who waits for an update.
    pub(super) fn tell(&mut self, run: &RunId, id: &str, outcome: &UpdateOutcome) {
        let Some(waiting) = self.waiting.get_mut(run) else { return };
        for (_, watcher) in waiting.extract_if(.., |(waits_for, _)| waits_for == id) {
            let _ = watcher.send(outcome.clone()); // a caller that has gone away needs no news
        }
        if waiting.is_empty() {
            self.waiting.remove(run);
        }
    }

    /// Lets everybody go who waits for a run that has closed: what there is to know is in its history.
    pub(super) fn forget(&mut self, run: &RunId) {
        self.waiting.remove(run);
    }
}

impl Message {
    /// A question to a run's program, and where its answer goes.
    pub fn query(key: Key, query: Query) -> (Message, oneshot::Receiver<Reply>) {
        let (sender, receiver) = oneshot::channel();
        (Message { reply: Some(sender), ..Message::new(key, Body::Query(query)) }, receiver)
    }

    /// The same message, with somebody who wants to hear how the update that it brings is answered.
    pub fn awaiting_update(mut self) -> (Message, oneshot::Receiver<UpdateOutcome>) {
        let (sender, receiver) = oneshot::channel();
        if let Body::Input(Input::Update { update, .. } | Input::UpdateWithStart(_, update)) = &self.body {
            self.update = Some((update.id.clone(), sender));
        }
        (self, receiver)
    }
}

impl Shard {
    /// Answers a query from the state after everything before it: the answer is given when that is durable.
    pub(super) async fn query(&mut self, key: &Key, asked: Query) -> Result<Transition, Error> {
        self.ready(key).await?;
        let reply = self.asked(key, &asked);
        Ok(Transition { record: None, effects: Vec::new(), reply })
    }

    /// Keeps whoever waits for an update that was accepted. A refused one has no answer to wait for, and one that was
    /// answered earlier gets no second answer: without its watcher the caller looks into the history.
    pub(super) fn watch_update(
        &mut self,
        transition: &Transition,
        watcher: Option<(String, oneshot::Sender<UpdateOutcome>)>,
    ) {
        let (Reply::Accepted { run, completed, .. }, Some((id, watcher))) = (&transition.reply, watcher)
        else {
            return;
        };
        let answers = |effect: &Effect| matches!(effect, Effect::Answered(_, answered, _) if *answered == id);
        if !completed || transition.effects.iter().any(answers) {
            self.update_watchers.add(run, watcher, &id);
        }
    }

    fn asked(&self, key: &Key, asked: &Query) -> Reply {
        let state = self.keys.get(key);
        let found = state.and_then(|state| match &asked.run {
            Some(run) => state.run(run).or_else(|| state.open().filter(|open| open.first_run() == run)),
            None => state.latest(),
        });
        let Some(run) = found.filter(|run| run.status.is_open()) else { return Reply::NotHeld };
        let definition = self.shared.definitions.loaded(run.definition());
        match (&run.machine, definition) {
            (Some(machine), Some(definition)) => {
                match query::answer(machine, &definition, (&asked.name, &asked.input)) {
                    Ok(answer) => Reply::Answered(answer),
                    Err(error) => Reply::Refused(error.run(run.run_id.clone())),
                }
            }
            _ => {
                let error = Error::new(&code::RUN_BLOCKED, "the run's program cannot be rebuilt to answer")
                    .help(format!("`nexus run show {}` says why", run.run_id))
                    .run(run.run_id.clone());
                Reply::Refused(match &run.blocked {
                    Some(failure) => error.failure(failure.clone()),
                    None => error,
                })
            }
        }
    }
}
