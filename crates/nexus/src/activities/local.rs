//! One function of a project, called from a terminal: with the limits and grants that its activity has, and figures.

use std::sync::Arc;

use nexus_kernel::Json;
use nexus_kernel::activity::{ActivityTask, Completion};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Key, Namespace, RunId, WorkflowId};
use nexus_kernel::port::SharedFunctionStore;
use nexus_kernel::port::activity::NoProgress;
use nexus_kernel::port::clock::{SharedClock, SystemClock};
use nexus_kernel::port::rng::{SharedRng, SystemRng};
use nexus_kernel::suggest::nearest;
use nexus_sandbox::{CallContext, CallError, Capabilities, Input, Invocation, Outcome, Sandbox};

use super::events::Collected;
use super::script::Hosted;
use super::scripts::Compiled;
use super::{Bindings, Function, ScriptActivities, ScriptError};
use crate::project::Project;

/// How long a call may take when its limits allow more, in milliseconds: an activity's usual time.
const START_TO_CLOSE_MS: u64 = 300_000;

/// The functions of a project, ready to be called.
pub struct Local {
    activities: ScriptActivities,
    bindings: Arc<Bindings>,
    errors: Vec<ScriptError>,
    clock: SharedClock,
}

/// A function, and everything that a call of it needs. Cheap to clone; each clone can be called once.
#[derive(Clone)]
pub struct Prepared {
    /// The call.
    pub invocation: Invocation,
    /// The events that it would publish.
    pub events: Arc<Collected>,
    hosted: Arc<Hosted>,
}

/// A call that succeeded.
pub struct Finished {
    /// Result, logs, figures.
    pub outcome: Outcome,
    /// Whether the function said that somebody else completes it.
    pub later: bool,
}

impl Local {
    /// Compiles the functions of a project. Files that cannot be read are told when a function of theirs is asked for.
    pub async fn open(project: &Project, store: SharedFunctionStore) -> Result<Local, Error> {
        let (clock, rng): (SharedClock, SharedRng) = (Arc::new(SystemClock), Arc::new(SystemRng));
        let sandbox = super::sandbox(project, store, &clock, &rng)?;
        let Compiled { bindings, errors, .. } = Bindings::compile(project, &sandbox, None).await;
        let activities = ScriptActivities::new(sandbox, Arc::clone(&clock));
        activities.bind(bindings);
        let bindings = activities.bindings();
        Ok(Local { activities, bindings, errors, clock })
    }

    /// The clock that calls are measured by.
    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// The names of all functions, by file and name.
    pub fn names(&self) -> Vec<(String, String)> {
        let functions = self.bindings.functions.iter();
        let mut names: Vec<_> =
            functions.map(|(name, function)| (function.file().to_owned(), name.clone())).collect();
        names.sort();
        names
    }

    /// A call of a function; of this file when one is named. `grants` come beside what the project grants.
    pub fn prepare(
        &self,
        file: Option<&str>,
        name: &str,
        input: Json,
        grants: Capabilities,
    ) -> Result<Prepared, Error> {
        let found = self.bindings.functions.get(name);
        let function = found.filter(|found| file.is_none_or(|file| found.file() == file));
        let function = function.ok_or_else(|| self.missing(file, name))?;
        let task = self.task(name)?;
        let way = self.activities.way(&task, grants.clone());
        let hosted = Arc::new(Hosted::new(Arc::new(NoProgress), way));
        let mut invocation = self.activities.invocation(&self.bindings, function, task, &hosted);
        invocation.input = Input::One(input);
        invocation.context = CallContext {
            activity: Some(name.to_owned()),
            idempotency_key: Some("local".to_owned()),
            ..CallContext::default()
        };
        invocation.capabilities = invocation.capabilities.and(grants);
        let events = Arc::new(Collected::default());
        invocation.ports.events = Some(events.clone());
        Ok(Prepared { invocation, events, hosted })
    }

    /// Calls a function.
    pub async fn call(&self, prepared: Prepared) -> Result<Finished, CallError> {
        let Prepared { invocation, hosted, .. } = prepared;
        let outcome = self.activities.sandbox().call(invocation).await?;
        let later = matches!(hosted.completion(Json::Null), Completion::Later);
        Ok(Finished { outcome, later })
    }

    /// Why a file cannot be read, when that is so.
    pub fn unreadable_in(&self, file: &str) -> Option<Error> {
        self.errors.iter().find(|error| error.file == file).map(unreadable)
    }

    /// The first file that cannot be read, and why.
    pub fn unreadable(&self) -> Option<Error> {
        self.errors.first().map(unreadable)
    }

    /// The attempt that a call from a terminal stands for: nobody's.
    fn task(&self, name: &str) -> Result<ActivityTask, Error> {
        Ok(ActivityTask {
            key: Key { namespace: Namespace::default(), workflow_id: WorkflowId::new("local")? },
            run_id: RunId::generate(self.clock.now(), &SystemRng),
            workflow: "local".to_owned(),
            activity_id: 1,
            activity: name.to_owned(),
            input: Vec::new(),
            parameters: None,
            attempt: 1,
            ticket: 1,
            start_to_close_ms: START_TO_CLOSE_MS,
            heartbeat_ms: None,
            heartbeat_details: Json::Null,
            session: None,
            trace: None,
            own_idempotency_key: None,
        })
    }

    fn missing(&self, file: Option<&str>, name: &str) -> Error {
        let of_file = |error: &&ScriptError| file.is_none_or(|file| error.file == file);
        if let Some(error) = self.errors.iter().find(of_file) {
            return unreadable(error);
        }
        let names = self.names();
        let mut here: Vec<&str> = names
            .iter()
            .filter(|(of, _)| file.is_none_or(|file| file == of))
            .map(|(_, name)| name.as_str())
            .collect();
        let place = file.unwrap_or("the project");
        let error = Error::new(&code::FUNCTION_UNKNOWN, format!("{place} has no function {name}"));
        if let Some(near) = nearest(name, here.iter().copied()) {
            return error.help(format!("did you mean {near}?"));
        }
        here.truncate(10);
        match here.as_slice() {
            [] => error.help("a function is what a file in activities/ exports"),
            here => error.help(format!("there are {}", here.join(", "))),
        }
    }
}

impl ScriptActivities {
    fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }
}

impl Function {
    fn file(&self) -> &str {
        self.module.file()
    }
}

fn unreadable(error: &ScriptError) -> Error {
    let place = format!("{}:{}:{}", error.file, error.line, error.column);
    let told = Error::new(&code::SCRIPT_INVALID, format!("{} cannot be read", error.file))
        .fault(place, error.message.clone());
    match &error.help {
        Some(help) => told.help(help.clone()),
        None => told.help("`nexus check` shows the line"),
    }
}
