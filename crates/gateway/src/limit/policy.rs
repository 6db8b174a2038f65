//! What is limited, as the project says.

use std::collections::HashMap;

use nexus_kernel::id::Namespace;

use super::gcra::Rate;

/// Everything that is limited.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// How often one caller may call; one address where it does not matter who calls.
    pub principal: Option<Rate>,
    /// How often a namespace may be called that has no rate of its own.
    pub namespace: Option<Rate>,
    /// How often one caller may call one operation that has no rate of its own.
    pub operation: Option<Rate>,
    /// How often one address may ask that shows no credential.
    pub anonymous: Option<Rate>,
    /// How often one address may show a wrong credential.
    pub failed_auth: Option<Rate>,
    /// How many calls at a time.
    pub concurrent: Concurrent,
    /// Single operations, by `verb.name`, `namespace/Workflow` or `Workflow`.
    pub operations: HashMap<String, OperationPolicy>,
    /// Single namespaces.
    pub namespaces: HashMap<Namespace, NamespacePolicy>,
}

/// How many calls at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Concurrent {
    /// Of one caller.
    pub principal: Option<u32>,
    /// In one namespace that does not say itself.
    pub namespace: Option<u32>,
    /// Of one operation that does not say itself.
    pub operation: Option<u32>,
}

/// What holds for one operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OperationPolicy {
    /// How often one caller may call it.
    pub rate: Option<Rate>,
    /// How often all callers together may.
    pub total: Option<Rate>,
    /// How many calls of it at a time.
    pub concurrent: Option<u32>,
}

/// What holds for one namespace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NamespacePolicy {
    /// How often it may be called.
    pub rate: Option<Rate>,
    /// How many calls in it at a time.
    pub concurrent: Option<u32>,
}

impl Policy {
    /// Whether calls are limited at all, beside what the door does.
    pub(super) fn limits_calls(&self) -> bool {
        let Policy { principal, namespace, operation, anonymous, concurrent, operations, namespaces, .. } =
            self;
        [principal, namespace, operation, anonymous].into_iter().any(Option::is_some)
            || *concurrent != Concurrent::default()
            || !operations.is_empty()
            || !namespaces.is_empty()
    }

    /// What holds for an operation of this id, which for a workflow is its namespace and its name.
    pub(super) fn of_operation(&self, id: &str) -> OperationPolicy {
        let bare = || self.operations.get(id.split_once('/')?.1);
        let own = self.operations.get(id).or_else(bare).copied().unwrap_or_default();
        OperationPolicy {
            rate: own.rate.or(self.operation),
            total: own.total,
            concurrent: own.concurrent.or(self.concurrent.operation),
        }
    }

    /// What holds for a namespace.
    pub(super) fn of_namespace(&self, namespace: &Namespace) -> NamespacePolicy {
        let own = self.namespaces.get(namespace).copied().unwrap_or_default();
        NamespacePolicy {
            rate: own.rate.or(self.namespace),
            concurrent: own.concurrent.or(self.concurrent.namespace),
        }
    }
}
