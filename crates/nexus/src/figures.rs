//! The figures of a node: what the engine, the sandbox, the store and the process count, under their public names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nexus_engine::EngineHandle;
use nexus_engine::meters::{Attempts, Meters};
use nexus_engine::queue::QueueView;
use nexus_gateway::metrics::declared::{
    ACTIVITIES_IN_FLIGHT, ACTIVITY_ATTEMPTS, ACTIVITY_DURATION, ACTIVITY_WAIT, BUILD, COMMIT_DURATION,
    COMMITS, DELIVERIES, INPUTS, KEYS_RESIDENT, OPERATIONS, QUEUE_BACKLOG, QUEUE_RUNNING, RUNS_CLOSED,
    RUNS_OPEN, RUNS_STARTED, SANDBOX_CALLS, SANDBOX_CPU, SANDBOX_INSTANCES, SCHEDULE_LAG, SCHEDULE_STARTS,
    STORE_BYTES, STORE_CHECKPOINTS, STORE_COMMITS, STORE_RECORDS, TIMERS_PENDING,
};
use nexus_gateway::metrics::{OTHER, Page, Source};
use nexus_kernel::BoxFuture;
use nexus_kernel::catalogue::WeakCatalogue;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::time::Timestamp;
use nexus_kernel::visibility::{Filter, RunCount};
use nexus_sandbox::Sandbox;
use nexus_store::SqliteStore;

use crate::process;

/// Task queues that are shown under their own names; others are shown together.
const METRIC_QUEUES_MAX: usize = 100;

/// Microseconds of a second.
const SECOND_MICROS: f64 = 1_000_000.0;

/// The parts of a node that have figures.
pub(crate) struct Figures {
    pub(crate) engine: EngineHandle,
    pub(crate) sandbox: Sandbox,
    pub(crate) database: Option<SqliteStore>,
    /// Where the store's files are.
    pub(crate) folder: PathBuf,
    pub(crate) catalogue: WeakCatalogue,
    /// When the process began.
    pub(crate) begun: Timestamp,
}

impl Source for Figures {
    fn show<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        Box::pin(async {
            self.runs(page).await;
            engine(page, self.engine.meters());
            page.number(&ACTIVITIES_IN_FLIGHT, &[], self.engine.activities_in_flight());
            queues(page, &self.engine.queues(None));
            self.sandbox(page);
            self.store(page);
            self.operations(page);
            process::show(page, self.begun);
            page.count(&BUILD, &[env!("CARGO_PKG_VERSION")], 1);
        })
    }
}

impl Figures {
    /// How many runs are open, as the store has it: also those of before the start.
    async fn runs(&self, page: &mut Page) {
        let mut open = 0;
        for status in RunStatus::ALL.into_iter().filter(|status| status.is_open()) {
            let filter = Some(Filter::status(status));
            let Ok(groups) = self.engine.count(RunCount { filter, ..RunCount::default() }).await else {
                return;
            };
            open += groups.iter().map(|group| group.count).sum::<u64>();
        }
        page.count(&RUNS_OPEN, &[], open);
    }

    fn sandbox(&self, page: &mut Page) {
        let meters = self.sandbox.meters();
        let all = [
            ("completed", &meters.completed),
            ("failed", &meters.failed),
            ("stopped", &meters.stopped),
            ("overloaded", &meters.overloaded),
        ];
        for (outcome, counter) in all {
            page.count(&SANDBOX_CALLS, &[outcome], counter.get());
        }
        page.amount(&SANDBOX_CPU, &[], seconds(meters.cpu_micros.get()));
        page.number(&SANDBOX_INSTANCES, &[], self.sandbox.instances());
    }

    fn store(&self, page: &mut Page) {
        let Some(database) = &self.database else { return };
        let stats = database.stats();
        page.count(&STORE_COMMITS, &[], stats.commits);
        page.count(&STORE_RECORDS, &[], stats.records);
        page.count(&STORE_CHECKPOINTS, &[], stats.checkpoints);
        page.count(&STORE_BYTES, &[], bytes_of(&self.folder));
    }

    fn operations(&self, page: &mut Page) {
        let Some(catalogue) = self.catalogue.upgrade() else { return };
        let all = catalogue.snapshot();
        let workflows = all.iter().filter(|operation| operation.is_workflow()).count();
        page.number(&OPERATIONS, &["workflow"], workflows);
        page.number(&OPERATIONS, &["verb"], all.len() - workflows);
    }
}

fn engine(page: &mut Page, meters: &Meters) {
    page.count(&RUNS_STARTED, &[], meters.started.get());
    for (status, count) in meters.closed() {
        page.count(&RUNS_CLOSED, &[status.as_str()], count);
    }
    page.gauge(&KEYS_RESIDENT, &[], meters.resident.get());
    page.gauge(&TIMERS_PENDING, &[], meters.timers.get());
    page.count(&INPUTS, &[], meters.inputs.get());
    let commits = meters.commit_times();
    page.count(&COMMITS, &[], commits.count());
    page.times(&COMMIT_DURATION, &[], commits);
    page.times(&ACTIVITY_WAIT, &[], meters.waits.get());
    page.count(&DELIVERIES, &[], meters.deliveries.get());
    page.count(&SCHEDULE_STARTS, &["started"], meters.schedule_starts.get());
    page.count(&SCHEDULE_STARTS, &["failed"], meters.schedule_failures.get());
    page.times(&SCHEDULE_LAG, &[], meters.schedule_lag.get());
    for (activity, attempts) in meters.attempts.all() {
        show_attempts(page, &activity, &attempts);
    }
    if meters.attempts.others().times.get().count() > 0 {
        show_attempts(page, OTHER, meters.attempts.others());
    }
}

fn show_attempts(page: &mut Page, activity: &str, attempts: &Attempts) {
    let all = [
        ("completed", &attempts.completed),
        ("failed", &attempts.failed),
        ("timed_out", &attempts.timed_out),
        ("handed_over", &attempts.handed_over),
    ];
    for (outcome, counter) in all {
        page.count(&ACTIVITY_ATTEMPTS, &[activity, outcome], counter.get());
    }
    page.times(&ACTIVITY_DURATION, &[activity], attempts.times.get());
}

/// The queues that are longest are shown by name, the others together.
fn queues(page: &mut Page, all: &[QueueView]) {
    let mut all: Vec<_> = all.iter().collect();
    all.sort_by_key(|queue| std::cmp::Reverse(queue.backlog() + queue.running()));
    let mut shown: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for (place, queue) in all.iter().enumerate() {
        let own = (queue.name.namespace.as_str(), queue.name.task_queue.as_str());
        let name = if place < METRIC_QUEUES_MAX { own } else { (OTHER, OTHER) };
        let (backlog, running) = shown.entry(name).or_default();
        *backlog += queue.backlog();
        *running += queue.running();
    }
    for ((namespace, queue), (backlog, running)) in shown {
        page.number(&QUEUE_BACKLOG, &[namespace, queue], backlog);
        page.number(&QUEUE_RUNNING, &[namespace, queue], running);
    }
}

fn seconds(micros: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact for two centuries")]
    let micros = micros as f64;
    micros / SECOND_MICROS
}

/// The size of the files of a folder; what cannot be looked at counts nothing.
fn bytes_of(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).filter(std::fs::Metadata::is_file).map(|it| it.len()).sum()
}
