//! The way to the versions of a project.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;

use crate::definition::Definition;
use crate::engine::EngineHandle;
use crate::version::{
    CheckOf, Checked, Followed, Ledger, Promotion, RunsOf, Version, by_version, check_runs, unknown_version,
};

impl EngineHandle {
    /// Makes a definition what new runs would get if it were deployed. Nothing is written.
    pub async fn preview(&self, definition: Arc<Definition>) -> Result<(), Error> {
        self.shared.definitions.preview(definition).await
    }

    /// The list of versions.
    pub fn versions(&self) -> Arc<Ledger> {
        self.shared.definitions.ledger()
    }

    /// A version by its number, its build id or the beginning of that.
    pub fn version(&self, name: &str) -> Result<Version, Error> {
        self.versions().find(name).cloned().ok_or_else(|| unknown_version(name))
    }

    /// How many runs each version has, by its build id.
    pub async fn runs_by_version(
        &self,
        namespace: Option<&Namespace>,
        workflow: Option<&str>,
    ) -> Result<BTreeMap<String, RunsOf>, Error> {
        by_version(&self.shared.store, namespace, workflow).await
    }

    /// The definition of a version.
    pub async fn definition_of(&self, version: &Version) -> Result<Arc<Definition>, Error> {
        self.shared.definitions.load(&version.definition).await
    }

    /// Gives new runs another version: the one that is named, or the one before. Held, it stays although files change.
    pub async fn promote(
        &self,
        name: Option<&str>,
        (rolls_back, hold): (bool, bool),
    ) -> Result<Promotion, Error> {
        let now = self.shared.clock.now();
        let promotion = self.shared.definitions.promote(name, (rolls_back, hold), now).await?;
        self.shared.definitions.announce(self);
        Ok(promotion)
    }

    /// What has become of the open runs that may follow the current version, once all have been tried.
    pub async fn followed(&self) -> Option<Followed> {
        self.shared.definitions.followed().await
    }

    /// Tries a definition on the histories of open runs. Nothing is changed.
    pub async fn check_runs(&self, definition: &Arc<Definition>, of: &CheckOf) -> Result<Checked, Error> {
        check_runs(&self.shared, definition, of).await
    }

    /// Has somebody told of every version that becomes current by a wish, before whoever wished it is answered. The
    /// listener must not keep the engine alive.
    pub fn on_promotion(&self, listener: impl Fn(&EngineHandle, &Arc<Definition>) + Send + Sync + 'static) {
        self.shared.definitions.listen(Arc::new(listener));
    }
}
