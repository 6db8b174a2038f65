//! One seed from its first start to its last check.

use std::fmt;
use std::sync::Arc;

use nexus_kernel::port::log::Log as _;
use nexus_kernel::port::runs::{RunFilter, Runs as _};

use crate::testing::life::{self, End, Plan};
use crate::testing::records::{self, Logged, at_once};
use crate::testing::world::World;
use crate::testing::{oracle, waiting};

/// Lives that may end badly; a last one never does.
const ROUGH_LIVES_MAX: u64 = 5;

/// What happened in one world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Processes that died.
    pub deaths: u64,
    /// Servers that stopped because of their store.
    pub stops: u64,
    /// Servers that were taken over while they ran.
    pub takeovers: u64,
    /// Questions that were answered.
    pub answers: u64,
    /// Runs.
    pub runs: u64,
    /// Events of their histories.
    pub events: u64,
    /// Records.
    pub records: u64,
    /// Follows from every byte of the log: equal for equal seeds.
    pub digest: u64,
}

impl Report {
    /// Adds what happened in another world.
    pub fn add(&mut self, other: &Report) {
        self.deaths += other.deaths;
        self.stops += other.stops;
        self.takeovers += other.takeovers;
        self.answers += other.answers;
        self.runs += other.runs;
        self.events += other.events;
        self.records += other.records;
        self.digest ^= other.digest;
    }
}

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The seed that shows it.
    pub seed: u64,
    /// Which promise, and where.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}: {}\nto see it again: NEXUS_SIMULATION_SEED={} cargo nextest run -p nexus-engine ",
            self.seed, self.what, self.seed
        )?;
        write!(f, "simulation::the_seed_of_the_environment")
    }
}

/// Lives through the world of a seed and checks everything that it leaves behind.
pub fn simulate(seed: u64) -> Result<Report, Violation> {
    let world = World::new(seed);
    run(&world, 0).map_err(|what| Violation { seed, what })
}

/// Like [`simulate`], on a store that loses some of what it acknowledged. A check that finds nothing then checks nothing.
pub fn simulate_on_a_lying_store(seed: u64) -> Result<Report, Violation> {
    let world = World::new(seed);
    run(&world, 30).map_err(|what| Violation { seed, what })
}

fn run(world: &Arc<World>, lies: u64) -> Result<Report, String> {
    let mut report = Report::default();
    for _ in 0..world.dice.below(ROUGH_LIVES_MAX + 1) {
        let plan = Plan { lies, ..rough(world) };
        report.takeovers += u64::from(plan.taken_over_after.is_some());
        match life::live(world, plan)? {
            End::Quiet => {}
            End::Died => report.deaths += 1,
            End::Stopped => report.stops += 1,
        }
    }
    world.calm_down();
    life::live(world, Plan::default())?;
    check(world, false)?;
    life::clear(world)?;
    let logged = check(world, true)?;
    Ok(counted(world, &logged, report))
}

/// A life that ends at some odd place: early ones are as likely as late ones.
fn rough(world: &World) -> Plan {
    let moment = || (1 << world.dice.below(10)) + world.dice.below(64);
    let failures = [0, 5, 40].get(usize::try_from(world.dice.below(3)).unwrap_or(0)).copied().unwrap_or(0);
    let taken_over_after = world.dice.permille(150).then(moment);
    Plan { dies_after: world.dice.permille(850).then(|| moment() * 2), failures, lies: 0, taken_over_after }
}

/// Everything that must be true of a world that has come to rest; `cleared` when no run is open any more.
fn check(world: &World, cleared: bool) -> Result<Logged, String> {
    let logged = records::read(&world.store)?;
    for run in logged.runs() {
        records::check(run).map_err(|what| format!("{what}\n{}", run.told()))?;
        oracle::check(world, &logged, run).map_err(|what| format!("{what}\n{}", run.told()))?;
    }
    records::replay(&world.store)?;
    waiting::check(&logged)?;
    world.books().check(&logged)?;
    rows(world, &logged)?;
    if cleared && !at_once(world.store.live(0, 10))?.is_empty() {
        return Err("a key has work left when every run has ended".to_owned());
    }
    Ok(logged)
}

/// The list of runs says what the log says.
fn rows(world: &World, logged: &Logged) -> Result<(), String> {
    let rows = at_once(world.store.runs(RunFilter { limit: usize::MAX, ..RunFilter::default() }.into()))?;
    if rows.len() != logged.runs().count() {
        return Err(format!("{} rows for {} runs", rows.len(), logged.runs().count()));
    }
    for row in rows {
        let run =
            logged.run(row.run_id.as_str()).ok_or_else(|| format!("{} is no run of the log", row.run_id))?;
        if run.status() != row.status.as_str() || run.workflow != row.workflow {
            return Err(format!(
                "the list says {:?}, the log {} for {}",
                row.status,
                run.status(),
                row.run_id
            ));
        }
    }
    Ok(())
}

fn counted(world: &World, logged: &Logged, report: Report) -> Report {
    let events = logged.runs().map(|run| run.events.len() as u64).sum();
    Report {
        answers: world.books().entries.len() as u64,
        runs: logged.runs().count() as u64,
        events,
        records: logged.records,
        digest: logged.digest,
        ..report
    }
}
