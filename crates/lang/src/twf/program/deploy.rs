//! Topology: which worker runs what, in which namespaces, on which task queues.

use std::collections::{BTreeSet, HashMap};

use super::info::{Deployment, EndpointInfo, QueueLimits, Versioning};
use crate::twf::ast::{
    Definition, EndpointDef, Expr, ExprKind, OptionEntry, OptionValue, QName, Unit, Worker,
};
use crate::twf::compile::{Catalog, Home, option_word};
use crate::twf::options::OptionScope;

/// The namespace and queue of what its file says nothing about (rule H18).
const DEFAULT: &str = "default";

/// Where everything is.
pub(super) struct Deployed {
    workflows: HashMap<String, BTreeSet<Deployment>>,
    activities: HashMap<String, BTreeSet<Deployment>>,
    services: HashMap<String, BTreeSet<Deployment>>,
    /// Files without any word about deployment.
    silent: Vec<bool>,
    /// Endpoints in source order.
    pub(super) endpoints: Vec<EndpointInfo>,
    /// Queues with limits, in source order.
    pub(super) queue_limits: Vec<QueueLimits>,
}

impl Deployed {
    pub(super) fn new(units: &[&Unit], catalog: &Catalog<'_>) -> Deployed {
        let mut deployed = Deployed {
            workflows: HashMap::new(),
            activities: HashMap::new(),
            services: HashMap::new(),
            silent: units.iter().map(|unit| is_silent(unit)).collect(),
            endpoints: Vec::new(),
            queue_limits: Vec::new(),
        };
        let workers: Vec<(usize, &Worker)> = units
            .iter()
            .enumerate()
            .flat_map(|(home, unit)| unit.definitions.iter().map(move |definition| (home, definition)))
            .filter_map(|(home, definition)| match definition {
                Definition::Worker(worker) => Some((home, worker)),
                _ => None,
            })
            .collect();
        for definition in units.iter().flat_map(|unit| &unit.definitions) {
            match definition {
                Definition::Namespace(namespace) => {
                    for (name, options) in &namespace.workers {
                        let place = Deployment {
                            namespace: namespace.name.name.to_string(),
                            task_queue: text(options, OptionScope::Worker, "task_queue"),
                            versioning: versioning(options),
                        };
                        deployed.queue_limits.extend(queue_limits(&place, options));
                        for (home, worker) in workers.iter().filter(|(_, it)| it.name.name == name.name) {
                            deployed.place(catalog, *home, worker, &place);
                        }
                    }
                    let endpoints = namespace.endpoints.iter();
                    deployed.endpoints.extend(endpoints.map(|it| endpoint(it, Some(&namespace.name.name))));
                }
                Definition::Endpoint(node) => deployed.endpoints.push(endpoint(node, None)),
                _ => {}
            }
        }
        deployed
    }

    fn place(&mut self, catalog: &Catalog<'_>, home: usize, worker: &Worker, place: &Deployment) {
        let Some(home) = catalog.homes.get(home) else { return };
        put(&mut self.workflows, &worker.workflows, place, |name| public_workflow(catalog, name, home));
        put(&mut self.activities, &worker.activities, place, |name| {
            catalog
                .activity(name, home)
                .map_or_else(|| name.name.name.to_string(), |entry| entry.public.to_string())
        });
        put(&mut self.services, &worker.services, place, |name| {
            catalog
                .service(name, home)
                .map_or_else(|| name.name.name.to_string(), |entry| entry.public.to_string())
        });
    }

    fn find(&self, map: &HashMap<String, BTreeSet<Deployment>>, name: &str, home: usize) -> Vec<Deployment> {
        match map.get(name) {
            Some(places) => places.iter().cloned().collect(),
            None if self.silent.get(home) == Some(&true) => {
                vec![Deployment {
                    namespace: DEFAULT.to_string(),
                    task_queue: DEFAULT.to_string(),
                    versioning: Versioning::Pinned,
                }]
            }
            None => Vec::new(),
        }
    }

    /// Where a workflow is deployed.
    pub(super) fn workflow(&self, name: &str, home: usize) -> Vec<Deployment> {
        self.find(&self.workflows, name, home)
    }

    /// Where an activity is deployed.
    pub(super) fn activity(&self, name: &str, home: usize) -> Vec<Deployment> {
        self.find(&self.activities, name, home)
    }

    /// Where a service is deployed. One that no worker registers is bound to no place.
    pub(super) fn service(&self, name: &str) -> Vec<Deployment> {
        self.services.get(name).into_iter().flatten().cloned().collect()
    }
}

fn public_workflow(catalog: &Catalog<'_>, name: &QName, home: &Home) -> String {
    catalog.workflow(name, home).map_or_else(|| name.name.name.to_string(), |entry| entry.public.to_string())
}

fn put(
    map: &mut HashMap<String, BTreeSet<Deployment>>,
    names: &[QName],
    place: &Deployment,
    public: impl Fn(&QName) -> String,
) {
    for name in names {
        map.entry(public(name)).or_default().insert(place.clone());
    }
}

fn is_silent(unit: &Unit) -> bool {
    !unit.definitions.iter().any(|it| matches!(it, Definition::Worker(_) | Definition::Namespace(_)))
}

fn option<'a>(options: &'a [OptionEntry], scope: OptionScope, name: &str) -> Option<&'a OptionEntry> {
    options.iter().rev().find(|entry| scope.key(&entry.key.name).is_some_and(|key| key.name == name))
}

fn text(options: &[OptionEntry], scope: OptionScope, name: &str) -> String {
    option(options, scope, name).and_then(option_word).unwrap_or(DEFAULT).to_string()
}

/// The limits that a placed worker's options give its queue, when they do.
fn queue_limits(place: &Deployment, options: &[OptionEntry]) -> Option<QueueLimits> {
    let rates = ["worker_activity_rate_limit", "task_queue_activity_rate_limit"];
    let activities_per_second = rates.iter().filter_map(|name| number(options, name)).reduce(f64::min);
    let most = option(options, OptionScope::Worker, "max_concurrent_activity_executions");
    let activities_max = most.and_then(|entry| match entry.value {
        OptionValue::Expr(Expr { kind: ExprKind::Int(most), .. }) => u64::try_from(most).ok(),
        _ => None,
    });
    let says_nothing = activities_per_second.is_none() && activities_max.is_none();
    (!says_nothing).then(|| QueueLimits {
        namespace: place.namespace.clone(),
        task_queue: place.task_queue.clone(),
        activities_per_second,
        activities_max,
    })
}

/// A number of a worker's options that is not negative.
fn number(options: &[OptionEntry], name: &str) -> Option<f64> {
    let OptionValue::Expr(value) = &option(options, OptionScope::Worker, name)?.value else { return None };
    let text = match &value.kind {
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Decimal(text) => text.to_string(),
        _ => return None,
    };
    text.parse().ok().filter(|it: &f64| it.is_finite() && *it >= 0.0)
}

fn versioning(options: &[OptionEntry]) -> Versioning {
    match option(options, OptionScope::Worker, "versioning").and_then(option_word) {
        Some("none") => Versioning::AutoUpgrade,
        _ => Versioning::Pinned,
    }
}

fn texts(options: &[OptionEntry], scope: OptionScope, name: &str) -> Vec<String> {
    let Some(entry) = option(options, scope, name) else { return Vec::new() };
    match &entry.value {
        OptionValue::Expr(expr) => match &expr.kind {
            ExprKind::List(items) => items
                .iter()
                .filter_map(|item| match &item.kind {
                    ExprKind::Str(text) | ExprKind::Name(text) => Some(text.to_string()),
                    _ => None,
                })
                .collect(),
            _ => option_word(entry).map(str::to_string).into_iter().collect(),
        },
        OptionValue::Block(_) => Vec::new(),
    }
}

/// The seed's endpoints say themselves which namespace they lead to.
fn endpoint(node: &EndpointDef, namespace: Option<&str>) -> EndpointInfo {
    let scope = OptionScope::Endpoint;
    EndpointInfo {
        name: node.name.name.to_string(),
        namespace: namespace.map_or_else(|| text(&node.options, scope, "target_namespace"), str::to_string),
        task_queue: text(&node.options, scope, "task_queue"),
        allowed_caller_namespaces: texts(&node.options, scope, "allowed_caller_namespaces"),
        span: node.span,
    }
}
