//! Edges: every site of every deployment, sent where its queue, namespace or endpoint leads.

use std::collections::HashMap;

use super::deploy::{Deployed, Deployment};
use super::names::{EndpointAt, Names, Tree, word};
use super::site::{Aim, Queue, Site, sites};
use super::{Edge, EdgeKind, Graph, NodeKind, Routing, Unreached, Unresolved, Use};
use crate::twf::options::OptionScope;

/// Adds uses, edges, and what leads nowhere.
pub(super) fn link<'a>(names: &Names<'a>, deployed: Deployed<'a>) -> Graph {
    let mut linker = Linker { names, deployed, defaults: HashMap::new() };
    for item in 0..names.items.len() {
        linker.item(item);
    }
    linker.routes();
    linker.deployed.graph
}

/// A dispatch of one deployment.
struct Dispatch<'a, 's> {
    from: Deployment<'a>,
    site: &'s Site<'a>,
    to: usize,
    routing: Routing,
}

struct Linker<'a, 'n> {
    names: &'n Names<'a>,
    deployed: Deployed<'a>,
    /// Queues of `default_options` by definition.
    defaults: HashMap<usize, Option<&'a str>>,
}

impl<'a> Linker<'a, '_> {
    fn item(&mut self, item: usize) {
        let Some(found) = self.names.item(item) else { return };
        if !matches!(found.kind, NodeKind::Workflow | NodeKind::Operation) {
            return;
        }
        let sites = sites(self.names, item);
        for site in &sites {
            if let Some(to) = definition(&site.aim) {
                let it = Use { from: item, to, kind: site.kind, via: site.via, span: site.span };
                self.deployed.graph.uses.push(it);
                self.deployed.graph.uses.extend(self.endpoint(&site.aim).map(|to| Use {
                    to,
                    kind: EdgeKind::NexusRoute,
                    ..it
                }));
            }
        }
        let places = self.deployed.by_item.get(&item).cloned().unwrap_or_default();
        for at in places {
            let Some(from) = self.deployed.all.get(at).copied() else { continue };
            // The public tool says of what is not deployed only which operations have nothing behind them.
            let is_quiet = from.namespace.is_none() && self.names.is_public();
            for site in &sites {
                let is_missing = matches!(site.aim, Aim::Nothing { .. });
                if !is_quiet || (site.kind == EdgeKind::AsyncBacking && is_missing) {
                    self.site(from, site);
                }
            }
        }
    }

    /// The endpoint that a site goes through, as a definition.
    fn endpoint(&self, aim: &Aim<'_>) -> Option<usize> {
        let Aim::Through { endpoint, .. } = aim else { return None };
        self.names.endpoints.get(*endpoint).map(|endpoint| endpoint.item)
    }

    fn site(&mut self, from: Deployment<'a>, site: &Site<'a>) {
        let to = match &site.aim {
            Aim::Nothing { name, wanted } => {
                return self.deployed.graph.unresolved.push(Unresolved {
                    from: from.node,
                    name: name.clone(),
                    kind: site.kind,
                    wanted: *wanted,
                    span: site.span,
                });
            }
            Aim::Through { endpoint, operation } => return self.through(from, site, *endpoint, *operation),
            Aim::In { namespace, workflow } => return self.within(from, site, namespace, *workflow),
            Aim::Item(to) => *to,
        };
        let dispatch = Dispatch { from, site, to, routing: Routing::default() };
        if from.namespace.is_none() {
            return self.anywhere(&dispatch);
        }
        match site.kind {
            EdgeKind::SignalSend | EdgeKind::Cancel => self.at_place(&dispatch, None),
            EdgeKind::AsyncBacking if site.queue == Queue::Own => {
                self.on_queue(dispatch, Some(from.queue.unwrap_or("")));
            }
            _ => self.by_queue(dispatch),
        }
    }

    /// The queue of the call, else that of the callee's defaults, else the caller's own.
    fn by_queue(&mut self, mut dispatch: Dispatch<'a, '_>) {
        let queue = match dispatch.site.queue {
            Queue::Named(queue) => {
                dispatch.routing.explicit = Some(queue.to_string());
                Some(queue)
            }
            Queue::Dynamic(text) => {
                dispatch.routing.dynamic = Some(text.to_string());
                return self.at_place(&dispatch, None);
            }
            Queue::Own => match self.default_queue(dispatch.to) {
                Some(queue) => {
                    dispatch.routing.default = Some(queue.to_string());
                    Some(queue)
                }
                None => dispatch.from.queue,
            },
        };
        self.on_queue(dispatch, queue);
    }

    /// Without a queue nobody knows where the call goes; the missing option is reported elsewhere.
    fn on_queue(&mut self, dispatch: Dispatch<'a, '_>, queue: Option<&str>) {
        if let Some(queue) = queue {
            self.at_place(&dispatch, Some(queue));
        }
    }

    /// All deployments of the callee in the caller's namespace, or those of them that poll a queue.
    fn at_place(&mut self, dispatch: &Dispatch<'a, '_>, queue: Option<&str>) {
        let key = (dispatch.to, dispatch.from.namespace);
        let places = self.deployed.by_place.get(&key).cloned().unwrap_or_default();
        self.send(dispatch, places, queue);
    }

    /// From what is not deployed: every deployment of the callee.
    fn anywhere(&mut self, dispatch: &Dispatch<'a, '_>) {
        let places = self.deployed.by_item.get(&dispatch.to).cloned().unwrap_or_default();
        self.send(dispatch, places, None);
    }

    fn send(&mut self, dispatch: &Dispatch<'a, '_>, places: Vec<usize>, queue: Option<&str>) {
        let mut found = false;
        for at in places {
            let Some(target) = self.deployed.all.get(at).copied() else { continue };
            if queue.is_none_or(|queue| target.queue.unwrap_or("") == queue) {
                found = true;
                self.edge(dispatch, target.node);
            }
        }
        let queue = queue.filter(|queue| !found && !queue.is_empty());
        if let Some(queue) = queue {
            let (from, to, span) = (dispatch.from.node, dispatch.to, dispatch.site.span);
            self.deployed.graph.unreached.push(Unreached { from, to, queue: queue.to_string(), span });
        }
    }

    fn edge(&mut self, dispatch: &Dispatch<'a, '_>, to: usize) {
        self.deployed.graph.edges.push(Edge {
            from: dispatch.from.node,
            to,
            kind: dispatch.site.kind,
            span: dispatch.site.span,
            routing: dispatch.routing.clone(),
            via: Some(dispatch.site.via),
        });
    }

    /// Through an endpoint: to whom polls its queue in its namespace.
    fn through(&mut self, from: Deployment<'a>, site: &Site<'a>, endpoint: usize, operation: usize) {
        let Some(endpoint) = self.names.endpoints.get(endpoint) else { return };
        let node = self.deployed.endpoints.get(&endpoint.item).copied();
        let routing = Routing { endpoint: node, ..Routing::default() };
        let dispatch = Dispatch { from, site, to: operation, routing };
        let place = self.place(endpoint);
        let places = self.deployed.by_place.get(&(operation, place)).cloned().unwrap_or_default();
        let queue = place.map(|_| endpoint.queue.unwrap_or(""));
        self.send(&dispatch, places, queue);
    }

    fn place(&self, endpoint: &EndpointAt<'a>) -> Option<usize> {
        let node = *self.deployed.endpoints.get(&endpoint.item)?;
        self.deployed.graph.nodes.get(node)?.namespace
    }

    /// The seed's form names the namespace itself.
    fn within(&mut self, from: Deployment<'a>, site: &Site<'a>, namespace: &str, workflow: usize) {
        let all = self.deployed.by_item.get(&workflow).cloned().unwrap_or_default();
        let name = |at: &usize| {
            let place = self.deployed.all.get(*at)?.namespace;
            place.and_then(|node| self.deployed.graph.nodes.get(node)).map(|node| node.name.as_str())
        };
        let places = all.into_iter().filter(|at| name(at).is_none_or(|it| it == namespace)).collect();
        let dispatch = Dispatch { from, site, to: workflow, routing: Routing::default() };
        self.send(&dispatch, places, None);
    }

    fn default_queue(&mut self, item: usize) -> Option<&'a str> {
        if self.names.is_public() {
            return None;
        }
        let names = self.names;
        *self.defaults.entry(item).or_insert_with(|| match names.item(item)?.tree {
            Tree::Workflow(it) => word(&it.defaults, OptionScope::WorkflowDefaults, "task_queue"),
            Tree::Activity(it) => word(&it.defaults, OptionScope::ActivityDefaults, "task_queue"),
            _ => None,
        })
    }

    /// From operations to the endpoints that lead to them.
    fn routes(&mut self) {
        let mut by_queue: HashMap<(usize, &str), Vec<&EndpointAt<'a>>> = HashMap::new();
        for (at, endpoint) in self.names.endpoints.iter().enumerate() {
            let is_known = self.names.endpoint_by_name.get(endpoint.def.name.name.as_str()) == Some(&at);
            if let Some(place) = self.place(endpoint).filter(|_| is_known) {
                by_queue.entry((place, endpoint.queue.unwrap_or(""))).or_default().push(endpoint);
            }
        }
        for deployment in &self.deployed.all {
            let is_operation =
                self.names.item(deployment.item).is_some_and(|item| item.kind == NodeKind::Operation);
            let Some(place) = deployment.namespace.filter(|_| is_operation) else { continue };
            for endpoint in by_queue.get(&(place, deployment.queue.unwrap_or(""))).into_iter().flatten() {
                let Some(to) = self.deployed.endpoints.get(&endpoint.item).copied() else { continue };
                self.deployed.graph.edges.push(Edge {
                    from: deployment.node,
                    to,
                    kind: EdgeKind::NexusRoute,
                    span: endpoint.def.span,
                    routing: Routing::default(),
                    via: None,
                });
            }
        }
    }
}

/// The definition that a site uses.
fn definition(aim: &Aim<'_>) -> Option<usize> {
    match aim {
        Aim::Item(to) | Aim::Through { operation: to, .. } | Aim::In { workflow: to, .. } => Some(*to),
        Aim::Nothing { .. } => None,
    }
}
