//! Bells: how somebody in this process hears that there is something new, for example events of a namespace.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use tokio::sync::watch;

/// A number of bells that all names share. A caller can wait for any name, so that one bell for each name could become any
/// number of them; who is woken for another name looks once and waits on. A bell says that something is new, not what:
/// whoever hears it reads on in the log.
pub(crate) struct Bells {
    bells: Vec<watch::Sender<()>>,
    any: watch::Sender<()>,
}

impl Bells {
    /// So many bells.
    pub(crate) fn new(count: usize) -> Bells {
        let bell = || watch::Sender::new(());
        Bells { bells: (0..count).map(|_| bell()).collect(), any: bell() }
    }

    fn bell(&self, name: &impl Hash) -> &watch::Sender<()> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let count = u64::try_from(self.bells.len()).unwrap_or(1).max(1);
        let at = usize::try_from(hasher.finish() % count).unwrap_or(0);
        self.bells.get(at).unwrap_or(&self.any)
    }

    /// Rings for a name.
    pub(crate) fn ring(&self, name: &impl Hash) {
        for bell in [self.bell(name), &self.any] {
            // A ring that nobody hears need not be kept: whoever comes later looks before it waits.
            if bell.receiver_count() > 0 {
                bell.send_replace(());
            }
        }
    }

    /// Hears of everything that is rung for a name from now on.
    pub(crate) fn of(&self, name: &impl Hash) -> watch::Receiver<()> {
        self.bell(name).subscribe()
    }

    /// Hears of everything that is rung from now on.
    pub(crate) fn any(&self) -> watch::Receiver<()> {
        self.any.subscribe()
    }
}
