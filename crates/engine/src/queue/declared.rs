//! What a program says of its queues: the limits in the blocks of its workers.
//!
//! They hold as long as its definition is the one that new runs get, and where an operator has settled nothing else.
//! There is one server, so that a limit of each worker and one of the whole queue are the same.

use std::collections::HashMap;

use nexus_kernel::id::Namespace;

use crate::definition::Definition;
use crate::queue::QueueName;
use crate::queue::record::RateLimit;

/// The limits of one queue.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Declared {
    /// How many attempts begin in a second.
    pub(crate) rate_limit: Option<RateLimit>,
    /// How many attempts run at the same time.
    pub(crate) running_max: Option<usize>,
}

/// The limits of all queues of a definition. Instances of families are known when they are used only: they have none.
pub(crate) fn limits(definition: &Definition) -> HashMap<QueueName, Declared> {
    let mut all: HashMap<QueueName, Declared> = HashMap::new();
    for it in definition.program.queue_limits() {
        let Ok(namespace) = Namespace::new(&it.namespace) else { continue };
        let limits = all.entry(QueueName { namespace, task_queue: it.task_queue.clone() }).or_default();
        limits.rate_limit = it.activities_per_second.map(RateLimit::new);
        limits.running_max = it.activities_max.map(|most| usize::try_from(most).unwrap_or(usize::MAX));
    }
    all
}
