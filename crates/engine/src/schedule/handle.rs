//! Schedules as the rest of the server reaches them.

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Namespace, RunId};
use nexus_kernel::time::Timestamp;

use super::record::{Definition, Overlap, Schedule};
use super::step::{Happening, Request};
use crate::engine::{EngineHandle, stopping};
use crate::input::{Input, Reply};
use crate::interpret;

/// A schedule that is to be made.
#[derive(Debug, Clone)]
pub struct NewSchedule {
    /// Its id in its namespace.
    pub id: String,
    /// What it does.
    pub definition: Definition,
    /// Whether it does nothing at first.
    pub paused: bool,
    /// Why.
    pub note: String,
    /// How often it acts, when that is limited.
    pub remaining_actions: Option<u64>,
}

impl EngineHandle {
    /// Makes a schedule. It is durable when this returns.
    ///
    /// # Errors
    ///
    /// The id is taken; the spec does not make sense or would never act; the workflow does not exist or does not take the
    /// input.
    pub async fn create_schedule(&self, namespace: Namespace, new: NewSchedule) -> Result<Schedule, Error> {
        self.check_action(&namespace, &new.id, &new.definition)?;
        let NewSchedule { id, definition, paused, note, remaining_actions } = new;
        let request = Request::Create {
            id: id.clone(),
            definition: Box::new(definition),
            paused,
            note,
            remaining_actions,
        };
        self.schedule(namespace, &id, request).await
    }

    /// Says anew what a schedule does; only when it is at this version, if one is given.
    pub async fn update_schedule(
        &self,
        namespace: Namespace,
        id: &str,
        (definition, version): (Definition, Option<u64>),
    ) -> Result<Schedule, Error> {
        self.check_action(&namespace, id, &definition)?;
        self.schedule(namespace, id, Request::Update { definition: Box::new(definition), version }).await
    }

    /// What is known of a schedule.
    pub async fn show_schedule(&self, namespace: Namespace, id: &str) -> Result<Schedule, Error> {
        self.schedule(namespace, id, Request::Show).await
    }

    /// Lets a schedule do nothing until further notice, or go on.
    pub async fn pause_schedule(
        &self,
        namespace: Namespace,
        id: &str,
        (paused, note): (bool, String),
    ) -> Result<Schedule, Error> {
        self.schedule(namespace, id, Request::Pause { paused, note }).await
    }

    /// Takes a schedule's action now.
    pub async fn trigger_schedule(
        &self,
        namespace: Namespace,
        id: &str,
        overlap: Option<Overlap>,
    ) -> Result<Schedule, Error> {
        self.schedule(namespace, id, Request::Trigger { overlap }).await
    }

    /// Takes a schedule's actions for the moments between two.
    pub async fn backfill_schedule(
        &self,
        namespace: Namespace,
        id: &str,
        (from, to, overlap): (Timestamp, Timestamp, Option<Overlap>),
    ) -> Result<Schedule, Error> {
        self.schedule(namespace, id, Request::Backfill { from, to, overlap }).await
    }

    /// Removes a schedule. Runs that it has started go on.
    pub async fn delete_schedule(&self, namespace: Namespace, id: &str) -> Result<(), Error> {
        self.schedule(namespace, id, Request::Delete).await.map(|_| ())
    }

    async fn schedule(&self, namespace: Namespace, id: &str, request: Request) -> Result<Schedule, Error> {
        let key = super::key(namespace, id)?;
        let input = Input::Schedule(Box::new(Happening::Request(request)));
        match self.shared.router.ask(key, input).await {
            Some(Reply::Schedule(schedule)) => Ok(*schedule),
            Some(Reply::Refused(error)) => Err(error),
            Some(_) => Err(Error::internal("a request for a schedule was not answered as one")),
            None => Err(stopping()),
        }
    }

    /// The schedules of a namespace, or all, by namespace and id.
    pub async fn list_schedules(
        &self,
        namespace: Option<&Namespace>,
    ) -> Result<Vec<(Namespace, Schedule)>, Error> {
        let mut all = self.shared.router.schedules().await.ok_or_else(stopping)?;
        all.retain(|(at, schedule)| {
            namespace.is_none_or(|namespace| namespace == at) && self.sees(at, &schedule.id)
        });
        all.sort_by(|(a, left), (b, right)| (a, &left.id).cmp(&(b, &right.id)));
        Ok(all)
    }

    /// Whether the workflow exists and takes the input: better to hear of it now than at night.
    fn check_action(&self, namespace: &Namespace, id: &str, wanted: &Definition) -> Result<(), Error> {
        let deployed = self.definition();
        let (action, deployed) = (&wanted.action, deployed.as_deref());
        crate::nexus::task_queue(deployed, namespace, &action.workflow)
            .map_err(|failure| Error::new(&code::WORKFLOW_UNKNOWN, failure.message))?;
        let Some(deployed) = deployed else { return Ok(()) };
        let key = super::key(namespace.clone(), id)?;
        let run = RunId::generate(Timestamp::default(), &*self.shared.rng);
        interpret::accepts((&key, &run), (&action.workflow, &action.input), deployed).map_err(|error| {
            Error::new(&code::INPUT_INVALID, format!("the input does not fit {}", action.workflow))
                .fault(error.path, error.message)
        })
    }
}
