//! Open runs that follow the current version, once it was tried on their whole history.
//!
//! Trying is done here, beside the shards: a shard only takes in what has happened to a run meanwhile. A few runs are under
//! way at a time, so that thousands of them hold nobody up.

use std::collections::BTreeSet;
use std::sync::Arc;

use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::RunId;
use nexus_kernel::port::runs::RunRow;
use nexus_kernel::task::{self, Shutdown};
use nexus_kernel::visibility::{Filter, Order, RunQuery, SystemAttribute as S};
use nexus_lang::twf::program::{Program, Versioning};

use super::count::{by_version, open};
use super::ramp::Routing;
use super::record::Version;
use super::registry::Followed;
use crate::definition::Definition;
use crate::input::Reply;
use crate::interpret::{Rebuilt, ReplayError};
use crate::shard::load::damaged;
use crate::shard::{Message, Shared};
use crate::state::KeyState;

/// Runs that are looked up at a time.
const PAGE_RUNS: usize = 100;

/// Runs that a shard may have to take in at a time.
const AT_A_TIME: usize = 16;

/// A definition that was tried on a run's history.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// The run.
    pub run: RunId,
    /// The definition.
    pub definition: Arc<Definition>,
    /// The program as far as its history was read, or where it does something else.
    pub outcome: Result<Rebuilt, Failure>,
}

/// What trying a definition on a run came to.
pub(crate) enum Tried {
    /// The run has closed, or has the definition already.
    Needless,
    /// It was tried before.
    Stayed(Failure),
    /// It can be tried for good.
    Now(Box<Candidate>),
}

/// Follows every version that becomes current, until shutdown.
pub(crate) async fn run(shared: Shared, shutdown: Shutdown) {
    loop {
        tokio::select! {
            biased;
            () = shutdown.begun() => return,
            () = shared.definitions.changed() => {}
        }
        match pass(&shared, &shutdown).await {
            Ok(Some((generation, followed))) => {
                tell(&shared, &followed);
                shared.definitions.tell_followed(generation, followed);
            }
            // New runs get something else by now: its own pass comes next.
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "open runs cannot follow the current version"),
        }
    }
}

fn tell(shared: &Shared, followed: &Followed) {
    let Followed { definition, went, stayed, why } = followed;
    let ledger = shared.definitions.ledger();
    let version = ledger.of(definition).map_or(0, |version| version.number);
    if *went > 0 {
        tracing::info!(version, runs = went, "open runs follow what new runs get");
    }
    if let Some((run, failure)) = why {
        tracing::warn!(version, runs = stayed, example = %run, why = failure.message, "open runs keep their version");
    }
}

/// Lets every open run follow that may. Nothing when new runs got something else meanwhile.
pub(crate) async fn pass(shared: &Shared, shutdown: &Shutdown) -> Result<Option<(u64, Followed)>, Error> {
    let Some((generation, routing)) = shared.definitions.routing() else { return Ok(None) };
    let mut followed = Followed::none(routing.current.hash.clone());
    let workflows = workflows(shared, &routing).await?;
    if workflows.is_empty() {
        return Ok(Some((generation, followed)));
    }
    let mut query = candidates(&routing, &workflows);
    loop {
        let page = shared.store.runs(query.clone()).await?;
        let Some(last) = page.last() else { return Ok(Some((generation, followed))) };
        query.after = Some(query.order.cursor(last));
        for some in page.chunks(AT_A_TIME) {
            let is_latest = shared.definitions.routing().is_some_and(|(latest, _)| latest == generation);
            if shutdown.has_begun() || !is_latest {
                return Ok(None);
            }
            follow(shared, &routing, some, &mut followed).await;
        }
    }
}

/// Lets a few runs follow.
async fn follow(shared: &Shared, routing: &Routing, rows: &[RunRow], followed: &mut Followed) {
    let mut waiting = Vec::new();
    for row in rows {
        let (definition, _) = routing.of(&row.key);
        let has_it = row.definition.as_ref() == Some(&definition.hash);
        if has_it || !may_follow(shared, definition, row).await {
            continue;
        }
        match try_on(shared, row, definition).await {
            Ok(Tried::Needless) => {}
            Ok(Tried::Stayed(failure)) => followed.stays(&row.run_id, failure),
            Ok(Tried::Now(candidate)) => {
                let (message, reply) = Message::follow(row.key.clone(), candidate);
                shared.router.send(message);
                waiting.push((row.run_id.clone(), reply));
            }
            // One damaged history must not keep the others; whoever asks for it gets the error.
            Err(error) => tracing::error!(run = %row.run_id, %error, "a run cannot follow"),
        }
        tokio::task::yield_now().await;
    }
    for (run, reply) in waiting {
        match reply.await {
            Ok(Reply::Done) => followed.went += 1,
            Ok(Reply::Refused(error)) => {
                followed.stays(&run, error.failure_ref().cloned().unwrap_or_else(|| stopped(&error)));
            }
            _ => {}
        }
    }
}

fn stopped(error: &Error) -> Failure {
    crate::deliver::failure_of(error)
}

/// Tries a definition on the whole history of a run, as far as it is in the store.
pub(crate) async fn try_on(
    shared: &Shared,
    row: &RunRow,
    definition: &Arc<Definition>,
) -> Result<Tried, Error> {
    let records = shared.store.read(&row.key, 0).await?;
    let state = KeyState::fold(&row.key.namespace, &records).map_err(|why| damaged(&row.key, &why))?;
    let Some(run) = state.run(&row.run_id).filter(|run| run.status.is_open()) else {
        return Ok(Tried::Needless);
    };
    if *run.definition() == definition.hash {
        return Ok(Tried::Needless);
    }
    if let Some((_, failure)) = run.pinned.stayed.as_ref().filter(|(tried, _)| *tried == definition.hash) {
        return Ok(Tried::Stayed(failure.clone()));
    }
    let before = shared.definitions.load(run.definition()).await.ok();
    let rebuilt = Rebuilt::begin(&row.key, run, definition).and_then(|rebuilt| {
        let mut rebuilt = rebuilt.instead_of(before);
        rebuilt.feed(&row.key, run, (definition, &records), &mut |_, _| {})?;
        Ok(rebuilt)
    });
    let outcome = match rebuilt {
        Ok(rebuilt) => Ok(rebuilt),
        Err(ReplayError::Program(failure)) => Err(failure),
        Err(ReplayError::Damaged(why)) => return Err(damaged(&row.key, &why)),
    };
    let (run, definition) = (row.run_id.clone(), Arc::clone(definition));
    Ok(Tried::Now(Box::new(Candidate { run, definition, outcome })))
}

/// Whether a definition says that a run follows it. About a workflow that it does not have, the run's own one has the
/// say: such a run is told that its workflow is gone.
pub(crate) async fn may_follow(shared: &Shared, definition: &Arc<Definition>, row: &RunRow) -> bool {
    let follows = |program: &Program| {
        program.versioning_in(&row.workflow, row.key.namespace.as_str()) == Versioning::AutoUpgrade
    };
    if definition.program.workflow(&row.workflow).is_some() {
        return follows(&definition.program);
    }
    let Some(own) = &row.definition else { return false };
    shared.definitions.load(own).await.is_ok_and(|own| follows(&own.program))
}

/// Workflows whose runs follow: those of what new runs get, and those of older versions with open runs that are gone.
async fn workflows(shared: &Shared, routing: &Routing) -> Result<BTreeSet<String>, Error> {
    let ledger = shared.definitions.ledger();
    if ledger.versions.len() < 2 {
        return Ok(BTreeSet::new());
    }
    let programs = || routing.all().map(|definition| &definition.program);
    let mut found: BTreeSet<String> = programs().flat_map(following).map(ToOwned::to_owned).collect();
    for (build_id, runs) in by_version(&shared.store, None, None).await? {
        let version = ledger.versions.iter().find(|version| version.build_id() == build_id);
        let is_older = |it: &&Version| routing.all().all(|definition| it.definition != definition.hash);
        let Some(version) = version.filter(|it| runs.open > 0 && is_older(it)) else {
            continue;
        };
        // Runs of a version that cannot be read cannot go on anyway, and say so themselves.
        let Ok(definition) = shared.definitions.load(&version.definition).await else { continue };
        let gone = |name: &&str| programs().all(|program| program.workflow(name).is_none());
        found.extend(following(&definition.program).filter(gone).map(ToOwned::to_owned));
    }
    Ok(found)
}

/// The workflows whose runs follow somewhere.
fn following(program: &Program) -> impl Iterator<Item = &str> {
    program.runnable_names().filter(|name| {
        let deployments = program.workflow(name).map(|it| it.deployments.as_slice()).unwrap_or_default();
        deployments.iter().any(|place| place.versioning == Versioning::AutoUpgrade)
    })
}

/// Open runs of some workflows that may have another version than they should.
fn candidates(routing: &Routing, workflows: &BTreeSet<String>) -> RunQuery {
    let of_one = workflows.iter().map(|name| Filter::is(S::WorkflowType, name.clone())).collect();
    let has_it = Filter::is(S::TemporalWorkerDeploymentVersion, routing.current.hash.short());
    // While a version ramps, one with the current version may belong to the other.
    let has_another = routing.ramp.is_none().then(|| Filter::Not(Box::new(has_it)));
    let filters = [Some(open()), has_another, Some(Filter::Any(of_one))];
    RunQuery {
        namespace: None,
        filter: Some(Filter::All(filters.into_iter().flatten().collect())),
        order: Order::newest_first(),
        after: None,
        limit: PAGE_RUNS,
    }
}

/// Begins to follow, in the background.
pub(crate) fn spawn(shared: &Shared, shutdown: &Shutdown) -> tokio::task::JoinHandle<()> {
    task::spawn(run(shared.clone(), shutdown.clone()))
}
