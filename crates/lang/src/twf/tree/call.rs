//! Calls, what can be waited for, options, places.

use serde_json::{Value, json};

use super::Trees;
use crate::twf::ast::{
    Bind, Call, Callee, LValue, OptionEntry, OptionValue, PathStep, QName, SendTarget, Target,
};

impl Trees<'_> {
    /// A call without the statement around it.
    pub(in crate::twf) fn call(self, it: &Call) -> Value {
        let callee = match &it.callee {
            Callee::Activity(name) => json!({ "kind": "activity", "name": self.qname(name) }),
            Callee::Workflow(name) => json!({ "kind": "workflow", "name": self.qname(name) }),
            Callee::Nexus { endpoint, service, operation } => json!({
                "kind": "nexus",
                "endpoint": endpoint.name.as_str(),
                "service": self.qname(service),
                "operation": operation.name.as_str(),
            }),
            Callee::NexusWorkflow { namespace, workflow } => json!({
                "kind": "nexusWorkflow",
                "namespace": namespace.name.as_str(),
                "workflow": workflow.name.as_str(),
            }),
        };
        let fields =
            json!({ "callee": callee, "args": self.args(&it.args), "options": self.options(&it.options) });
        self.node("call", it.span, fields)
    }

    /// A name with its package: `pkg.Name`, or `Name`.
    pub(in crate::twf) fn qname(self, it: &QName) -> Value {
        let package = it.package.as_ref().map(|package| package.name.as_str());
        self.node("name", it.name.span, json!({ "package": package, "name": it.name.name.as_str() }))
    }

    pub(in crate::twf) fn options(self, entries: &[OptionEntry]) -> Vec<Value> {
        let entry = |it: &OptionEntry| {
            let fields = match &it.value {
                OptionValue::Expr(value) => json!({ "key": it.key.name.as_str(), "value": self.expr(value) }),
                OptionValue::Block(inner) => {
                    json!({ "key": it.key.name.as_str(), "entries": self.options(inner) })
                }
            };
            self.node("option", it.key.span, fields)
        };
        entries.iter().map(entry).collect()
    }

    /// What can be awaited or promised.
    pub(in crate::twf) fn target(self, it: &Target) -> Value {
        match it {
            Target::Timer(value) => json!({ "type": "timer", "duration": self.expr(value) }),
            Target::Signal(name) => self.node("signal", name.span, json!({ "name": name.name.as_str() })),
            Target::Update(name) => self.node("update", name.span, json!({ "name": name.name.as_str() })),
            Target::Call(call) => self.call(call),
            Target::Name(name) => self.ident(name),
            Target::Place(place) => self.place(place),
            Target::Detached(call) => self.node("detach", call.span, json!({ "call": self.call(call) })),
            Target::Predicate(value) => json!({ "type": "predicate", "condition": self.expr(value) }),
            Target::AllHandlersFinished(span) => self.node("allHandlersFinished", *span, json!({})),
        }
    }

    /// Where a result goes.
    pub(in crate::twf) fn bind(self, it: Option<&Bind>) -> Value {
        match it {
            None => Value::Null,
            Some(Bind::Place(place)) => self.place(place),
            Some(Bind::Tuple(names)) => {
                json!({ "type": "tuple", "names": names.iter().map(|it| it.name.as_str()).collect::<Vec<_>>() })
            }
        }
    }

    /// A variable, and the way into its value.
    pub(in crate::twf) fn place(self, it: &LValue) -> Value {
        let step = |step: &PathStep| match step {
            PathStep::Field(name) => json!({ "field": name.name.as_str() }),
            PathStep::Index(index) => json!({ "index": self.expr(index) }),
        };
        let path: Vec<Value> = it.path.iter().map(step).collect();
        self.node("place", it.root.span, json!({ "name": it.root.name.as_str(), "path": path }))
    }

    /// Whom a signal or cancellation is for.
    pub(in crate::twf) fn receiver(self, it: &SendTarget) -> Value {
        match it {
            SendTarget::Handle(name) => self.node("handle", name.span, json!({ "name": name.name.as_str() })),
            SendTarget::External(name, args) => {
                let fields = json!({ "workflow": name.name.as_str(), "args": self.args(args) });
                self.node("external", name.span, fields)
            }
        }
    }
}
