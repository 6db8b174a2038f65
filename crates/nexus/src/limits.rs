//! Limits of a served project: how often somebody may call, from where, and what is left alone because it fails. They
//! follow the file with every reload.

use std::sync::{Arc, PoisonError, RwLock};

use nexus_gateway::Pipeline;
use nexus_gateway::breaker::Breakers;
use nexus_gateway::limit::{Counters, Limiter};
use nexus_gateway::policy::Borders;
use nexus_kernel::catalogue::{Catalogue, WeakCatalogue};
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::Operation;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::rng::Rng;

use crate::config::Config;
use crate::project::Project;

/// What a served project limits. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Limits {
    limiter: Limiter,
    borders: Borders,
    breakers: Breakers,
    /// Operations hold what holds this, so it must not hold them.
    catalogue: WeakCatalogue,
    configured: Arc<RwLock<Arc<Config>>>,
}

impl Limits {
    /// The limits of a project.
    pub(crate) fn of(
        project: &Project,
        catalogue: &Catalogue,
        counters: Arc<dyn Counters>,
        (clock, rng): (&SharedClock, &dyn Rng),
    ) -> Result<Limits, Error> {
        let policy = project.config.limiting()?;
        let limits = Limits {
            limiter: Limiter::new(counters, policy, Arc::clone(clock), rng),
            borders: Borders::default(),
            breakers: Breakers::new(project.config.breakers()?, Arc::clone(clock)),
            catalogue: catalogue.downgrade(),
            configured: Arc::new(RwLock::new(Arc::new(project.config.clone()))),
        };
        limits.borders.follow(project.config.borders()?);
        Ok(limits)
    }

    /// The circuit breakers, of workflows and of hosts.
    pub(crate) fn breakers(&self) -> &Breakers {
        &self.breakers
    }

    /// The file that they follow.
    pub(crate) fn configured(&self) -> Arc<Config> {
        Arc::clone(&self.configured.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The operations that are served.
    pub(crate) fn operations(&self) -> Arc<Vec<Arc<Operation>>> {
        self.catalogue.upgrade().map(|catalogue| catalogue.snapshot()).unwrap_or_default()
    }

    /// How many calls in a namespace are under way, of those that are counted.
    pub(crate) fn under_way(&self, namespace: &Namespace) -> u32 {
        self.limiter.under_way(namespace)
    }

    /// A pipeline that minds them.
    pub(crate) fn mind(&self, pipeline: Pipeline) -> Pipeline {
        let (limiter, borders) = (self.limiter.clone(), self.borders.clone());
        pipeline.limited(limiter).bordered(borders).breaking(self.breakers.clone())
    }

    /// Goes by what a project says now. What was counted stays counted.
    pub(crate) fn follow(&self, project: &Project) -> Result<(), Error> {
        let (policy, borders) = (project.config.limiting()?, project.config.borders()?);
        self.breakers.follow(project.config.breakers()?);
        self.limiter.follow(policy);
        *self.configured.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(project.config.clone());
        self.borders.follow(borders);
        Ok(())
    }
}
