//! News of events, for those who wait for some in this process.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use nexus_kernel::id::Namespace;
use tokio::sync::watch;

/// Namespaces share so many bells. A caller can wait for any name, so that one bell for each name could become any number
/// of them; who is woken for another namespace looks once and waits on.
const BELLS: usize = 64;

/// The bells. A bell says that something is new, not what: whoever hears it reads on in the log.
#[derive(Debug)]
pub(crate) struct News {
    bells: Vec<watch::Sender<()>>,
    any: watch::Sender<()>,
}

impl Default for News {
    fn default() -> News {
        let bell = || watch::Sender::new(());
        News { bells: (0..BELLS).map(|_| bell()).collect(), any: bell() }
    }
}

impl News {
    fn bell(&self, namespace: &Namespace) -> &watch::Sender<()> {
        let mut hasher = DefaultHasher::new();
        namespace.hash(&mut hasher);
        let at = usize::try_from(hasher.finish() % BELLS as u64).unwrap_or(0);
        self.bells.get(at).unwrap_or(&self.any)
    }

    /// Rings for a namespace.
    pub(crate) fn ring(&self, namespace: &Namespace) {
        self.bell(namespace).send_replace(());
        self.any.send_replace(());
    }

    /// Hears of everything that is rung for a namespace from now on.
    pub(crate) fn of(&self, namespace: &Namespace) -> watch::Receiver<()> {
        self.bell(namespace).subscribe()
    }

    /// Hears of everything that is rung from now on.
    pub(crate) fn any(&self) -> watch::Receiver<()> {
        self.any.subscribe()
    }
}
