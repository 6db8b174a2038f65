//! The bindings that hold at the moment, for functions that began with earlier ones: a reload that takes a grant, a secret
//! or an address away takes it away from them as well.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use nexus_kernel::BoxFuture;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::secret::{Secret, Secrets};
use nexus_sandbox::{Capabilities, Granter};

use super::{Bindings, script};

/// Bindings, and how often they have been replaced.
#[derive(Default)]
pub(crate) struct Standing {
    bindings: RwLock<Arc<Bindings>>,
    generation: AtomicU64,
}

impl Standing {
    /// How often they have been replaced. Whoever reads this first and the bindings then may have newer bindings than the
    /// number says, and never older ones.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The bindings.
    pub(crate) fn bindings(&self) -> Arc<Bindings> {
        self.bindings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces them.
    pub(crate) fn replace(&self, bindings: Bindings) {
        *self.bindings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(bindings);
        self.generation.fetch_add(1, Ordering::Release);
    }
}

impl Secrets for Standing {
    fn secret(&self, namespace: &Namespace, name: &str) -> BoxFuture<'static, Result<Secret, Error>> {
        self.bindings().secrets.secret(namespace, name)
    }
}

/// What one function may do by the bindings that hold.
pub(crate) struct Grant {
    pub(crate) standing: Arc<Standing>,
    pub(crate) activity: String,
}

impl Granter for Grant {
    fn generation(&self) -> u64 {
        self.standing.generation()
    }

    fn granted(&self) -> Capabilities {
        script::grants(self.standing.bindings().grants.of(&self.activity).clone())
    }
}
