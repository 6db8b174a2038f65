//! Callers: each asks one thing after the other, and asks again until it knows the answer, whatever becomes of servers.

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::id::RunId;
use nexus_kernel::port::clock::Clock as _;
use nexus_kernel::port::log::Log as _;
use nexus_kernel::port::runs::{RunStatus, Runs as _};
use nexus_kernel::time::Timestamp;

use crate::engine::EngineHandle;
use crate::testing::ask::{Ask, Told};
use crate::testing::books::patience;
use crate::testing::records::at_once;
use crate::testing::world::{World, key};

/// One caller, until it has asked everything that it wanted to.
pub(super) async fn caller(world: Arc<World>, number: usize) {
    loop {
        let next = world.books().next(number, &world.dice);
        let Some(ask) = next else { return };
        if world.dice.permille(500) {
            world.nap(3_000).await;
        }
        let engine = world.server().await;
        world.books().asks(number, &ask, records(&world, &ask));
        if !once(&world, &engine, (number, &ask)).await {
            world.nap(100).await;
        }
    }
}

/// Asks once. False when the caller does not know whether it has happened.
async fn once(world: &World, engine: &EngineHandle, (number, ask): (usize, &Ask)) -> bool {
    // Some callers hang up before the answer is there.
    let hurry = !world.is_gentle() && world.dice.permille(80);
    let limit =
        if hurry { Duration::from_micros(world.dice.below(30_000)) } else { Duration::from_hours(24) };
    let Some(Some((told, started))) = engine.within(limit, ask.put_to(engine)).await else { return false };
    let records = records(world, ask);
    world.books().is_told(number, told.clone(), records);
    if let (Told::Started { run, .. }, Some(started)) = (told, started) {
        let since = world.clock.now();
        match engine.within(patience(ask), engine.end(started)).await {
            Some(Ok(outcome)) => world.books().hears(&outcome),
            None if world.is_gentle() => not_told(world, &run, since),
            Some(Err(_)) | None => {} // the server is in trouble, or may be
        }
    }
    true
}

/// Whoever has waited in vain, on a server that is well, waited for a run that is open or has only just ended, or has only
/// just begun to wait.
fn not_told(world: &World, run: &str, since: Timestamp) {
    let Ok(row) = RunId::parse(run).map(|run| at_once(world.store.run(&run))) else { return };
    let grace = Duration::from_secs(1);
    let closed_at = row
        .ok()
        .flatten()
        .filter(|row| row.status != RunStatus::ContinuedAsNew)
        .and_then(|row| row.closed_at);
    if closed_at.is_some_and(|at| at.max(since).plus(grace) < world.clock.now()) {
        world.books().untold.push(run.to_owned());
    }
}

/// Records that the key of a question has now.
fn records(world: &World, ask: &Ask) -> usize {
    at_once(world.store.read(&key(ask.id()), 0)).map_or(0, |records| records.len())
}
