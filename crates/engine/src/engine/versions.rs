//! The way to the versions of a project.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;

use crate::definition::Definition;
use crate::engine::{Address, EngineHandle, stopping};
use crate::input::Reply;
use crate::shard::{Message, not_followed};
use crate::version::{
    CheckOf, Checked, Choice, Followed, Ledger, Promotion, RunsOf, Tried, Version, by_version, check_runs,
    try_on, unknown_version, unusable_version,
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

    /// Gives new runs what somebody has chosen.
    pub async fn choose_version(&self, choice: Choice<'_>) -> Result<Promotion, Error> {
        let now = self.shared.clock.now();
        let promotion = self.shared.definitions.choose(choice, now).await?;
        self.declare_queues();
        self.shared.definitions.announce(self);
        Ok(promotion)
    }

    /// What has become of the open runs that may follow the current version, once all have been tried.
    pub async fn followed(&self) -> Option<Followed> {
        self.shared.definitions.followed().await
    }

    /// Lets one open run go on with another version, whatever its workflow's deployment says; with the current one when
    /// none is named. Its whole history is replayed on it first.
    pub async fn upgrade(&self, to: &Address, version: Option<&str>) -> Result<Version, Error> {
        let row = self.show_at(to).await?.row;
        let ledger = self.versions();
        let version = match version {
            Some(name) => self.version(name)?,
            None => ledger.current().cloned().ok_or_else(|| unknown_version("current"))?,
        };
        let definition =
            self.definition_of(&version).await.map_err(|error| unusable_version(&version, &error))?;
        let closed = || {
            Error::new(&code::RUN_CLOSED, format!("the run {} is closed", row.run_id)).run(row.run_id.clone())
        };
        if !row.status.is_open() {
            return Err(closed());
        }
        let reply = match try_on(&self.shared, &row, &definition).await? {
            Tried::Needless => return Ok(version),
            Tried::Stayed(failure) => return Err(not_followed(failure, &row.run_id)),
            Tried::Now(candidate) => {
                let (message, reply) = Message::follow(row.key.clone(), candidate);
                self.shared.router.send(message);
                reply.await.map_err(|_| stopping())?
            }
        };
        match reply {
            Reply::Done => Ok(version),
            Reply::Refused(error) => Err(error),
            _ => Err(closed()),
        }
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
