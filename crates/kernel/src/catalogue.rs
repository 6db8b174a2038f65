//! The catalogue of operations: the one truth from which every channel is rendered.

use std::sync::{Arc, PoisonError, RwLock, Weak};

use crate::access::Reach;
use crate::code;
use crate::error::Error;
use crate::operation::Operation;
use crate::suggest;

/// Operations by name, replaced as a whole: a reader sees the set before a change or the set after it.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    operations: Arc<RwLock<Arc<Vec<Arc<Operation>>>>>,
}

/// A catalogue that may be gone.
#[derive(Debug, Clone)]
pub struct WeakCatalogue {
    operations: Weak<RwLock<Arc<Vec<Arc<Operation>>>>>,
}

impl WeakCatalogue {
    /// The catalogue, when somebody still has it.
    pub fn upgrade(&self) -> Option<Catalogue> {
        self.operations.upgrade().map(|operations| Catalogue { operations })
    }
}

impl Catalogue {
    /// An empty catalogue.
    pub fn new() -> Catalogue {
        Catalogue::default()
    }

    /// Replaces all operations. They are kept in order of their ids; two of one id are an error.
    pub fn replace(&self, mut operations: Vec<Operation>) -> Result<(), Error> {
        operations.sort_by_key(Operation::id);
        if let Some(pair) = operations.windows(2).find(|pair| is_same(pair)) {
            let id = pair.first().map(Operation::id).unwrap_or_default();
            return Err(Error::internal(format!("two operations are called {id}")));
        }
        let operations: Vec<_> = operations.into_iter().map(Arc::new).collect();
        *self.operations.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(operations);
        Ok(())
    }

    /// The same catalogue for somebody who must not keep it alive.
    pub fn downgrade(&self) -> WeakCatalogue {
        WeakCatalogue { operations: Arc::downgrade(&self.operations) }
    }

    /// The operations as they are now.
    pub fn snapshot(&self) -> Arc<Vec<Arc<Operation>>> {
        self.operations.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The operation of Nexus itself with this name, for example `run.list`.
    pub fn verb(&self, name: &str) -> Result<Arc<Operation>, Error> {
        let all = self.snapshot();
        let mut verbs = all.iter().filter(|operation| !operation.is_workflow());
        verbs.clone().find(|operation| operation.name == name).cloned().ok_or_else(|| {
            let error = Error::new(&code::OPERATION_UNKNOWN, format!("there is no operation {name:?}"));
            let near = suggest::nearest(name, verbs.by_ref().map(|operation| operation.name.as_str()));
            error.help(near.map_or_else(
                || "GET /v1/operations lists them".to_owned(),
                |near| format!("did you mean {near:?}?"),
            ))
        })
    }

    /// The workflow called `Name` or `namespace/Name`. A bare name must be unique among namespaces.
    pub fn workflow(&self, name: &str) -> Result<Arc<Operation>, Error> {
        self.workflow_in(name, &Reach::everything())
    }

    /// The same among those in reach: what is not is not there.
    pub fn workflow_in(&self, name: &str, reach: &Reach) -> Result<Arc<Operation>, Error> {
        let mut all = self.snapshot();
        if !reach.is_everything() {
            let near = |operation: &Arc<Operation>| {
                let own = operation.namespace.as_ref();
                own.is_none_or(|namespace| reach.sees(namespace, &operation.name))
            };
            all = Arc::new(all.iter().filter(|operation| near(operation)).cloned().collect());
        }
        let fits = |operation: &Operation| match name.split_once('/') {
            Some((namespace, bare)) => {
                operation.name == bare
                    && operation.namespace.as_ref().is_some_and(|own| own.as_str() == namespace)
            }
            None => operation.name == name,
        };
        let found: Vec<_> = all.iter().filter(|op| op.is_workflow() && fits(op)).collect();
        match found.as_slice() {
            [one] => Ok(Arc::clone(one)),
            [] => Err(unknown_workflow(name, &all)),
            several => Err(ambiguous_workflow(name, several)),
        }
    }
}

fn is_same(pair: &[Operation]) -> bool {
    matches!(pair, [left, right] if left.id() == right.id())
}

fn unknown_workflow(name: &str, all: &[Arc<Operation>]) -> Error {
    let error = Error::new(&code::WORKFLOW_UNKNOWN, format!("there is no workflow {name:?}"));
    let workflows = || all.iter().filter(|operation| operation.is_workflow());
    let bare = name.rsplit('/').next().unwrap_or(name);
    if let Some(near) = suggest::nearest(bare, workflows().map(|operation| operation.name.as_str())) {
        return error.help(format!("did you mean {near:?}?"));
    }
    let known: Vec<_> = workflows().map(|operation| operation.name.as_str()).collect();
    error.help(if known.is_empty() {
        "this project has no workflows; write one in workflows/*.twf".to_owned()
    } else {
        format!("this project has {}", known.join(", "))
    })
}

fn ambiguous_workflow(name: &str, several: &[&Arc<Operation>]) -> Error {
    let ids: Vec<_> = several.iter().map(|operation| operation.id()).collect();
    Error::new(&code::WORKFLOW_AMBIGUOUS, format!("several namespaces have a workflow {name:?}"))
        .help(format!("say which: {}", ids.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Answer, CallContext};
    use crate::id::Namespace;
    use crate::operation::{Effect, Handler};
    use crate::{BoxFuture, Json};

    struct Echo;

    impl Handler for Echo {
        fn call(&self, input: Json, _: CallContext) -> BoxFuture<'static, Result<Answer, Error>> {
            Box::pin(async { Ok(Answer::of(input)) })
        }
    }

    fn operation(namespace: Option<&str>, name: &str) -> Operation {
        Operation {
            contract: crate::contract::Contract::default(),
            input_bytes_max: crate::limits::PAYLOAD_BYTES_MAX,
            name: name.into(),
            namespace: namespace.map(|name| Namespace::new(name).unwrap()),
            title: String::new(),
            doc: String::new(),
            input: Json::Null,
            output: Json::Null,
            effect: Effect::Read,
            permission: String::new(),
            defined_at: None,
            handler: Arc::new(Echo),
        }
    }

    fn catalogue() -> Catalogue {
        let catalogue = Catalogue::new();
        let operations = vec![
            operation(None, "run.list"),
            operation(Some("orders"), "Checkout"),
            operation(Some("orders"), "Refund"),
            operation(Some("payments"), "Refund"),
        ];
        catalogue.replace(operations).unwrap();
        catalogue
    }

    #[test]
    fn a_bare_name_must_be_unique() {
        let catalogue = catalogue();
        assert_eq!(catalogue.workflow("Checkout").unwrap().id(), "orders/Checkout");
        assert_eq!(catalogue.workflow("payments/Refund").unwrap().id(), "payments/Refund");
        let error = catalogue.workflow("Refund").unwrap_err();
        assert_eq!(error.code().id, "NX-2008");
        assert_eq!(error.help_text(), Some("say which: orders/Refund or payments/Refund"));
    }

    #[test]
    fn unknown_names_get_a_suggestion() {
        let error = catalogue().workflow("Chekout").unwrap_err();
        assert_eq!(error.help_text(), Some("did you mean \"Checkout\"?"));
        let error = catalogue().verb("run.lst").unwrap_err();
        assert_eq!(error.help_text(), Some("did you mean \"run.list\"?"));
        assert!(catalogue().verb("Checkout").is_err(), "workflows are not verbs");
    }

    #[test]
    fn two_of_one_id_are_refused_and_change_nothing() {
        let catalogue = catalogue();
        let twice = vec![operation(None, "a"), operation(None, "a")];
        assert!(catalogue.replace(twice).is_err());
        assert_eq!(catalogue.snapshot().len(), 4);
    }
}
