//! The audit log of a project: files under its data folder, and the part of the node that keeps them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nexus_engine::EngineHandle;
use nexus_gateway::audit::{self, AuditLog};
use nexus_gateway::{Check, Pipeline};
use nexus_kernel::BoxFuture;
use nexus_kernel::error::Error;
use nexus_kernel::operation::Operation;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::kv::Kv;
use nexus_kernel::port::segments::SharedSegments;
use nexus_store::FileSegments;

use crate::node::Purpose;
use crate::project::Project;

/// Where the files are, in a data folder.
pub fn folder(data: &Path) -> PathBuf {
    data.join("audit")
}

/// The log of a node, and its files. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    segments: SharedSegments,
    store: Arc<dyn Kv>,
    log: Option<AuditLog>,
}

impl Audit {
    /// Goes on with the log of a project, where there is to be one. Who only looks writes nothing.
    pub async fn open(
        project: &Project,
        purpose: Purpose,
        store: Arc<dyn Kv>,
        clock: &SharedClock,
    ) -> Result<Audit, Error> {
        let config = &project.config;
        let segments: SharedSegments = Arc::new(FileSegments::new(folder(&project.data_dir())));
        let is_written = purpose != Purpose::Read && config.audit.is_enabled(config.auth.enabled);
        let log = if is_written {
            let options = config.audit.options();
            Some(AuditLog::open(Arc::clone(&segments), Arc::clone(&store), Arc::clone(clock), options).await?)
        } else {
            None
        };
        Ok(Audit { segments, store, log })
    }

    /// A pipeline whose calls leave lines, where there is a log.
    pub fn around(&self, pipeline: Pipeline) -> Pipeline {
        match &self.log {
            Some(log) => pipeline.audited(log.clone()),
            None => pipeline,
        }
    }

    /// Hears of the calls that runs make between namespaces, where there is a log.
    pub fn hear(&self, engine: &EngineHandle) {
        if let Some(log) = &self.log {
            engine.witnessed_by(Arc::new(log.clone()));
        }
    }

    /// The verbs.
    pub fn operations(&self) -> Vec<Operation> {
        audit::operations(&self.segments, &self.store, self.log.as_ref())
    }

    /// Looks whether lines can be written, for `/health`.
    pub fn check(&self) -> Option<Check> {
        let log = self.log.clone()?;
        let look = move || -> BoxFuture<'static, Result<(), String>> {
            let log = log.clone();
            Box::pin(async move { log.check() })
        };
        Some(Check { name: "audit".to_owned(), checking: Arc::new(look), is_needed: true })
    }

    /// Writes what waits.
    pub async fn close(&self) {
        if let Some(log) = &self.log {
            log.close().await;
        }
    }
}
