//! Subscriptions of a project: its triggers and webhooks, plugged into the engine's events.

mod webhook;

use std::sync::Arc;
use std::time::Duration;

use nexus_engine::EngineHandle;
use nexus_gateway::Pipeline;
use nexus_gateway::subscription::{Deliver, Feed, Subscription, Trigger};
use nexus_gateway::webhook::Inbound;
use nexus_kernel::BoxFuture;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::operation::Operation;
use nexus_kernel::port::event::{EventPage, EventQuery, TypeFilter};
use nexus_kernel::port::secret::Secrets;
use nexus_kernel::suggest;

use crate::activities::secrets::ProjectSecrets;
use crate::config::subscription::{OnConfig, WebhookConfig};
use crate::project::Project;
use webhook::Webhook;

/// Events of the engine, as subscriptions read them.
pub(crate) struct EngineFeed(pub(crate) EngineHandle);

impl Feed for EngineFeed {
    fn read(&self, query: EventQuery, wait: Duration) -> BoxFuture<'static, Result<EventPage, Error>> {
        let engine = self.0.clone();
        Box::pin(async move { engine.events(query, wait).await })
    }
}

/// Whether every trigger names a workflow that there is, and gives it fields that it takes.
pub(crate) fn check(project: &Project, operations: &[Operation]) -> Result<(), Error> {
    let workflows: Vec<&Operation> = operations.iter().filter(|operation| operation.is_workflow()).collect();
    for trigger in &project.config.on {
        let named = |it: &&&Operation| it.name == trigger.workflow || it.id() == trigger.workflow;
        let place = |message: String| {
            let message = format!("[[on]] {:?}: {message}", trigger.event);
            Error::new(&code::CONFIG_INVALID, message)
        };
        let Some(workflow) = workflows.iter().find(named) else {
            let bare = trigger.workflow.rsplit('/').next().unwrap_or_default();
            let error = place(format!("there is no workflow {:?}", trigger.workflow));
            return Err(match suggest::nearest(bare, workflows.iter().map(|it| it.name.as_str())) {
                Some(near) => error.help(format!("did you mean {near:?}?")),
                None => error.help("name a workflow of this project"),
            });
        };
        let fields = workflow.input.get("properties").and_then(|fields| fields.as_object());
        let known: Vec<&str> = fields.map(|it| it.keys().map(String::as_str).collect()).unwrap_or_default();
        let given = trigger.input.iter().flat_map(|input| input.keys());
        if let Some(unknown) = given.into_iter().find(|field| !known.contains(&field.as_str())) {
            let error = place(format!("{} has no input field {unknown:?}", trigger.workflow));
            return Err(match suggest::nearest(unknown, known.iter().copied()) {
                Some(near) => error.help(format!("did you mean {near:?}?")),
                None => error.help(format!("its fields are {}", known.join(", "))),
            });
        }
    }
    Ok(())
}

/// The subscriptions of a project.
pub(crate) fn of(project: &Project, pipeline: &Pipeline) -> Result<Vec<Subscription>, Error> {
    let secrets = secrets(project);
    let mut all: Vec<Subscription> =
        project.config.on.iter().map(|config| trigger(config, pipeline)).collect();
    for (name, config) in &project.config.webhooks {
        let target = Webhook::new(config, project, (Arc::clone(&secrets), pipeline))?;
        all.push(sent(name, config, Arc::new(target)));
    }
    Ok(all)
}

fn secrets(project: &Project) -> Arc<dyn Secrets> {
    Arc::new(ProjectSecrets::new(project))
}

/// A workflow is started however long that takes: only what can never be started is given up.
fn trigger(config: &OnConfig, pipeline: &Pipeline) -> Subscription {
    let name = config.name();
    let target = Trigger {
        name: name.clone(),
        workflow: config.workflow.clone(),
        input: config.input.clone(),
        pipeline: pipeline.clone(),
    };
    let kinds = vec![TypeFilter::parse(&config.event)];
    Subscription {
        name,
        namespace: config.namespace.clone(),
        kinds,
        target: Arc::new(target),
        attempts_max: u32::MAX,
    }
}

fn sent(name: &str, config: &WebhookConfig, target: Arc<dyn Deliver>) -> Subscription {
    Subscription {
        name: name.to_owned(),
        namespace: config.namespace.clone(),
        kinds: config.events.iter().map(|kind| TypeFilter::parse(kind)).collect(),
        target,
        attempts_max: config.attempts_max,
    }
}

/// Takes the webhooks of a project from now on.
pub(crate) fn receive(project: &Project, inbound: &Inbound) -> Result<(), Error> {
    let hooks = project.config.inbound.iter().map(|(name, config)| Ok((name.clone(), config.hook()?)));
    inbound.replace(hooks.collect::<Result<_, Error>>()?, secrets(project));
    Ok(())
}
