//! Circuit breakers: one for each operation that has one, and one for each host that requests go out to.

mod operations;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use nexus_kernel::port::clock::SharedClock;

pub use nexus_kernel::breaker::{Breaker, Outcome, Phase, Settings, Ticket};

use crate::limits::BREAKERS_MAX;

/// What a breaker is in front of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A workflow, by its namespace and name.
    Operation(String),
    /// A host that requests go out to.
    Host(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Operation(id) => f.write_str(id),
            Target::Host(host) => write!(f, "host {host}"),
        }
    }
}

/// What counts as a failure of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counted {
    /// What the server and its services did not manage: faults, what was unavailable, deadlines that passed.
    #[default]
    Infrastructure,
    /// Also workflows that failed by their own decision.
    Failures,
}

/// A breaker of workflows, as it is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rule {
    /// When it opens, and how it closes.
    pub settings: Settings,
    /// What counts.
    pub counted: Counted,
}

/// Which breakers there are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// Of every workflow that has none of its own; none when absent.
    pub workflows: Option<Rule>,
    /// Of single workflows, by `Name` or `namespace/Name`. `None` takes the general one away.
    pub own: BTreeMap<String, Option<Rule>>,
    /// Of every host that requests go out to; none when absent.
    pub hosts: Option<Settings>,
}

impl Rules {
    /// The breaker of a workflow.
    fn of(&self, id: &str) -> Option<Rule> {
        let bare = || self.own.get(id.split_once('/')?.1);
        self.own.get(id).or_else(bare).copied().unwrap_or(self.workflows)
    }

    fn settings(&self, target: &Target) -> Option<(Settings, Counted)> {
        match target {
            Target::Operation(id) => self.of(id).map(|rule| (rule.settings, rule.counted)),
            Target::Host(_) => self.hosts.map(|settings| (settings, Counted::default())),
        }
    }
}

/// All breakers of a server. Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct Breakers(Arc<Parts>);

struct Parts {
    rules: RwLock<Arc<Rules>>,
    all: Mutex<BTreeMap<Target, Breaker>>,
    clock: SharedClock,
}

/// A call that a breaker has let pass. When it is dropped without a report nobody knows what became of the call.
pub struct Pass {
    breakers: Breakers,
    target: Target,
    settings: Settings,
    /// What counts as a failure.
    pub counted: Counted,
    ticket: Ticket,
    is_reported: bool,
}

/// A breaker as it is shown.
pub(crate) struct Shown {
    pub(crate) target: Target,
    pub(crate) phase: Phase,
    /// How long until it is tried again, when it is open.
    pub(crate) left: Duration,
}

impl nexus_kernel::verb::Part for Breakers {}

impl Breakers {
    /// Breakers by these rules.
    pub fn new(rules: Rules, clock: SharedClock) -> Breakers {
        let rules = RwLock::new(Arc::new(rules));
        Breakers(Arc::new(Parts { rules, all: Mutex::default(), clock }))
    }

    /// Goes by other rules from now on. What is open stays open, for as long as its rule lets it.
    pub fn follow(&self, rules: Rules) {
        *self.0.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.0.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether there can be any of workflows.
    pub(crate) fn mind_workflows(&self) -> bool {
        let rules = self.rules();
        rules.workflows.is_some() || !rules.own.is_empty()
    }

    /// Lets a call pass; nothing where there is no breaker. Errors: how long to wait.
    pub fn admit(&self, target: Target) -> Result<Option<Pass>, Duration> {
        let Some((settings, counted)) = self.rules().settings(&target) else { return Ok(None) };
        let now = self.0.clock.now();
        let mut all = self.0.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= BREAKERS_MAX && !all.contains_key(&target) {
            all.retain(|_, breaker| !breaker.is_fresh(&settings, now));
            if all.len() >= BREAKERS_MAX {
                return Ok(None); // so many fail that one more is not told apart: it is called as if it had none
            }
        }
        let ticket = all.entry(target.clone()).or_default().admit(&settings, now)?;
        drop(all);
        Ok(Some(Pass { breakers: self.clone(), target, settings, counted, ticket, is_reported: false }))
    }

    fn report(&self, pass: &Pass, outcome: Outcome) {
        let now = self.0.clock.now();
        let mut all = self.0.all.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(breaker) = all.get_mut(&pass.target) else { return };
        let before = breaker.phase();
        breaker.report(&pass.settings, pass.ticket, outcome, now);
        match (before, breaker.phase()) {
            (Phase::Closed { .. } | Phase::HalfOpen { .. }, Phase::Open { until }) => {
                tracing::warn!(target = %pass.target, %until, "too many calls fail: no more are let through");
            }
            (Phase::HalfOpen { .. }, Phase::Closed { .. }) => {
                tracing::info!(target = %pass.target, "calls are let through again");
            }
            _ => {}
        }
    }

    /// All that were used, in order.
    pub(crate) fn list(&self) -> Vec<Shown> {
        let now = self.0.clock.now();
        let all = self.0.all.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = |(target, breaker): (&Target, &Breaker)| Shown {
            target: target.clone(),
            phase: breaker.phase(),
            left: match breaker.phase() {
                Phase::Open { until } => until.since(now),
                Phase::Closed { .. } | Phase::HalfOpen { .. } => Duration::ZERO,
            },
        };
        all.iter().map(shown).collect()
    }

    /// How many hold calls back at the moment, in words. Nothing when none does. Whoever may ask `/health` need not know the
    /// names: the verb tells them.
    pub(crate) fn complaint(&self) -> Option<String> {
        let holds = |shown: &Shown| !matches!(shown.phase, Phase::Closed { .. });
        match self.list().into_iter().filter(holds).count() {
            0 => None,
            1 => Some("a circuit breaker holds calls back; breaker.list shows which".to_owned()),
            many => Some(format!("{many} circuit breakers hold calls back; breaker.list shows which")),
        }
    }
}

impl Pass {
    /// Says what became of the call.
    pub fn report(mut self, outcome: Outcome) {
        self.is_reported = true;
        self.breakers.report(&self, outcome);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.is_reported {
            self.breakers.report(self, Outcome::Unknown);
        }
    }
}
