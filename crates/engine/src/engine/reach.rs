//! The engine as one caller sees it: what is out of their reach is not there.

use nexus_kernel::access::{Names, Reach};
use nexus_kernel::call::CallContext;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::runs::RunRow;
use nexus_kernel::verb::Part;
use nexus_kernel::visibility::{Attribute, Filter, Scalar, SystemAttribute as S, Test};

use crate::engine::EngineHandle;

impl Part for EngineHandle {
    fn seen_by(&self, context: &CallContext) -> EngineHandle {
        EngineHandle { reach: context.reach.clone(), ..self.clone() }
    }
}

impl EngineHandle {
    /// The same way in with everything in reach: for what the engine looks up in its own name, after whoever asks has been
    /// found allowed.
    pub(crate) fn whole(&self) -> EngineHandle {
        EngineHandle { reach: Reach::everything(), ..self.clone() }
    }

    /// Whether a run is in reach.
    pub(crate) fn sees_run(&self, row: &RunRow) -> bool {
        self.reach.sees(&row.key.namespace, &row.workflow)
    }

    /// Whether a thing of this name is in reach.
    pub(crate) fn sees(&self, namespace: &Namespace, name: &str) -> bool {
        self.reach.sees(namespace, name)
    }

    /// Whether a workflow is in reach where it is deployed.
    pub(crate) fn sees_place(&self, workflow: &str, namespace: &str) -> bool {
        Namespace::new(namespace).is_ok_and(|namespace| self.reach.sees(&namespace, workflow))
    }

    /// Whether anything of a namespace is in reach.
    pub(crate) fn sees_some(&self, namespace: &Namespace) -> bool {
        self.reach.sees_some(namespace)
    }

    /// The condition that runs in reach meet; none when all are.
    pub(crate) fn in_reach(&self) -> Option<Filter> {
        filter(&self.reach)
    }
}

fn filter(reach: &Reach) -> Option<Filter> {
    let part = |(places, names): (Option<Vec<&Namespace>>, Names<'_>)| {
        let values = |all: Vec<&Namespace>| all.iter().map(|it| Scalar::Text(it.to_string())).collect();
        let places =
            places.map(|all| test(S::Namespace, Test::OneOf { values: values(all), negated: false }));
        let names = match names {
            Names::All => None,
            Names::Whole(name) => Some(Filter::is(S::WorkflowType, name)),
            Names::Beginning(prefix) => {
                let test_of = Test::StartsWith { prefix: prefix.to_owned(), negated: false };
                Some(test(S::WorkflowType, test_of))
            }
        };
        Filter::All(places.into_iter().chain(names).collect())
    };
    Some(Filter::Any(reach.parts()?.map(part).collect()))
}

fn test(attribute: S, test: Test) -> Filter {
    Filter::Test(Attribute::System(attribute), test)
}
