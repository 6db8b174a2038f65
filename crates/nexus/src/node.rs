//! Wiring: a project, a store, an engine, the sandbox and a pipeline become one node.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use nexus_engine::version::{Deployed, Deployment, Followed, Ramp};
use nexus_engine::{Definition, Engine, EngineHandle, Options, Ports, operations};
use nexus_gateway::breaker::Breakers;
use nexus_gateway::passport::Passports;
use nexus_gateway::subscription::Subscriptions;
use nexus_gateway::webhook::Inbound;
use nexus_gateway::{Check, Keys, McpShelf, Pipeline, Redis, Sessions};
use nexus_kernel::BoxFuture;
use nexus_kernel::catalogue::Catalogue;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::Operation;
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::clock::{SharedClock, SystemClock};
use nexus_kernel::port::kv::Kv;
use nexus_kernel::port::rng::{SharedRng, SystemRng};
use nexus_kernel::port::runs::RunFilter;
use nexus_kernel::task::{self, Shutdown};
use nexus_lang::text::diagnostic::Severity;
use nexus_sandbox::Sandbox;
use nexus_store::SqliteStore;
use tokio::task::JoinHandle;

use crate::activities::{self, ScriptActivities};
use crate::audit::Audit;
use crate::built::{Report, build};
use crate::cache::Answers;
use crate::changes::Changes;
use crate::config::Config;
use crate::contract;
use crate::disk;
use crate::encryption::Encryption;
use crate::figures::Figures;
use crate::identity::{Identity, Wanted};
use crate::limits::Limits;
use crate::mcp;
use crate::namespaces::Namespaces;
use crate::outbound::exchange::Exchanges;
use crate::output::Output;
use crate::preset;
use crate::project::Project;
use crate::secrets::StoredSecrets;
use crate::shared::{self, Shared};
use crate::store::{self, Opened};
use crate::subscriptions::{self, EngineFeed};
use crate::telemetry::Exporter;

/// How long a reload waits to say how many open runs follow.
const FOLLOWING: Duration = Duration::from_secs(2);

/// The event that tells of a reload, behind `nexus.`: what callers of the default namespace see change.
const RELOADED: &str = "project.reloaded";

/// What a node is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To look at what is there. Nothing runs, nothing is written.
    Read,
    /// To run workflows until they end.
    Execute,
    /// To serve: activities that nobody implements wait instead of being refused.
    Serve,
}

/// A running node.
pub struct Node {
    /// The project it was built from.
    pub project: Project,
    /// Files beside those of the project that its scripts import or look for.
    inputs: Vec<PathBuf>,
    engine: EngineHandle,
    activities: Arc<ScriptActivities>,
    sandbox: Sandbox,
    pipeline: Pipeline,
    mcp: McpShelf,
    clock: SharedClock,
    rng: SharedRng,
    shutdown: Shutdown,
    running: Option<JoinHandle<Result<(), Error>>>,
    database: Option<SqliteStore>,
    /// The configuration of what is served, for the operations of other versions.
    contracts: Arc<RwLock<Arc<Config>>>,
    beside: Beside,
    inbound: Inbound,
    exporter: Option<Arc<Exporter>>,
    redis: Option<Redis>,
    outside: Arc<Exchanges>,
}

impl Node {
    /// Builds a project and starts what it needs. Findings about its files go to the output.
    pub async fn open(project: Project, purpose: Purpose, output: Output) -> Result<Node, Error> {
        let (clock, rng): (SharedClock, SharedRng) = (Arc::new(SystemClock), Arc::new(SystemRng));
        let Opened { store, functions, database, keyring } =
            store::open(&project, purpose, (&clock, &rng)).await?;
        let secrets = StoredSecrets::new(store.clone(), Arc::clone(&clock), keyring.clone());
        let project = Project { stored: Some(secrets.clone()), ..project };
        let sandbox = activities::sandbox(&project, Arc::clone(&functions), &clock, &rng)?;
        let activities = Arc::new(ScriptActivities::new(sandbox.clone(), Arc::clone(&clock)));
        let kept: Arc<dyn Kv> = store.clone();
        let outside = Arc::new(Exchanges::open(&project, purpose, &kept, (&clock, &rng)).await?);
        let ports = ports(store, &clock, &rng, (&activities, &outside));
        let engine = Engine::open(engine_options(&project), ports).await?;
        let exporter = if purpose == Purpose::Read { None } else { Exporter::open(&project, &clock)? };
        let shutdown = Shutdown::new();
        let keys = swept(Keys::new(Arc::clone(&kept), Arc::clone(&clock)), purpose, &shutdown);
        let encryption = Encryption::new(&project, keyring);
        let shared = Shared::open(&project, &encryption, (&clock, &rng)).await?;
        let pairs = shared.sessions().unwrap_or_else(|| Arc::clone(&kept));
        let sessions = Sessions::new(pairs, Arc::clone(&clock), Arc::clone(&rng));
        let pipeline = Pipeline::new(Catalogue::new(), Arc::clone(&clock), Arc::clone(&rng));
        let pipeline = tell_traces(exporter.as_ref(), &engine.handle(), pipeline);
        let audit = Audit::open(&project, purpose, Arc::clone(&kept), &clock).await?;
        audit.hear(&engine.handle());
        let pipeline = audit.around(pipeline.remembering(keys).with_sessions(sessions.clone()));
        let limits = Limits::of(&project, pipeline.catalogue(), shared.counters(&*rng), (&clock, &*rng))?;
        let pipeline = served(pipeline, purpose, &limits, &activities);
        let answers = Answers::open(&project, &kept, &clock, shared.answers());
        let pipeline = answers.around(pipeline, purpose, &shutdown);
        let identity = Identity::open(&project, &kept, &clock, &rng).await?;
        let pipeline = identity.guard(pipeline, &project, purpose, (&*rng, &shutdown)).await?;
        let subscriptions =
            Subscriptions::new(kept, Arc::clone(&clock), Arc::new(EngineFeed(engine.handle())));
        let shelf = match &database {
            Some(_) if purpose != Purpose::Read => {
                activities::Shelf::open(functions, &project.data_dir(), &rng, &shutdown).await
            }
            _ => None,
        };
        activities.connect(&pipeline, &engine.handle());
        let mcp = mcp::shelf(&project.data_dir(), purpose, &*rng)?;
        let mut node = Node {
            project,
            inputs: Vec::new(),
            engine: engine.handle(),
            activities,
            sandbox,
            pipeline,
            mcp,
            clock,
            rng,
            shutdown,
            running: None,
            database,
            contracts: Arc::default(),
            beside: Beside { sessions, subscriptions, identity, audit, limits, answers, encryption, secrets },
            inbound: Inbound::default(),
            exporter,
            redis: shared.redis,
            outside,
        };
        node.keep_on(shelf);
        node.follow_promotions();
        node.deploy(purpose, output).await?;
        if purpose != Purpose::Read {
            drop(task::spawn(node.beside.sessions.clone().sweep(node.shutdown.clone())));
            node.running = Some(task::spawn(engine.run(node.shutdown.clone())));
        }
        Ok(node)
    }

    /// Shows what its parts count, and keeps functions that wait for long on this shelf, where there is one.
    fn keep_on(&self, shelf: Option<activities::Shelf>) {
        self.count();
        let Some(shelf) = shelf else { return };
        self.activities.keep_on(shelf.clone());
        drop(task::spawn(shelf.sweep(self.engine.clone())));
    }

    /// Has everything shown that its parts count.
    fn count(&self) {
        let metrics = self.pipeline.metrics();
        metrics.add(Arc::new(self.beside.sessions.clone()));
        metrics.add(Arc::new(self.beside.subscriptions.clone()));
        if let Some(redis) = &self.redis {
            metrics.add(Arc::new(redis.clone()));
        }
        metrics.add(Arc::new(Figures {
            engine: self.engine.clone(),
            sandbox: self.sandbox.clone(),
            database: self.database.clone(),
            folder: self.project.data_dir(),
            catalogue: self.pipeline.catalogue().downgrade(),
            begun: self.clock.now(),
        }));
    }

    /// Builds the project as it is read now and makes it what is served: as a whole, or not at all.
    async fn deploy(&mut self, purpose: Purpose, output: Output) -> Result<(), Error> {
        // Who only looks needs no functions, and so does not wait for the JavaScript engine.
        let scripts = (purpose != Purpose::Read).then_some(&self.sandbox);
        let (built, report) = build(&self.project, scripts, false).await;
        print_findings(&report, output);
        self.inputs.clone_from(&report.inputs);
        let built = built.ok_or_else(|| summary(&report, output))?;
        if purpose == Purpose::Execute {
            refuse_unbound(&report)?;
        }
        // What cannot become operations is not deployed, and neither are subsets of what is not there.
        let mut catalogue = all_operations(&self.engine, &self.beside, &built.definition)?;
        contract::apply(&self.project.config, &mut catalogue)?;
        subscriptions::check(&self.project, &catalogue)?;
        let delivering = subscriptions::of(&self.project, &self.pipeline)?;
        let content = self.project.config.mcp.content(built.prompts);
        content.check(&catalogue)?;
        self.engine.configure(self.project.config.settings()?);
        self.engine.configure_endpoints(self.project.config.endpoint_specs());
        self.outside.configure(&self.project.config);
        self.activities.bind(built.bindings);
        if purpose == Purpose::Read {
            self.engine.preview(Arc::clone(&built.definition)).await?;
        } else {
            let deployment = self.engine.deploy(Arc::clone(&built.definition)).await?;
            tell(&deployment, purpose, output);
        }
        // An operator may have chosen another version than that of the files.
        let mut definition = built.definition;
        if let Some(current) = self.engine.definition().filter(|it| it.hash != definition.hash) {
            catalogue = all_operations(&self.engine, &self.beside, &current)?;
            contract::apply_where_it_fits(&self.project.config, &mut catalogue);
            definition = current;
        }
        self.beside.answers.follow(&self.project, &report);
        self.beside.answers.stamp(&mut catalogue, &definition.hash);
        *self.contracts.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(self.project.config.clone());
        self.pipeline.catalogue().replace(catalogue)?;
        self.mcp.put(content);
        if purpose == Purpose::Serve {
            subscriptions::receive(&self.project, &self.inbound)?;
            self.beside.subscriptions.serve(delivering);
        }
        Ok(())
    }

    /// Serves the operations of whichever version an operator makes the current one.
    fn follow_promotions(&self) {
        let (catalogue, mcp) = (self.pipeline.catalogue().downgrade(), self.mcp.clone());
        let beside = self.beside.clone();
        let contracts = Arc::clone(&self.contracts);
        self.engine.on_promotion(move |engine, current| {
            let Some(catalogue) = catalogue.upgrade() else { return };
            let config = Arc::clone(&contracts.read().unwrap_or_else(PoisonError::into_inner));
            let all = all_operations(engine, &beside, current);
            let replaced = all.and_then(|mut all| {
                contract::apply_where_it_fits(&config, &mut all);
                beside.answers.stamp(&mut all, &current.hash);
                catalogue.replace(all)
            });
            mcp.ring();
            if let Err(error) = replaced {
                tracing::error!(%error, "the operations of the current version cannot be served");
            }
        });
    }

    /// Reads the project's files again and serves them, when they have no errors. What was served before goes on
    /// otherwise.
    pub async fn reload(&mut self, output: Output) -> Result<Changes, Error> {
        let before = self.pipeline.catalogue().snapshot();
        let stored = self.project.stored.clone();
        let mut project = Project { stored, ..Project::read(&self.project.root)? };
        // Where it listens takes a restart, and may have been said by a flag.
        project.config.server.host.clone_from(&self.project.config.server.host);
        preset::enforce(&project)?;
        if project.config.auth.enabled != self.project.config.auth.enabled {
            return Err(Error::new(
                &code::CONFIG_INVALID,
                "[auth] enabled cannot change while the server runs",
            )
            .help("restart the server: whoever is connected would otherwise keep what they may do"));
        }
        if project.config.cache != self.project.config.cache {
            return Err(Error::new(&code::CACHE_INVALID, "[cache] cannot change while the server runs")
                .help("restart the server: what is kept in the store stays"));
        }
        if project.config.encryption != self.project.config.encryption {
            return Err(Error::new(
                &code::ENCRYPTION_INVALID,
                "[encryption] cannot change while the server runs",
            )
            .help("restart the server: it seals with other keys then, and opens with all that are named"));
        }
        if project.config.redis != self.project.config.redis {
            return Err(Error::new(&code::REDIS_INVALID, "[redis] cannot change while the server runs")
                .help("restart the server: who shares with whom is settled when it starts"));
        }
        if project.config.audit != self.project.config.audit {
            return Err(Error::new(&code::AUDIT_INVALID, "[audit] cannot change while the server runs")
                .help("restart the server: the log says then that it was closed and opened"));
        }
        let wanted = Wanted::read(&project).await?;
        self.project = project;
        self.deploy(Purpose::Serve, output).await?;
        self.beside.identity.follow(wanted);
        self.beside.limits.follow(&self.project)?;
        let changes = Changes::between(&before, &self.pipeline.catalogue().snapshot());
        if !changes.is_empty() {
            let told = self.engine.announce(&Namespace::default(), RELOADED, changes.to_json()).await;
            told.unwrap_or_else(
                |error| tracing::warn!(%error, "a reload could not be published as an event"),
            );
        }
        // Thousands of runs go on following in the background.
        if let Some(Some(followed)) = self.engine.within(FOLLOWING, self.engine.followed()).await {
            tell_followed(&followed, output);
        }
        Ok(changes)
    }

    /// The way every call takes.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// What MCP clients see beside the operations.
    pub fn mcp(&self) -> &McpShelf {
        &self.mcp
    }

    /// Files that the scripts of the project import, or looked for, wherever they lie.
    pub fn inputs(&self) -> &[PathBuf] {
        &self.inputs
    }

    /// Looks whether there is room on the disk, for `/health`.
    pub fn disk_check(&self) -> Check {
        let folder = self.project.data_dir();
        let look = move || -> BoxFuture<'static, Result<(), String>> {
            let folder = folder.clone();
            Box::pin(async move { disk::check(&folder) })
        };
        Check { name: "disk".to_owned(), checking: Arc::new(look), is_needed: true }
    }

    /// Looks whether calls are held back from anything, for `/health`.
    pub fn breakers(&self) -> &Breakers {
        self.beside.limits.breakers()
    }

    /// Webhooks that others may send.
    pub fn inbound(&self) -> &Inbound {
        &self.inbound
    }

    /// Time, as the node sees it.
    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// Chance, as the node sees it.
    pub fn rng(&self) -> &SharedRng {
        &self.rng
    }

    /// What the server signs with when it calls operations elsewhere.
    pub fn passports(&self) -> Option<Arc<Passports>> {
        self.outside.passports()
    }

    /// Looks whether the store answers, for `/health`.
    pub fn store_check(&self) -> Check {
        let engine = self.engine.clone();
        let look = move || -> BoxFuture<'static, Result<(), String>> {
            let engine = engine.clone();
            Box::pin(async move {
                let newest = RunFilter { limit: 1, ..RunFilter::default() };
                engine.list(newest).await.map(|_| ()).map_err(|error| error.message().to_owned())
            })
        };
        Check { name: "store".to_owned(), checking: Arc::new(look), is_needed: true }
    }

    /// Looks whether the audit log can be written, for `/health`; nothing where there is none.
    pub fn audit_check(&self) -> Option<Check> {
        self.beside.audit.check()
    }

    /// Looks whether Redis answers, for `/health`; nothing where there is none.
    pub fn redis_check(&self) -> Option<Check> {
        self.redis.clone().map(shared::check)
    }

    /// The switch that stops the node.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Stops the node and waits until it has. What is acknowledged is durable.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.beside.subscriptions.stop();
        self.shutdown.begin();
        let result = match self.running.take() {
            Some(running) => running.await.map_err(|error| Error::internal(error.to_string()))?,
            None => Ok(()),
        };
        self.activities.disconnect();
        self.beside.audit.close().await;
        self.pipeline.metrics().clear();
        if let Some(exporter) = &self.exporter {
            exporter.close().await;
        }
        if let Some(database) = &self.database {
            database.close();
        }
        result
    }
}

/// The pipeline of a server, which minds its limits. Who calls without one is limited by nothing.
fn served(pipeline: Pipeline, purpose: Purpose, limits: &Limits, activities: &ScriptActivities) -> Pipeline {
    if purpose != Purpose::Serve {
        return pipeline;
    }
    activities.mind(limits.breakers().clone());
    limits.mind(pipeline)
}

/// Idempotency keys, forgotten in time by a server.
fn swept(keys: Keys, purpose: Purpose, shutdown: &Shutdown) -> Keys {
    if purpose == Purpose::Serve {
        drop(task::spawn(keys.clone().sweep(shutdown.clone())));
    }
    keys
}

/// What the engine needs from outside.
fn ports(
    store: SharedStore,
    clock: &SharedClock,
    rng: &SharedRng,
    (activities, outside): (&Arc<ScriptActivities>, &Arc<Exchanges>),
) -> Ports {
    Ports {
        store,
        clock: Arc::clone(clock),
        rng: Arc::clone(rng),
        activities: activities.clone(),
        outside: outside.clone(),
    }
}

/// How a project wants its engine.
fn engine_options(project: &Project) -> Options {
    let config = &project.config.engine;
    let owner = format!("pid {}", std::process::id());
    Options { shards: config.shards, owner, resident_keys_max: config.resident_runs_max }
}

/// Sends the traces of calls and runs on their way, where there is a way.
fn tell_traces(exporter: Option<&Arc<Exporter>>, engine: &EngineHandle, pipeline: Pipeline) -> Pipeline {
    let Some(exporter) = exporter else { return pipeline };
    engine.trace_to(exporter.clone());
    pipeline.metrics().add(exporter.clone());
    pipeline.traced(exporter.clone())
}

/// What can be called: what the engine brings along, and the verbs of sessions and subscriptions.
fn all_operations(
    engine: &EngineHandle,
    beside: &Beside,
    definition: &Definition,
) -> Result<Vec<Operation>, Error> {
    let mut all = operations::operations(engine, definition)?;
    all.extend(beside.sessions.operations());
    all.extend(beside.subscriptions.operations());
    all.extend(beside.identity.operations());
    all.extend(beside.audit.operations());
    all.extend(beside.limits.breakers().operations());
    all.extend(Namespaces::new(engine.clone(), beside.limits.clone()).operations());
    all.extend(beside.answers.operations());
    all.extend(beside.encryption.operations());
    all.extend(beside.secrets.operations());
    Ok(all)
}

/// What has verbs beside the engine.
#[derive(Clone)]
struct Beside {
    sessions: Sessions,
    subscriptions: Subscriptions,
    identity: Identity,
    audit: Audit,
    limits: Limits,
    answers: Answers,
    encryption: Encryption,
    secrets: StoredSecrets,
}

/// Which version the files are, and what new runs get when that is another one.
fn tell(deployment: &Deployment, purpose: Purpose, output: Output) {
    if output.is_json() {
        return;
    }
    let Deployment { deployed, files, current, held, ramp, warning } = deployment;
    if let Some(warning) = warning {
        output.note(&format!("warning: {warning}; new runs get version {}", current.number));
    }
    if current.number != files.number || ramp.is_some() {
        let given = match ramp {
            None => format!("version {}", current.number),
            Some(Ramp { version, percentage, .. }) => {
                format!("version {}, and {percentage} of workflow ids version {version},", current.number)
            }
        };
        let until = if *held || ramp.is_some() { "" } else { "the files change or " };
        let files = files.number;
        output.note(&format!(
            "the files are version {files}; new runs get {given} until {until}another is promoted"
        ));
    } else if purpose == Purpose::Serve && *deployed != Deployed::Unchanged {
        output.note(&format!("version {} ({}) is current", files.number, files.build_id()));
    }
}

/// How many open runs went on with the files, and why one did not.
fn tell_followed(followed: &Followed, output: Output) {
    let Followed { went, stayed, why, .. } = followed;
    if output.is_json() || went + stayed == 0 {
        return;
    }
    output.note(&format!("open runs: {went} follow, {stayed} keep their version"));
    if let Some((run, failure)) = why {
        output.note(&format!("  {run}: {}", failure.message));
    }
}

/// Warnings and errors are shown with their lines, unless standard error is for programs.
fn print_findings(report: &Report, output: Output) {
    if output.is_json() {
        return;
    }
    for text in report.render(|severity| severity != Severity::Info, output.has_color()) {
        output.note(&text);
    }
}

/// People have seen the findings already; programs get them in the error.
fn summary(report: &Report, output: Output) -> Error {
    let error = report.to_error();
    if output.is_json() {
        return error;
    }
    Error::new(&code::PROJECT_INVALID, error.message()).help("mend the lines above, then try again")
}

/// A run that waits for an activity nobody implements would never end.
fn refuse_unbound(report: &Report) -> Result<(), Error> {
    match report.diagnostics.iter().find(|found| found.code == "UNBOUND_ACTIVITY") {
        None => Ok(()),
        Some(found) => {
            let place = found.span.map(|span| report.sources.locate(span).to_string()).unwrap_or_default();
            Err(Error::new(&code::ACTIVITY_UNBOUND, found.message.clone())
                .fault(place, found.message.clone())
                .help("export a function of this name from a file in activities/, or try `nexus run --stub`"))
        }
    }
}
