//! How the command line reaches operations: through a server when one is there, else in this very process.
//!
//! Both ways end in the same pipeline over the same catalogue.

pub mod described;
pub mod place;
pub(crate) mod remote;

use nexus_gateway::Target;
use nexus_kernel::Json;
use nexus_kernel::call::{Answer, CallContext, Channel, RunAnswer, Wait};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{SessionId, WorkflowId};
use nexus_kernel::operation::Operation;
use nexus_kernel::port::clock::{Clock as _, SystemClock};
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::trace::TraceContext;
use serde_json::Map;

use crate::address;
use crate::cli::Global;
use crate::login::Provider;
use crate::node::{Node, Purpose};
use crate::outbound::tls;
use crate::output::Output;
use crate::owner;
use crate::profile::{self, Profiles};
use crate::project::Project;
use place::{Ca, Place, Server, place};
pub(crate) use remote::Remote;
pub use remote::check_url;

/// A way to operations.
pub enum Client {
    /// Over HTTP.
    Remote(Remote),
    /// In this process.
    Local(Box<Local>),
}

/// A node in this process, for calls of one session or of none.
pub struct Local {
    node: Node,
    session: Option<SessionId>,
}

impl Local {
    fn context(&self) -> CallContext {
        let context = self.node.pipeline().context(Channel::Cli);
        CallContext { session: self.session.clone(), trace: trace_of_caller(), ..context }
    }
}

/// The trace that whoever has started this command says it is part of (`TRACEPARENT`, `TRACESTATE`).
fn trace_of_caller() -> Option<TraceContext> {
    TraceContext::parse(&place::env("TRACEPARENT")?, place::env("TRACESTATE").as_deref())
}

/// The start of a run.
pub struct StartCall {
    /// `Name` or `namespace/Name`.
    pub workflow: String,
    /// Its input.
    pub input: Json,
    /// How long to wait.
    pub wait: Wait,
    /// The caller's id for the work.
    pub workflow_id: Option<WorkflowId>,
    /// Equal keys start the work once.
    pub idempotency_key: Option<String>,
    /// Options as `run.start` takes them.
    pub options: Map<String, Json>,
}

impl StartCall {
    /// The input of `run.start`, which takes options; the operation of a workflow takes its input only.
    fn with_options(&self) -> Json {
        let mut fields = self.options.clone();
        fields.insert("workflow".into(), self.workflow.as_str().into());
        fields.insert("input".into(), self.input.clone());
        fields.extend(self.workflow_id.as_ref().map(|id| ("workflow_id".to_owned(), id.as_str().into())));
        fields.extend(self.idempotency_key.as_deref().map(|key| ("request_id".to_owned(), key.into())));
        Json::Object(fields)
    }
}

impl Client {
    /// A way to start runs and see them end.
    pub async fn executing(global: &Global, output: Output) -> Result<Client, Error> {
        match Client::server(global).await? {
            Some(remote) => Ok(Client::Remote(remote)),
            None => Client::local(global, output, Purpose::Execute).await,
        }
    }

    /// A way to look at what is there. Without a server nothing is executed.
    pub async fn reading(global: &Global, output: Output) -> Result<Client, Error> {
        match Client::server(global).await? {
            Some(remote) => Ok(Client::Remote(remote)),
            None => Client::local(global, output, Purpose::Read).await,
        }
    }

    /// A server, or an error that says how to get one.
    pub async fn remote(global: &Global) -> Result<Client, Error> {
        let found = Client::server(global).await?;
        found.map(Client::Remote).ok_or_else(|| {
            Error::new(&code::SERVER_UNREACHABLE, "no server serves this project")
                .help("start one with `nexus up`; without a server a run stands still once this command ends")
        })
    }

    async fn local(global: &Global, output: Output, purpose: Purpose) -> Result<Client, Error> {
        let project = Project::read(&global.project)?;
        let session = session(global)?;
        Ok(Client::Local(Box::new(Local { node: Node::open(project, purpose, output).await?, session })))
    }

    /// The server that was named, or the one that serves the project. One that was named must answer.
    pub(crate) async fn server(global: &Global) -> Result<Option<Remote>, Error> {
        let session = session(global)?;
        let profiles = || Profiles::read(&profile::file()?);
        // Without a home there can be no profiles, and nobody has asked for one.
        let profiles =
            || if profile::config_folder().is_some() { profiles() } else { Ok(Profiles::default()) };
        if let Place::Server(server) = place(global, &place::env, profiles)? {
            return Remote::connect(&renewed(*server).await?, session).await.map(Some);
        }
        match address::read(&global.project) {
            Some(url) => {
                let url = address::near(&url);
                // The owner's credential does not travel in the open; the server would not take it from there either.
                let token = owner::read(&global.project).filter(|_| check_url(&url, true).is_ok());
                let own = Server { ca: Ca::named(global, &place::env), token, ..Server::own(url) };
                match Remote::connect(&own, session).await {
                    Ok(remote) => Ok(Some(remote)),
                    // Somebody answers there, and is not trusted: to go on without would be another project's work.
                    Err(error) if tls::is_fault(&error) || error.code() == &code::CA_INVALID => Err(error),
                    // What is left of a server that was killed names an address where nobody answers.
                    Err(_) => Ok(None),
                }
            }
            None => Ok(None),
        }
    }

    /// What can be called: as the server says, or by the files of the project. Verbs are known without a project.
    pub async fn operations(global: &Global, verbs_only: bool) -> Result<Vec<Operation>, Error> {
        match Client::server(global).await? {
            Some(remote) => remote.operations().await,
            None if verbs_only => Ok(described::verbs()),
            None => described::of_project(&Project::read(&global.project)?),
        }
    }

    /// Whether a server is behind it.
    pub fn is_remote(&self) -> bool {
        matches!(self, Client::Remote(_))
    }

    /// Calls an operation of Nexus itself.
    pub async fn verb(&self, name: &str, input: Json) -> Result<Json, Error> {
        match self {
            Client::Remote(remote) => remote.verb(name, input).await,
            Client::Local(local) => {
                let pipeline = local.node.pipeline();
                Ok(pipeline.call(Target::Verb(name), input, local.context()).await?.output)
            }
        }
    }

    /// Calls an operation of Nexus itself that starts a run, and waits for what comes of it.
    pub async fn long(&self, name: &str, input: Json) -> Result<Json, Error> {
        match self {
            Client::Remote(remote) => remote.long(name, input).await,
            Client::Local(local) => {
                let context = CallContext { wait: Wait::Done, ..local.context() };
                Ok(local.node.pipeline().call(Target::Verb(name), input, context).await?.output)
            }
        }
    }

    /// Starts a run.
    pub async fn start(&self, call: StartCall) -> Result<Answer, Error> {
        match self {
            Client::Remote(remote) => remote.start(call).await,
            Client::Local(local) => {
                let (input, pipeline) = (call.with_options(), local.node.pipeline());
                let context = CallContext {
                    wait: call.wait,
                    workflow_id: call.workflow_id,
                    idempotency_key: call.idempotency_key,
                    ..local.context()
                };
                if call.options.is_empty() {
                    return pipeline.call(Target::Workflow(&call.workflow), call.input, context).await;
                }
                pipeline.call(Target::Verb("run.start"), input, context).await
            }
        }
    }

    /// Ends it. Work in this process is durable before it stops.
    pub async fn close(self) -> Result<(), Error> {
        match self {
            Client::Remote(_) => Ok(()),
            Client::Local(local) => local.node.stop().await,
        }
    }
}

/// The server with a token that is good, when somebody has logged in there and the token has ended.
async fn renewed(server: Server) -> Result<Server, Error> {
    let Some((name, login)) = server.login.as_ref().filter(|(_, login)| login.is_over(SystemClock.now()))
    else {
        return Ok(server);
    };
    let over = || {
        Error::new(&code::LOGIN_FAILED, format!("the login of the profile {name} has ended"))
            .help(format!("`nexus login {name}` begins another"))
    };
    let refresh = login.refresh_token.as_ref().ok_or_else(over)?;
    let provider = Provider::discover(&login.issuer, &login.client_id, server.ca.as_ref()).await?;
    let granted = provider.renew(refresh).await?;
    let file = profile::file()?;
    let mut profiles = Profiles::read(&file)?;
    let profile = profiles.profiles.get_mut(name).ok_or_else(over)?;
    match granted {
        Some(granted) => {
            (profile.token, profile.login) = (Some(granted.token), Some(granted.login));
        }
        // Another command was quicker, and the provider takes each of these once.
        None if profile.login.as_ref() != Some(login) => {}
        None => return Err(over()),
    }
    let token = profile.token.clone();
    profiles.write(&file)?;
    Ok(Server { token, ..server })
}

/// The session that a command is to belong to.
fn session(global: &Global) -> Result<Option<SessionId>, Error> {
    let given = global.session.clone().or_else(|| place::env("NEXUS_SESSION"));
    given.map(|id| SessionId::parse(&id)).transpose()
}

/// Whether a run as `run.show` tells of it has ended, or cannot go on.
pub fn is_over(shown: &Json) -> bool {
    let is_open = matches!(shown.get("status").and_then(Json::as_str), Some("running" | "paused"));
    !is_open || shown.get("blocked").is_some_and(|blocked| !blocked.is_null())
}

/// The run that goes on in the stead of one that has ended.
pub fn successor(shown: &Json) -> Option<&str> {
    shown.get("successor").and_then(Json::as_str)
}

/// What a caller is told of a run, from what `run.show` tells.
pub fn answer_of_view(run: RunAnswer, mut shown: Json) -> Result<Answer, Error> {
    let status = shown.get("status").and_then(Json::as_str).and_then(RunStatus::from_wire);
    let mut failure = |name: &str| serde_json::from_value(shown.get_mut(name)?.take()).ok();
    let failure = failure("failure").or_else(|| failure("blocked"));
    let output = shown.get_mut("result").map(Json::take).unwrap_or_default();
    let run = RunAnswer { status: status.unwrap_or(RunStatus::Running), failure, ..run };
    nexus_engine::operations::answer_of(run, output)
}
