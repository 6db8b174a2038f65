//! All queues and the places that they share: who begins next. Pure, over the time that it is given.
//!
//! Among the tasks that may go the most urgent goes first, whatever its queue; among queues with equally urgent ones the
//! one that was served the longest ago.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use nexus_kernel::id::Namespace;
use nexus_kernel::time::Timestamp;

use crate::activity::record::Priority;
use crate::queue::record::QueueConfig;
use crate::queue::{Backlog, Declared, QueueName, Status};

/// Queues that are kept before idle ones are looked for.
const QUEUES_MIN: usize = 256;

/// A task that comes.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    /// Its queue.
    pub(crate) queue: QueueName,
    /// Its place in it.
    pub(crate) priority: Priority,
    /// Since when it waits: a task that was there before a restart has waited longer than this process lives.
    pub(crate) since: Timestamp,
}

/// Queues.
#[derive(Debug)]
pub(crate) struct Queues {
    free: usize,
    ids: u64,
    backlogs: BTreeMap<QueueName, Backlog>,
    /// What the program says of queues, in use or not.
    declared: HashMap<QueueName, Declared>,
    /// The queue of every task that has not begun.
    tasks: HashMap<u64, QueueName>,
    /// Queues with tasks that can begin.
    busy: BTreeSet<QueueName>,
    /// When queues were served, counted in tasks.
    served: HashMap<QueueName, u64>,
    turns: u64,
    /// How many queues make it worth looking for idle ones.
    crowded: usize,
    /// Places that each namespace has taken, and the most that some may.
    taken: HashMap<Namespace, usize>,
    caps: HashMap<Namespace, usize>,
}

impl Queues {
    /// Queues that share so many places.
    pub(crate) fn new(free: usize) -> Queues {
        Queues {
            free,
            ids: 0,
            backlogs: BTreeMap::new(),
            declared: HashMap::new(),
            tasks: HashMap::new(),
            busy: BTreeSet::new(),
            served: HashMap::new(),
            turns: 0,
            crowded: QUEUES_MIN,
            taken: HashMap::new(),
            caps: HashMap::new(),
        }
    }

    /// Takes in a task and names it. It cannot begin before it is bound.
    pub(crate) fn enter(&mut self, task: Task, now: Timestamp) -> u64 {
        if self.backlogs.len() >= self.crowded {
            self.forget_idle(now);
            self.crowded = (self.backlogs.len() * 2).max(QUEUES_MIN);
        }
        let id = self.ids;
        self.ids += 1;
        let declared = || self.declared.get(&task.queue).cloned().unwrap_or_default();
        let fresh = || Backlog::new(QueueConfig::default(), declared());
        let queue = self.backlogs.entry(task.queue.clone()).or_insert_with(fresh);
        queue.enter(id, (task.priority, task.since), now);
        self.tasks.insert(id, task.queue);
        id
    }

    /// Somebody can carry the task out.
    pub(crate) fn bind(&mut self, id: u64) {
        let Some(name) = self.tasks.get(&id) else { return };
        if let Some(queue) = self.backlogs.get_mut(name) {
            queue.bind(id);
            self.busy.insert(name.clone());
        }
    }

    /// A task that has not begun is given up.
    pub(crate) fn leave(&mut self, id: u64) {
        let Some(name) = self.tasks.remove(&id) else { return };
        if let Some(queue) = self.backlogs.get_mut(&name) {
            queue.leave(id);
        }
        self.settle(&name);
    }

    /// A place is free again.
    pub(crate) fn done(&mut self, name: &QueueName) {
        self.free += 1;
        if let Some(taken) = self.taken.get_mut(&name.namespace) {
            *taken -= 1;
            if *taken == 0 {
                self.taken.remove(&name.namespace);
            }
        }
        if let Some(queue) = self.backlogs.get_mut(name) {
            queue.done();
        }
    }

    /// The next task that begins now, if one does; it has a place from now on.
    pub(crate) fn grant(&mut self, now: Timestamp) -> Option<(u64, QueueName)> {
        if self.free == 0 {
            return None;
        }
        let candidate = |name: &QueueName| {
            if self.is_full(&name.namespace) {
                return None;
            }
            let (priority, id) = self.backlogs.get(name)?.next(now)?;
            Some((priority, self.served.get(name).copied().unwrap_or(0), id, name.clone()))
        };
        let (.., id, name) = self.busy.iter().filter_map(candidate).min()?;
        self.free -= 1;
        *self.taken.entry(name.namespace.clone()).or_insert(0) += 1;
        self.tasks.remove(&id);
        if let Some(queue) = self.backlogs.get_mut(&name) {
            queue.serve(id, now);
        }
        self.turns += 1;
        self.served.insert(name.clone(), self.turns);
        self.settle(&name);
        Some((id, name))
    }

    /// When to look again because a rate will let a task go that it does not let go now.
    pub(crate) fn wake(&self, now: Timestamp) -> Option<Timestamp> {
        if self.free == 0 {
            return None;
        }
        let open = self.busy.iter().filter(|name| !self.is_full(&name.namespace));
        open.filter_map(|name| self.backlogs.get(name)?.wake(now)).min()
    }

    /// So many places these namespaces may take; others as many as there are.
    pub(crate) fn cap(&mut self, caps: HashMap<Namespace, usize>) {
        self.caps = caps;
    }

    /// How many places a namespace has taken.
    pub(crate) fn running(&self, namespace: &Namespace) -> usize {
        self.taken.get(namespace).copied().unwrap_or(0)
    }

    /// Whether a namespace has all that it may. A place that becomes free is looked at anew by whoever gives it back.
    fn is_full(&self, namespace: &Namespace) -> bool {
        self.caps.get(namespace).is_some_and(|most| self.running(namespace) >= *most)
    }

    /// Settles something for a queue.
    pub(crate) fn configure(&mut self, name: &QueueName, config: QueueConfig) {
        match self.backlogs.get_mut(name) {
            Some(queue) => queue.configure(config),
            None => {
                let declared = self.declared.get(name).cloned().unwrap_or_default();
                self.backlogs.insert(name.clone(), Backlog::new(config, declared));
            }
        }
    }

    /// Another program is in force: what it says of queues holds for tasks that have not begun.
    pub(crate) fn declare(&mut self, declared: HashMap<QueueName, Declared>) {
        for (name, queue) in &mut self.backlogs {
            queue.declare(declared.get(name).cloned().unwrap_or_default());
        }
        self.declared = declared;
    }

    /// What is known of a queue; nothing when nobody has used it and nothing is settled for it.
    #[cfg(test)]
    pub(crate) fn status(&self, name: &QueueName, now: Timestamp) -> Option<Status> {
        self.backlogs.get(name).map(|queue| queue.status(now))
    }

    /// What is known of all queues of a namespace, or of all.
    pub(crate) fn all(&mut self, namespace: Option<&Namespace>, now: Timestamp) -> Vec<(QueueName, Status)> {
        self.forget_idle(now);
        let wanted = |name: &QueueName| namespace.is_none_or(|namespace| *namespace == name.namespace);
        let found = self.backlogs.iter().filter(|(name, _)| wanted(name));
        found.map(|(name, queue)| (name.clone(), queue.status(now))).collect()
    }

    /// A queue that nobody stands in need not be looked at.
    fn settle(&mut self, name: &QueueName) {
        if !self.backlogs.get(name).is_some_and(Backlog::has_line) {
            self.busy.remove(name);
        }
    }

    /// Names of queues may be made by programs: those that nothing is known of any more are forgotten.
    fn forget_idle(&mut self, now: Timestamp) {
        self.backlogs.retain(|_, queue| !queue.is_idle(now));
        self.served.retain(|name, _| self.backlogs.contains_key(name));
    }

    /// Places that nobody has.
    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.free
    }
}

#[cfg(test)]
mod tests;
