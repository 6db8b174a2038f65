//! The design as a graph: what calls what, and where it runs.
//!
//! There are two layers. *Definitions* and the *uses* between them say what the files say, wherever anything runs.
//! *Nodes* are deployments: a definition in a worker in a namespace, with path ids such as
//! `workflow:W/worker:w/namespace:n`, or `workflow:W/orphan` for what no namespace runs; *edges* between nodes are
//! dispatches that reach somebody. Building it never fails: files with errors give the graph of what could be read.

mod coarse;
mod deploy;
mod link;
pub(in crate::twf) mod names;
mod query;
mod reach;
mod render;
mod site;
mod view;

pub use query::{Found, Query};
pub use render::{answer_json, answer_text, dot, json, mermaid, text};
pub use view::{Focus, Part, View};

use std::fmt;

use crate::text::source::Span;
use crate::twf::check::ParsedUnit;

/// Which reading of the files to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// What the engine does: the queues of `default_options` count, and what is not deployed has calls too.
    #[default]
    Engine,
    /// What the public tool of the notation shows, gaps included; see `docs/graph.md`.
    Public,
}

/// What a definition, and so a node, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NodeKind {
    /// `activity`.
    Activity,
    /// `namespace`.
    Namespace,
    /// `nexus endpoint`.
    Endpoint,
    /// An operation of a service.
    Operation,
    /// `nexus service`.
    Service,
    /// `worker`.
    Worker,
    /// `workflow`.
    Workflow,
}

impl NodeKind {
    /// The word that ids begin with.
    pub fn word(self) -> &'static str {
        match self {
            NodeKind::Activity => "activity",
            NodeKind::Namespace => "namespace",
            NodeKind::Endpoint => "nexusEndpoint",
            NodeKind::Operation => "nexusOperation",
            NodeKind::Service => "nexusService",
            NodeKind::Worker => "worker",
            NodeKind::Workflow => "workflow",
        }
    }

    /// The words that people read.
    pub fn title(self) -> &'static str {
        match self {
            NodeKind::Endpoint => "endpoint",
            NodeKind::Operation => "operation",
            NodeKind::Service => "service",
            other => other.word(),
        }
    }
}

impl fmt::Display for NodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How one node relates to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EdgeKind {
    /// A call of an activity.
    ActivityCall,
    /// The workflow behind an operation.
    AsyncBacking,
    /// `cancel` of another run; not in the public reading.
    Cancel,
    /// From what is inside to what it is in.
    Containment,
    /// A call through a Nexus endpoint.
    NexusCall,
    /// From an operation to an endpoint that leads to it.
    NexusRoute,
    /// A signal to another run.
    SignalSend,
    /// A call of a child workflow.
    WorkflowCall,
}

impl EdgeKind {
    /// The word of data formats.
    pub fn word(self) -> &'static str {
        match self {
            EdgeKind::ActivityCall => "activityCall",
            EdgeKind::AsyncBacking => "asyncBacking",
            EdgeKind::Cancel => "cancel",
            EdgeKind::Containment => "containment",
            EdgeKind::NexusCall => "nexusCall",
            EdgeKind::NexusRoute => "nexusRoute",
            EdgeKind::SignalSend => "signalSend",
            EdgeKind::WorkflowCall => "workflowCall",
        }
    }

    /// Whether work or a message goes along it, so that it loads what is between the two ends.
    pub fn is_dispatch(self) -> bool {
        !matches!(self, EdgeKind::Containment | EdgeKind::NexusRoute)
    }
}

impl fmt::Display for EdgeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// In which statement a use stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// A statement that waits for the result.
    Call,
    /// `detach`.
    Detach,
    /// `promise p <- ..`.
    Promise,
    /// `await ..`.
    Await,
    /// A case of `await one`.
    Race,
    /// `return workflow ..` in an operation, or its `async` line.
    Backing,
    /// `signal h.Name(..)` or `cancel h`.
    Message,
}

impl Via {
    /// The word of data formats.
    pub fn word(self) -> &'static str {
        match self {
            Via::Call => "call",
            Via::Detach => "detach",
            Via::Promise => "promise",
            Via::Await => "await",
            Via::Race => "race",
            Via::Backing => "backing",
            Via::Message => "message",
        }
    }
}

/// Something the files define, once.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// What it is.
    pub kind: NodeKind,
    /// Its name: with its package where it has one, an operation with its service.
    pub name: String,
    /// Its name, or its line.
    pub span: Span,
    /// Whether a run can begin with it although nothing here calls it: marked `@entry`.
    pub is_entry: bool,
    /// The parameters of the family it stands for: the `{p}` holes of its name.
    pub params: Vec<String>,
    /// For an operation, its service: an index into the definitions.
    pub service: Option<usize>,
}

impl Definition {
    /// `workflow:W` and the like.
    pub fn key(&self) -> String {
        format!("{}:{}", self.kind, self.name)
    }
}

/// One definition uses another, wherever the two run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Use {
    /// Who: an index into the definitions.
    pub from: usize,
    /// Whom: an index into the definitions.
    pub to: usize,
    /// How.
    pub kind: EdgeKind,
    /// In which statement.
    pub via: Via,
    /// The place of the call.
    pub span: Span,
}

/// A deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Path id, unique in the graph.
    pub id: String,
    /// An index into the definitions; none for a worker that a namespace names and nothing defines.
    pub definition: Option<usize>,
    /// What it is.
    pub kind: NodeKind,
    /// Its name, as in its definition.
    pub name: String,
    /// The task queue it polls, or an endpoint leads to.
    pub queue: Option<String>,
    /// The node of its worker.
    pub worker: Option<usize>,
    /// The node of its namespace.
    pub namespace: Option<usize>,
    /// Whether no namespace runs it.
    pub is_orphan: bool,
}

/// How a dispatch finds its way.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Routing {
    /// The queue that the call names.
    pub explicit: Option<String>,
    /// The queue that `default_options` of the callee name.
    pub default: Option<String>,
    /// The queue is known at run time only: the expression that gives it.
    pub dynamic: Option<String>,
    /// The node of the endpoint.
    pub endpoint: Option<usize>,
}

/// A relation between two nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// Index of a node.
    pub from: usize,
    /// Index of a node.
    pub to: usize,
    /// What it means.
    pub kind: EdgeKind,
    /// Where it is written.
    pub span: Span,
    /// How a dispatch is routed; empty for the others.
    pub routing: Routing,
    /// In which statement; for dispatches.
    pub via: Option<Via>,
}

/// Dispatches between two workers, or two namespaces, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoarseEdge {
    /// Node of a worker or namespace.
    pub from: usize,
    /// Node of another one.
    pub to: usize,
    /// Which of the two.
    pub tier: NodeKind,
    /// How many dispatch edges.
    pub weight: usize,
}

/// A reference to what is not defined here.
#[derive(Debug, Clone, PartialEq)]
pub struct Unresolved {
    /// The node that refers.
    pub from: usize,
    /// What it calls it.
    pub name: String,
    /// How it refers; [`EdgeKind::Containment`] is a worker that registers it.
    pub kind: EdgeKind,
    /// What kind of definition would be needed.
    pub wanted: NodeKind,
    /// The place.
    pub span: Span,
}

/// A dispatch that nobody would take: no deployment of the callee polls the queue it goes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreached {
    /// The node that dispatches.
    pub from: usize,
    /// The callee: an index into the definitions.
    pub to: usize,
    /// The queue.
    pub queue: String,
    /// The place.
    pub span: Span,
}

/// The whole graph. Lists are ordered by the ids of what they tell about, so that equal designs give equal graphs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Graph {
    /// Definitions in source order; a later one of the same name replaces an earlier one.
    pub definitions: Vec<Definition>,
    /// Uses by user, in source order.
    pub uses: Vec<Use>,
    /// Nodes by id.
    pub nodes: Vec<Node>,
    /// Edges by ids of their ends, kind and place.
    pub edges: Vec<Edge>,
    /// Coarse edges by ids of their ends.
    pub coarse: Vec<CoarseEdge>,
    /// References to nothing.
    pub unresolved: Vec<Unresolved>,
    /// Dispatches to nobody.
    pub unreached: Vec<Unreached>,
    /// Whether any namespace exists: without one nothing is deployed, and nothing is missing for that.
    pub has_namespaces: bool,
}

/// Builds the graph of files that belong together, in time linear in what they say and in the edges there are.
pub fn graph(units: &[ParsedUnit<'_>], reading: Reading) -> Graph {
    let names = names::Names::new(units, reading);
    let deployed = deploy::Deployed::new(&names);
    let mut graph = link::link(&names, deployed);
    coarse::settle(&mut graph);
    graph
}

#[cfg(test)]
mod tests;
