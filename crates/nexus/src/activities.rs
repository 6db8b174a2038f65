//! Activities of a project: JavaScript functions carried out in the sandbox, HTTP services, processes.

mod components;
pub mod events;
mod grants;
mod http;
mod keep;
pub mod lints;
pub mod local;
mod message;
mod process;
mod runs;
mod script;
pub mod scripts;
pub(crate) mod secrets;
mod standing;

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use nexus_engine::EngineHandle;
use nexus_gateway::Pipeline;
use nexus_gateway::breaker::Breakers;
use nexus_kernel::activity::{ActivityTask, Completion};
use nexus_kernel::code;
use nexus_kernel::doer::Doer;
use nexus_kernel::error::Error;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::SharedFunctionStore;
use nexus_kernel::port::activity::{Activities, NoProgress, SharedProgress};
use nexus_kernel::port::clock::{SharedClock, SystemClock};
use nexus_kernel::port::object::Objects;
use nexus_kernel::port::rng::{SharedRng, SystemRng};
use nexus_kernel::port::secret::Secrets;
use nexus_kernel::{BoxFuture, Json, tell_of};
use nexus_lang::twf::program::Program;
use nexus_sandbox::{
    CallContext, CallSession, Capabilities, Input, Invocation, Lease, LogLevel, Module, Options, Ports,
    Priority, Sandbox, Wish,
};

use crate::config::activity::Binding;
use crate::config::sandbox::SandboxConfig;
use crate::project::Project;
use events::Publishing;
use grants::{Grants, Way};
use http::HttpActivity;
pub(crate) use keep::Shelf;
use process::{Pool, ProcessActivity, Program as ProcessProgram};
use runs::Runs;
use script::Hosted;
pub use scripts::ScriptError;
use secrets::ProjectSecrets;
use standing::{Grant, Standing};

/// Who carries out which activity.
#[derive(Debug, Default)]
pub struct Bindings {
    functions: HashMap<String, Function>,
    limits: SandboxConfig,
    grants: Grants,
    secrets: Arc<ProjectSecrets>,
    /// What the configuration binds. It comes before a function of the same name.
    others: HashMap<String, Other>,
}

/// An activity that is carried out outside of the sandbox.
#[derive(Debug, Clone)]
struct Other {
    executor: Executor,
    /// Names of the declared parameters, once the declarations are known.
    parameters: Vec<String>,
}

/// Who carries it out.
#[derive(Debug, Clone)]
enum Executor {
    Http(HttpActivity),
    Process(ProcessActivity),
}

#[derive(Debug, Clone)]
struct Function {
    module: Module,
    /// What its file asks for: less than it is allowed.
    wish: Option<Wish>,
    /// Names of the declared parameters, once the declarations are known.
    parameters: Vec<String>,
}

impl Bindings {
    /// Takes the parameters' names from the declarations of the activities.
    pub fn learn_parameters(&mut self, program: &Program) {
        for activity in program.activities() {
            let names = || activity.params.iter().map(|param| param.name.clone()).collect();
            if let Some(function) = self.functions.get_mut(&activity.name) {
                function.parameters = names();
            }
            if let Some(other) = self.others.get_mut(&activity.name) {
                other.parameters = names();
            }
        }
    }

    /// Whether somebody carries an activity out.
    pub fn has(&self, activity: &str) -> bool {
        self.functions.contains_key(activity) || self.others.contains_key(activity)
    }

    /// Takes over the processes of equal programs: they need not be started again.
    fn keep_pools(&mut self, before: &Bindings) {
        let pools = before.others.values().filter_map(|other| match &other.executor {
            Executor::Process(process) => Some(Arc::clone(&process.pool)),
            Executor::Http(_) => None,
        });
        let mut pools: Vec<Arc<Pool>> = pools.collect();
        for other in self.others.values_mut() {
            if let Executor::Process(process) = &mut other.executor {
                process.pool = Pool::of(process.pool.program().clone(), &mut pools);
            }
        }
    }
}

/// What the configuration binds.
fn configured(project: &Project) -> HashMap<String, Other> {
    let (client, mut pools) = (HttpActivity::client(project), Vec::new());
    let activities = project.config.activities.iter();
    let bound = activities.map(|(name, config)| {
        let executor = match config.binding {
            Binding::Http => Executor::Http(HttpActivity::new(&client, config)),
            Binding::Process => {
                let pool = Pool::of(ProcessProgram::new(&project.root, config), &mut pools);
                Executor::Process(ProcessActivity::new(pool, config))
            }
        };
        (name.clone(), Other { executor, parameters: Vec::new() })
    });
    bound.collect()
}

/// The executor: looks up the function of a task and calls it in the sandbox.
pub struct ScriptActivities {
    sandbox: Sandbox,
    clock: SharedClock,
    standing: Arc<Standing>,
    runs: Runs,
    shelf: OnceLock<Shelf>,
    breakers: OnceLock<Breakers>,
}

impl ScriptActivities {
    /// An executor without functions.
    pub fn new(sandbox: Sandbox, clock: SharedClock) -> ScriptActivities {
        ScriptActivities {
            sandbox,
            clock,
            standing: Arc::default(),
            runs: Runs::default(),
            shelf: OnceLock::new(),
            breakers: OnceLock::new(),
        }
    }

    /// Leaves hosts alone that fail, from now on.
    pub(crate) fn mind(&self, breakers: Breakers) {
        let _ = self.breakers.set(breakers); // a node has these
    }

    /// Keeps functions that wait for long beyond this process, from now on.
    pub(crate) fn keep_on(&self, shelf: Shelf) {
        let _ = self.shelf.set(shelf); // a node has one
    }

    /// Lets functions reach the runs of a node, until [`ScriptActivities::disconnect`].
    pub fn connect(&self, pipeline: &Pipeline, engine: &EngineHandle) {
        self.runs.open(pipeline.clone(), engine.clone());
    }

    /// Ends that.
    pub fn disconnect(&self) {
        self.runs.close();
    }

    /// Replaces all functions. Attempts that run go on with the code and the limits they began with, and may do from now
    /// on what these allow.
    pub fn bind(&self, mut bindings: Bindings) {
        bindings.keep_pools(&self.bindings());
        self.standing.replace(bindings);
    }

    fn bindings(&self) -> Arc<Bindings> {
        self.standing.bindings()
    }

    /// What an attempt may do, for as long as nothing is bound after this generation.
    fn lease(&self, activity: &str, generation: u64) -> Lease {
        let (standing, activity) = (Arc::clone(&self.standing), activity.to_owned());
        Lease::new(Arc::new(Grant { standing, activity }), generation)
    }

    /// The way of an attempt to the outside.
    fn way(&self, task: &ActivityTask, more: Capabilities) -> Way {
        Way::new(Arc::clone(&self.standing), task, more, Arc::clone(&self.clock))
    }

    fn invocation(
        &self,
        bindings: &Bindings,
        function: &Function,
        task: ActivityTask,
        hosted: &Arc<Hosted>,
    ) -> Invocation {
        let token = Some(task.token().to_string());
        let capabilities = script::grants(bindings.grants.of(&task.activity).clone());
        let deadline = self.clock.now().plus(Duration::from_millis(task.start_to_close_ms));
        let idempotency_key = Some(task.idempotency_key());
        let mut limits = bindings.limits.limits(task.key.namespace.as_str(), &task.activity);
        if let Some(wish) = &function.wish {
            wish.lower(&mut limits);
        }
        let context = CallContext {
            namespace: task.key.namespace,
            workflow: Some(task.workflow),
            workflow_id: Some(task.key.workflow_id.to_string()),
            run: Some(task.run_id.to_string()),
            activity: Some(task.activity.clone()),
            activity_id: Some(task.activity_id),
            attempt: task.attempt,
            idempotency_key,
            token,
            heartbeat_details: task.heartbeat_details,
            session: task.session.map(|id| CallSession { id }),
        };
        let runs = self.runs.within(task.trace);
        Invocation {
            module: function.module.clone(),
            export: task.activity,
            input: Input::One(argument(
                task.parameters.as_deref().unwrap_or(&function.parameters),
                task.input,
            )),
            context,
            capabilities,
            lease: None,
            limits,
            // Tasks come in the order of their queue's priorities already.
            priority: Priority::Normal,
            // Being turned away would cost an attempt.
            patient: true,
            deadline: Some(deadline),
            seed: None,
            functions: Some(Arc::clone(hosted) as Arc<dyn nexus_sandbox::HostFunctions>),
            ports: Ports {
                secrets: Some(Arc::clone(&self.standing) as Arc<dyn Secrets>),
                workflows: Some(Arc::new(runs.clone())),
                sessions: Some(Arc::new(runs.clone())),
                events: Some(Arc::new(Publishing::of(runs, task.run_id))),
            },
            keep: None,
            recorder: None,
        }
    }
}

/// An activity with one parameter gets its value, one with several gets an object of them.
fn argument(parameters: &[String], mut input: Vec<Json>) -> Json {
    match parameters {
        [] | [_] if input.len() <= 1 => input.pop().unwrap_or(Json::Null),
        [] => Json::Array(input),
        names => names.iter().cloned().zip(input).collect(),
    }
}

impl Activities for ScriptActivities {
    fn is_bound(&self, activity: &str) -> bool {
        self.bindings().has(activity)
    }

    fn execute(
        &self,
        task: ActivityTask,
        progress: SharedProgress,
    ) -> BoxFuture<'static, Result<Completion, Failure>> {
        let generation = self.standing.generation();
        let bindings = self.bindings();
        if let Some(other) = bindings.others.get(&task.activity) {
            let breakers = self.breakers.get().cloned();
            return other.execute(task, progress, (Arc::clone(&self.clock), breakers));
        }
        let Some(function) = bindings.functions.get(&task.activity) else {
            let message = format!("nobody implements activity {}", task.activity);
            return Box::pin(std::future::ready(Err(Failure::new(
                FailureKind::Server,
                code::ACTIVITY_UNBOUND.id,
                message,
            ))));
        };
        let (doer, token) = (Doer::of(&task), task.token());
        let hosted = Arc::new(Hosted::new(progress, self.way(&task, Capabilities::none())));
        let lease = self.lease(&task.activity, generation);
        let mut invocation = self.invocation(&bindings, function, task, &hosted);
        invocation.lease = Some(lease);
        let (sandbox, shelf) = (self.sandbox.clone(), self.shelf.get().cloned());
        Box::pin(async move {
            if let Some(shelf) = shelf {
                invocation.keep = Some(shelf.keep(&token, doer.clone(), &hosted).await);
            }
            let (result, logs) = match sandbox.call(invocation).await {
                Ok(outcome) => (Ok(outcome.result), outcome.logs),
                Err(error) => (Err(error.kind.to_failure()), error.logs),
            };
            for line in &logs {
                log(&doer, line.level, &line.message);
            }
            result.map(|result| hosted.completion(result))
        })
    }
}

impl Other {
    fn execute(
        &self,
        mut task: ActivityTask,
        progress: SharedProgress,
        (clock, breakers): (SharedClock, Option<Breakers>),
    ) -> BoxFuture<'static, Result<Completion, Failure>> {
        let parameters = task.parameters.take();
        let parameters = parameters.as_deref().unwrap_or(&self.parameters);
        let input = argument(parameters, std::mem::take(&mut task.input));
        match self.executor.clone() {
            Executor::Http(http) => {
                Box::pin(async move { http.execute(task, input, (&clock, breakers.as_ref())).await })
            }
            Executor::Process(process) => {
                Box::pin(async move { process.execute(task, input, (progress, &clock)).await })
            }
        }
    }
}

/// A text of a function as a part of one line: what looks like the next line of the log, or moves a terminal's cursor, is
/// written as an escape.
fn one_line(text: &str) -> Cow<'_, str> {
    let is_harmful = |c: char| c.is_control() && c != '\t';
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| if is_harmful(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escaped).collect())
}

/// What a function logs goes where the server logs.
fn log(doer: &Doer, level: LogLevel, message: &str) {
    let message = one_line(message);
    match level {
        LogLevel::Debug => tell_of!(*doer, debug, target: "nexus::activity", "{message}"),
        LogLevel::Info => tell_of!(*doer, info, target: "nexus::activity", "{message}"),
        LogLevel::Warn => tell_of!(*doer, warn, target: "nexus::activity", "{message}"),
        LogLevel::Error => tell_of!(*doer, error, target: "nexus::activity", "{message}"),
    }
}

/// The sandbox of a project that runs.
pub fn sandbox(
    project: &Project,
    store: SharedFunctionStore,
    clock: &SharedClock,
    rng: &SharedRng,
) -> Result<Sandbox, Error> {
    let mut options = Options {
        objects: Some(Arc::clone(&store) as Arc<dyn Objects>),
        data_folder: Some(project.root.join("data")),
        cache_folder: cache_folder(),
        ..Options::new(Arc::clone(clock), Arc::clone(rng), store)
    };
    project.config.sandbox.size(&mut options);
    start(options)
}

/// A sandbox that only compiles.
pub fn checking() -> Result<Sandbox, Error> {
    start(checking_options())
}

/// Options with nothing behind them.
pub(crate) fn checking_options() -> Options {
    let store = Arc::new(MemoryStore::new());
    Options {
        cache_folder: cache_folder(),
        ..Options::new(Arc::new(SystemClock), Arc::new(SystemRng), store)
    }
}

/// The functions of a project, called one after the other on a store of their own that is empty at first.
pub struct OneByOne {
    activities: ScriptActivities,
}

/// Compiles the functions of a project for calls one by one.
pub async fn one_by_one(project: &Project) -> Result<OneByOne, Error> {
    let (clock, rng): (SharedClock, SharedRng) = (Arc::new(SystemClock), Arc::new(SystemRng));
    let sandbox = sandbox(project, Arc::new(MemoryStore::new()), &clock, &rng)?;
    let (built, report) = crate::built::build(project, Some(&sandbox), false).await;
    let built = built.ok_or_else(|| report.to_error())?;
    let activities = ScriptActivities::new(sandbox, clock);
    activities.bind(built.bindings);
    Ok(OneByOne { activities })
}

impl OneByOne {
    /// Carries out one attempt and waits for its end. One that is to be completed later has no end here.
    pub fn call(&self, task: ActivityTask) -> Result<Json, Failure> {
        let work = self.activities.execute(task, Arc::new(NoProgress));
        let end = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work));
        match end? {
            Completion::Done(result) => Ok(result),
            Completion::Later => {
                let message = "the activity is completed from outside; give it an answer in the scenario";
                Err(Failure::application("CompletesLater", message).final_())
            }
        }
    }
}

fn start(options: Options) -> Result<Sandbox, Error> {
    Sandbox::start(options).map_err(|error| {
        Error::internal(error.to_string())
            .help("the system must allow threads and some memory to be reserved")
    })
}

/// The engine's machine code is the same for all projects of a user: it is compiled once.
fn cache_folder() -> Option<PathBuf> {
    let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    given("NEXUS_CACHE_DIR")
        .or_else(|| given("XDG_CACHE_HOME").map(|folder| folder.join("nexus")))
        .or_else(|| given("HOME").map(|folder| folder.join(".cache/nexus")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_stays_on_its_line() {
        assert_eq!(one_line("as it is\tä"), "as it is\tä");
        assert_eq!(one_line("a\n2026 WARN b\r\u{1b}[2J\u{85}"), "a\\n2026 WARN b\\r\\u{1b}[2J\\u{85}");
    }

    #[test]
    fn arguments_follow_the_declaration() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(argument(&names(&["order"]), vec![json!({ "id": 1 })]), json!({ "id": 1 }));
        assert_eq!(argument(&names(&["a", "b"]), vec![json!(1), json!(2)]), json!({ "a": 1, "b": 2 }));
        assert_eq!(argument(&[], vec![]), Json::Null);
    }
}
