//! Running a scenario: one run and everything it calls, on virtual time.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use crate::Definition;
use crate::sim::{Bounds, Mismatch, RunHistory, TRANSITIONS_MAX, World};
use nexus_kernel::Json;
use nexus_kernel::activity::ActivityTask;
use nexus_kernel::failure::Failure;
use nexus_kernel::time::Timestamp;
use nexus_lang::twf::machine::Trace;

use crate::scenario::answering::{Answering, Complaints};
use crate::scenario::file::Scenario;
use crate::scenario::problem::Place;
use crate::scenario::report::{Finding, Replays, Report};
use crate::scenario::stage::Stage;

/// Who carries out activities for real.
pub type Real<'a> = &'a dyn Fn(ActivityTask) -> Result<Json, Failure>;

/// How scenarios are run.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Whether runs are killed and replayed; a scenario may refuse it too.
    pub replay: bool,
    /// How much of long histories.
    pub bounds: Bounds,
    /// A seed in place of the scenario's own.
    pub seed: Option<u64>,
    /// Who carries out activities that are to run for real.
    pub real: Option<Real<'a>>,
    /// Whether to count what runs.
    pub coverage: bool,
    /// Transitions after which a scenario is given up.
    pub transitions_max: usize,
    /// Whether a run whose program cannot go on fails instead of being blocked.
    pub panic_fails: bool,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options {
            replay: true,
            bounds: Bounds::default(),
            seed: None,
            real: None,
            coverage: false,
            transitions_max: TRANSITIONS_MAX,
            panic_fails: false,
        }
    }
}

/// Runs a scenario. Nothing outside is touched, unless activities are carried out for real.
pub fn run(definition: &Arc<Definition>, scenario: &Scenario, options: &Options<'_>) -> Report {
    let complaints: Complaints = Rc::new(RefCell::new(Vec::new()));
    let answering = Answering {
        definition: Arc::clone(definition),
        rules: &scenario.answers,
        real: options.real,
        complaints: Rc::clone(&complaints),
        used: HashMap::new(),
    };
    let began = Timestamp::from_millis(scenario.clock_ms);
    let seed = options.seed.unwrap_or(scenario.seed);
    let mut world =
        World::new(Arc::clone(definition), (began, seed), answering).limited(options.transitions_max);
    let replays = options.replay && scenario.replay;
    if replays {
        world = world.keeping_fingerprints();
    }
    if options.coverage {
        world = world.tracing();
    }
    if options.panic_fails {
        world = world.failing_on_panic();
    }
    let (mut world, mut findings) = Stage::play(scenario, world);
    findings.extend(
        complaints.take().into_iter().map(|(place, message)| Finding::new(at(scenario, place), message)),
    );
    let histories = world.histories();
    let mut traces = world.take_traces();
    let verified = verify(&world, &histories, (replays, options), &mut traces);
    let replays = match verified {
        Ok(verified) => verified,
        Err(mismatch) => {
            findings.push(forgotten(scenario, &mismatch));
            None
        }
    };
    let ended = histories.iter().filter_map(|run| run.closed_at).max().unwrap_or_else(|| world.now());
    Report {
        name: scenario.name.clone(),
        path: scenario.path.clone(),
        line: scenario.place.line,
        workflow: scenario.workflow.1.clone(),
        findings,
        virtual_time: ended.max(world.now()).since(began),
        runs: histories.len(),
        events: histories.iter().map(|run| run.events.len()).sum(),
        replays,
        traces,
    }
}

/// Kills and replays every run, and counts what ran. Without either wish, nothing is done.
fn verify(
    world: &World<'_>,
    histories: &[RunHistory],
    (replays, options): (bool, &Options<'_>),
    traces: &mut BTreeMap<String, Trace>,
) -> Result<Option<Replays>, Box<Mismatch>> {
    let mut done = Replays::default();
    if !replays && !options.coverage {
        return Ok(None);
    }
    // Without kills one life from the first event to the last is enough to see what ran.
    let bounds = if replays { options.bounds } else { Bounds::NONE };
    for history in histories {
        let trace = traces.entry(history.started.workflow.clone()).or_default();
        done.add(world.verify(history, bounds, options.coverage.then_some(trace))?);
    }
    Ok(replays.then_some(done))
}

fn forgotten(scenario: &Scenario, mismatch: &Mismatch) -> Finding {
    let Mismatch { workflow, cut, event, history, program, .. } = mismatch;
    let message =
        format!("killed after event {cut} and replayed, {workflow} does not do the same: event {event}");
    let details = vec![format!("history  {history}"), format!("program  {program}")];
    Finding { details, ..Finding::new(at(scenario, scenario.place), message) }
}

pub(crate) fn at(scenario: &Scenario, place: Place) -> String {
    format!("{}:{place}", scenario.path)
}
