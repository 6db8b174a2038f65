//! The cache of a project: what is kept for its workflows, and what stands for the code that makes their answers.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use nexus_gateway::cache::Cache;
use nexus_gateway::{Pipeline, Redis};
use nexus_kernel::cache::CacheRule;
use nexus_kernel::operation::Operation;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::kv::Kv;
use nexus_kernel::port::seal::Seal;
use nexus_kernel::task::{self, Shutdown};

use crate::built::Report;
use crate::config::activity::ActivityConfig;
use crate::node::Purpose;
use crate::project::Project;

/// Answers that are given again, for the code of the project as it is served. Cheap to clone.
#[derive(Clone)]
pub struct Answers {
    cache: Cache,
    /// Stands for everything but the workflows that can change what comes of a run.
    files: Arc<RwLock<String>>,
}

impl Answers {
    /// The answers of a project, shared by a Redis where there is one, and sealed there with this.
    pub fn open(
        project: &Project,
        store: &Arc<dyn Kv>,
        clock: &SharedClock,
        shared: Option<(Redis, Option<Arc<dyn Seal>>)>,
    ) -> Answers {
        let (store, clock, options) = (Arc::clone(store), Arc::clone(clock), project.config.cache.options());
        let cache = match shared {
            Some(shared) => Cache::shared(store, clock, options, shared),
            None => Cache::new(store, clock, options),
        };
        Answers { cache, files: Arc::default() }
    }

    /// The pipeline of a server, which answers from them. A command without a server does what it is told: what it leaves in
    /// the background would end with it.
    pub fn around(&self, pipeline: Pipeline, purpose: Purpose, shutdown: &Shutdown) -> Pipeline {
        if purpose != Purpose::Serve {
            return pipeline;
        }
        drop(task::spawn(self.cache.clone().sweep(shutdown.clone())));
        pipeline.caching(self.cache.clone())
    }

    /// The verbs.
    pub fn operations(&self) -> Vec<Operation> {
        self.cache.operations()
    }

    /// Takes note of the files as they are served from now on.
    pub fn follow(&self, project: &Project, report: &Report) {
        *self.files.write().unwrap_or_else(PoisonError::into_inner) = print(project, report);
    }

    /// Says in the rules of workflows what code makes their answers: the workflows of this definition, with those files.
    pub fn stamp(&self, operations: &mut [Operation], definition: &Hash) {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner).clone();
        let code: Arc<str> = format!("{definition}/{files}").into();
        for operation in operations {
            if let Some(rule) = &mut operation.contract.cache {
                *rule = Arc::new(CacheRule { code: Arc::clone(&code), ..(**rule).clone() });
            }
        }
    }
}

/// A path as the project sees it: servers that share answers may have it in different folders.
fn within<'a>(root: &Path, path: &'a Path) -> &'a Path {
    path.strip_prefix(root).unwrap_or(path)
}

/// A hash of all files and settings that activities are made of.
fn print(project: &Project, report: &Report) -> String {
    let mut bytes = Vec::new();
    let mut add = |part: &[u8]| {
        bytes.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        bytes.extend(part);
    };
    add(env!("CARGO_PKG_VERSION").as_bytes());
    for file in &project.activities {
        add(file.path.as_bytes());
        add(file.text.as_bytes());
    }
    for file in &project.components {
        add(file.path.as_bytes());
        add(&file.bytes);
    }
    let root = std::fs::canonicalize(&project.root).unwrap_or_else(|_| project.root.clone());
    for path in &report.inputs {
        add(within(&root, path).as_os_str().as_encoded_bytes());
        // What a script looked for and did not find is as much a part of it.
        add(&std::fs::read(path).unwrap_or_default());
    }
    let config = &project.config;
    let settings = (&config.activities, &config.sandbox, &config.secrets, &config.http);
    add(format!("{settings:?}").as_bytes());
    // What is hidden from whoever prints them is a part of them as well.
    config.activities.values().flat_map(ActivityConfig::hidden).for_each(|text| add(text.as_bytes()));
    Hash::of(&bytes).as_str().to_owned()
}
