//! Endpoints that no file declares, though whoever runs the files knows them.

use std::collections::BTreeMap;

/// Where an endpoint leads that no file declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// To services of others: what they offer is not known here.
    Elsewhere,
    /// To the services that the files define, in a namespace and on a queue.
    Here {
        /// The namespace.
        namespace: String,
        /// The queue.
        task_queue: String,
    },
}

/// Endpoints that files may name beside their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownEndpoints {
    by_name: BTreeMap<String, Known>,
    is_open: bool,
}

/// What holds where nobody says anything else.
pub(super) static NONE: KnownEndpoints = KnownEndpoints { by_name: BTreeMap::new(), is_open: false };

impl KnownEndpoints {
    /// Any name that no file declares is somebody's: for files that were checked before, with endpoints that may be gone.
    pub fn any() -> KnownEndpoints {
        KnownEndpoints { by_name: BTreeMap::new(), is_open: true }
    }

    /// The names in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Where an endpoint leads; nothing when it is not known.
    pub(super) fn get(&self, name: &str) -> Option<&Known> {
        self.by_name.get(name).or_else(|| self.is_open.then_some(&Known::Elsewhere))
    }
}

impl IntoIterator for KnownEndpoints {
    type Item = (String, Known);
    type IntoIter = std::collections::btree_map::IntoIter<String, Known>;

    fn into_iter(self) -> Self::IntoIter {
        self.by_name.into_iter()
    }
}

impl Extend<(String, Known)> for KnownEndpoints {
    fn extend<T: IntoIterator<Item = (String, Known)>>(&mut self, endpoints: T) {
        self.by_name.extend(endpoints);
    }
}

impl FromIterator<(String, Known)> for KnownEndpoints {
    fn from_iter<T: IntoIterator<Item = (String, Known)>>(endpoints: T) -> KnownEndpoints {
        KnownEndpoints { by_name: endpoints.into_iter().collect(), is_open: false }
    }
}
