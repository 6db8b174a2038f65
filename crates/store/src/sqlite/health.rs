//! Whether the store still works. Once it does not, it never does again.

use std::sync::OnceLock;

use nexus_kernel::port::StoreError;

/// The first reason to stop, for everybody to see.
#[derive(Debug, Default)]
pub(crate) struct Health(OnceLock<StoreError>);

impl Health {
    /// An error once the store has stopped.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.0.get().map_or(Ok(()), |reason| Err(reason.clone()))
    }

    /// Stops the store. Only the first reason counts: what follows from it would hide it.
    pub(crate) fn stop(&self, reason: StoreError) {
        if self.0.set(reason.clone()).is_ok() && !matches!(reason, StoreError::Closed) {
            tracing::error!(%reason, "the store stops: nothing more is written");
        }
    }

    /// Whether it stopped because of an error, not because it was closed.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.get().is_some_and(|reason| !matches!(reason, StoreError::Closed))
    }

    /// Why an answer never came.
    pub(crate) fn reason(&self) -> StoreError {
        self.0.get().cloned().unwrap_or(StoreError::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays() {
        let health = Health::default();
        assert!(health.check().is_ok());
        health.stop(StoreError::Failed("disk full".to_owned()));
        health.stop(StoreError::Closed);
        assert!(matches!(health.check(), Err(StoreError::Failed(reason)) if reason == "disk full"));
    }
}
