//! What callers asked and were told: the other side of the bargain, kept outside of the engine.

use std::time::Duration;

use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::testing::dice::Dice;

use crate::shard::Outcome;
use crate::testing::ask::{Ask, Told};

/// One answered question.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// What.
    pub(super) ask: Ask,
    /// How often.
    pub(super) tries: u32,
    /// Records that the key had when it was asked first.
    pub(super) asked: usize,
    /// Records that the key had when the answer was there.
    pub(super) answered: usize,
    /// The answer.
    pub(super) told: Told,
    /// Whether another server took over meanwhile, so that the answer may be that of one that was paused.
    pub(super) overtaken: bool,
}

/// How a run ended, as a caller was told.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    /// The last run of the chain.
    pub(super) run: String,
    /// How.
    pub(super) status: RunStatus,
    /// With what.
    pub(super) result: nexus_kernel::Json,
}

/// One caller's plan.
#[derive(Debug, Default)]
struct Plan {
    left: u64,
    open: Option<(Ask, u32, usize, u64)>,
}

/// The books of one world.
#[derive(Debug)]
pub(super) struct Books {
    plans: Vec<Plan>,
    pub(super) entries: Vec<Entry>,
    pub(super) ends: Vec<Ended>,
    /// Runs whose end nobody told to those who waited for it.
    pub(super) untold: Vec<String>,
    number: u64,
    /// Servers that were opened.
    pub(super) servers: u64,
}

impl Books {
    /// Plans for some callers.
    pub(super) fn new(dice: &Dice) -> Books {
        let callers = 1 + dice.below(4);
        let plans = (0..callers).map(|_| Plan { left: 1 + dice.below(8), open: None }).collect();
        Books { plans, entries: Vec::new(), ends: Vec::new(), untold: Vec::new(), number: 0, servers: 0 }
    }

    /// How many callers there are.
    pub(super) fn callers(&self) -> usize {
        self.plans.len()
    }

    /// What a caller asks next: what it does not know the answer of yet, or something new.
    pub(super) fn next(&mut self, caller: usize, dice: &Dice) -> Option<Ask> {
        if let Some((ask, tries, ..)) = self.plans.get_mut(caller)?.open.as_mut() {
            *tries += 1;
            return Some(ask.clone());
        }
        let plan = self.plans.get_mut(caller)?;
        plan.left = plan.left.checked_sub(1)?;
        self.number += 1;
        let known: Vec<_> = self.entries.iter().filter_map(started).collect();
        Some(Ask::any(dice, self.number, &known))
    }

    /// A caller asks now.
    pub(super) fn asks(&mut self, caller: usize, ask: &Ask, records: usize) {
        let servers = self.servers;
        if let Some(plan) = self.plans.get_mut(caller)
            && plan.open.is_none()
        {
            plan.open = Some((ask.clone(), 1, records, servers));
        }
    }

    /// A caller was told.
    pub(super) fn is_told(&mut self, caller: usize, told: Told, records: usize) {
        let now = self.servers;
        let open = self.plans.get_mut(caller).and_then(|plan| plan.open.take());
        if let Some((ask, tries, asked, servers)) = open {
            let overtaken = servers != now;
            self.entries.push(Entry { ask, tries, asked, answered: records, told, overtaken });
        }
    }

    /// A caller heard how a run ended.
    pub(super) fn hears(&mut self, outcome: &Outcome) {
        let (run, status, result) = (outcome.run_id.to_string(), outcome.status, outcome.result.clone());
        self.ends.push(Ended { run, status, result });
    }
}

/// How long the asker of a start waits for its end.
pub(super) fn patience(ask: &Ask) -> Duration {
    match ask {
        Ask::Start { patience, .. } => *patience,
        _ => Duration::ZERO,
    }
}

fn started(entry: &Entry) -> Option<(String, String)> {
    match &entry.told {
        Told::Started { run, .. } => Some((entry.ask.id().to_owned(), run.clone())),
        _ => None,
    }
}
