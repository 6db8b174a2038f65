//! Messages to runs from outside: signals, queries, updates, alone and together with a start.

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Key, Namespace, RunId, WorkflowId};

use crate::engine::{EngineHandle, StartRequest, stopping};
use crate::input::{Input, Reply, Signal, Update};
use crate::query;
use crate::record::{Event, Record};
use crate::shard::load::damaged;
use crate::shard::{Message, Query, UpdateOutcome};
use crate::view::{self, RunView};

/// Which run a message is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Namespace and workflow id.
    pub key: Key,
    /// Only this run; whichever is the latest when absent.
    pub run: Option<RunId>,
}

/// An update that was accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The run that has it.
    pub run: RunId,
    /// Its id, for asking again.
    pub id: String,
    /// Whether the run was started for it.
    pub started: bool,
}

impl EngineHandle {
    /// The address of a run by its id.
    pub async fn address_of_run(&self, run: &RunId) -> Result<Address, Error> {
        let row = self.row(run).await?;
        Ok(Address { key: row.key, run: Some(row.run_id) })
    }

    /// The address of whatever run a workflow id has. Without a namespace it is looked for in all that are deployed.
    pub async fn address_of_id(
        &self,
        workflow_id: &WorkflowId,
        namespace: Option<&Namespace>,
    ) -> Result<Address, Error> {
        let mut found = Vec::new();
        for namespace in self.namespaces(namespace) {
            let key = Key { namespace, workflow_id: workflow_id.clone() };
            if !self.shared.store.read(&key, 0).await?.is_empty() && self.sees_latest(&key).await? {
                found.push(key);
            }
        }
        match found.as_slice() {
            [key] => Ok(Address { key: key.clone(), run: None }),
            [] => {
                Err(Error::new(&code::RUN_UNKNOWN, format!("no run has the workflow id \"{workflow_id}\""))
                    .help("`nexus run list` shows the runs with their workflow ids and namespaces"))
            }
            several => {
                let names: Vec<_> = several.iter().map(|key| key.namespace.to_string()).collect();
                let message = format!("several namespaces have a run with the workflow id \"{workflow_id}\"");
                Err(Error::new(&code::WORKFLOW_AMBIGUOUS, message)
                    .help(format!("say which with `namespace`: {}", names.join(" or "))))
            }
        }
    }

    /// Whether the latest run of a workflow id is in reach.
    async fn sees_latest(&self, key: &Key) -> Result<bool, Error> {
        if self.in_reach().is_none() {
            return Ok(true);
        }
        if !self.sees_some(&key.namespace) {
            return Ok(false);
        }
        match self.row(&view::latest(&self.shared, key).await?).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == &code::RUN_UNKNOWN => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The namespaces to look in: the one that was named, or `default` and all that are deployed.
    fn namespaces(&self, named: Option<&Namespace>) -> Vec<Namespace> {
        if let Some(named) = named {
            return vec![named.clone()];
        }
        let mut all = vec![Namespace::default()];
        for workflow in self.definition().iter().flat_map(|definition| definition.program.workflows()) {
            for place in &workflow.deployments {
                // A family of namespaces has no name of its own: its instances are named by the caller.
                if let Ok(namespace) = Namespace::new(&place.namespace)
                    && !all.contains(&namespace)
                {
                    all.push(namespace);
                }
            }
        }
        all
    }

    /// Does something to an open run that has no answer beside that it is done.
    pub async fn operate(&self, to: &Address, input: Input) -> Result<(), Error> {
        match self.shared.router.ask(to.key.clone(), input).await {
            Some(Reply::Done) => Ok(()),
            other => Err(refused(other)),
        }
    }

    /// The run at an address.
    pub async fn run_at(&self, to: &Address) -> Result<RunId, Error> {
        match &to.run {
            Some(run) => Ok(run.clone()),
            None => view::latest(&self.shared, &to.key).await,
        }
    }

    /// What is known of the run at an address.
    pub async fn show_at(&self, to: &Address) -> Result<RunView, Error> {
        self.show(&self.run_at(to).await?).await
    }

    /// Sends a signal; gives the run that took it. The signal is durable when this returns.
    pub async fn signal(&self, to: &Address, signal: Signal) -> Result<RunId, Error> {
        let input = Input::Signal { run: to.run.clone(), signal, checked: true };
        match self.shared.router.ask(to.key.clone(), input).await {
            Some(Reply::Taken(run)) => Ok(run),
            other => Err(refused(other)),
        }
    }

    /// Asks a run's program. A run that has ended answers from its history.
    pub async fn query(&self, to: &Address, name: &str, input: &Json) -> Result<Json, Error> {
        let asked = Query { run: to.run.clone(), name: name.to_owned(), input: input.clone() };
        let (message, reply) = Message::query(to.key.clone(), asked);
        self.shared.router.send(message);
        match reply.await {
            Ok(Reply::Answered(answer)) => Ok(answer),
            Ok(Reply::Refused(error)) => Err(error),
            // Nobody decides in a process that only looks, and the store has all there is.
            Ok(Reply::NotHeld) | Err(_) => {
                let (machine, definition) = view::rebuilt(&self.shared, &to.key, to.run.as_ref()).await?;
                query::answer(&machine, &definition, (name, input))
            }
            Ok(other) => Err(refused(Some(other))),
        }
    }

    /// Sends an update. It is accepted, and that is durable, when this returns; the outcome follows.
    pub async fn update(
        &self,
        to: &Address,
        update: Update,
    ) -> Result<(Accepted, impl Future<Output = Result<UpdateOutcome, Error>> + use<>), Error> {
        let id = update.id.clone();
        let input = Input::Update { run: to.run.clone(), update };
        self.send_update(to.key.clone(), input, id).await
    }

    /// Sends a signal to the open run of a workflow id, or starts one for it. True when it was started.
    pub async fn signal_with_start(
        &self,
        request: StartRequest,
        signal: Signal,
    ) -> Result<(Key, RunId, bool), Error> {
        let (key, start) = self.start_input(request)?;
        let _admitted = self.admitted(&key.namespace).await?;
        let input = Input::SignalWithStart(Box::new(start), signal);
        match self.shared.router.ask(key.clone(), input).await {
            Some(Reply::Started { run, existing }) => Ok((key, run, !existing)),
            other => Err(refused(other)),
        }
    }

    /// Sends an update to the open run of a workflow id, or starts one for it.
    pub async fn update_with_start(
        &self,
        request: StartRequest,
        update: Update,
    ) -> Result<(Key, Accepted, impl Future<Output = Result<UpdateOutcome, Error>> + use<>), Error> {
        let (key, start) = self.start_input(request)?;
        let _admitted = self.admitted(&key.namespace).await?;
        let id = update.id.clone();
        let input = Input::UpdateWithStart(Box::new(start), update);
        let (accepted, outcome) = self.send_update(key.clone(), input, id).await?;
        Ok((key, accepted, outcome))
    }

    async fn send_update(
        &self,
        key: Key,
        input: Input,
        id: String,
    ) -> Result<(Accepted, impl Future<Output = Result<UpdateOutcome, Error>> + use<>), Error> {
        let (message, reply) = Message::ask(key.clone(), input);
        let (message, outcome) = message.awaiting_update();
        self.shared.router.send(message);
        let (run, started) = match reply.await.map_err(|_| stopping())? {
            Reply::Accepted { run, started, .. } => (run, started),
            other => return Err(refused(Some(other))),
        };
        let accepted = Accepted { run: run.clone(), id: id.clone(), started };
        let engine = self.clone();
        let outcome = async move {
            match outcome.await {
                Ok(outcome) => Ok(outcome),
                Err(_) => engine.recorded_outcome(&key, &run, &id).await,
            }
        };
        Ok((accepted, outcome))
    }

    /// The outcome of an update from its run's history. A run that ended without one never will have one.
    async fn recorded_outcome(&self, key: &Key, run: &RunId, id: &str) -> Result<UpdateOutcome, Error> {
        for stored in self.shared.store.read(key, 0).await? {
            let record = Record::decode(&stored.record).map_err(|why| damaged(key, &why))?;
            for part in record.runs.into_iter().filter(|part| part.run == *run) {
                for event in part.events {
                    match event {
                        Event::WorkflowExecutionUpdateCompleted { id: of, result, failure, .. }
                            if of == id =>
                        {
                            return Ok(failure.map_or(Ok(result), Err));
                        }
                        _ => {}
                    }
                }
            }
        }
        let row = self.row(run).await?;
        if row.status.is_open() {
            return Err(stopping());
        }
        let message =
            format!("the run closed before update {id} was answered: it is {}", row.status.as_str());
        Err(Error::new(&code::RUN_CLOSED, message)
            .help(format!("`nexus run show {run}` says how it ended"))
            .run(run.clone()))
    }
}

/// What is told when the answer is not the one that was hoped for.
fn refused(reply: Option<Reply>) -> Error {
    match reply {
        Some(Reply::Refused(error)) => error,
        Some(_) => Error::internal("a message was not answered as one"),
        None => stopping(),
    }
}
