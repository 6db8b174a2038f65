//! One life of a server process: from its opening to a crash, a failure of its store, or the end of all work.

use std::sync::Arc;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::Clock as _;
use nexus_kernel::task::{self, Shutdown};
use nexus_kernel::testing::pace;
use tokio::task::{JoinHandle, yield_now};

use crate::engine::{Engine, Options};
use crate::testing::callers;
use crate::testing::outside;
use crate::testing::programs;
use crate::testing::world::{Traffic, World};

/// Rounds of a life after which the world is said never to come to rest.
const ROUNDS_MAX: u64 = 400_000;

/// Rounds that a process goes on with a store that answers nothing more.
const PATIENCE_ROUNDS: u64 = 2_000;

/// What is to become of a life.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Plan {
    /// The process dies after so many steps.
    pub(super) dies_after: Option<u64>,
    /// So many of a thousand calls of the store fail.
    pub(super) failures: u64,
    /// So many of a thousand appends are answered and never happen: no store may do that, and checks must see it.
    pub(super) lies: u64,
    /// Another server takes over after so many steps, while this one still runs.
    pub(super) taken_over_after: Option<u64>,
}

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing is left to happen.
    Quiet,
    /// The process died.
    Died,
    /// The server stopped by itself, because of its store.
    Stopped,
}

/// A server and the switch that stops it.
struct Server {
    running: JoinHandle<Result<(), Error>>,
    shutdown: Shutdown,
}

/// Lives one life.
pub(super) fn live(world: &Arc<World>, plan: Plan) -> Result<End, String> {
    world.fail_at(plan.failures, plan.lies);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _paced = pace::set(Arc::new(Traffic(Arc::clone(world))));
    let end = runtime.block_on(drive(world, plan));
    world.unpublish();
    drop(runtime); // what was only in memory is gone
    end
}

async fn drive(world: &Arc<World>, plan: Plan) -> Result<End, String> {
    let mut servers = vec![serve(world, 1)];
    let count = world.books().callers();
    let callers: Vec<_> =
        (0..count).map(|number| task::spawn(callers::caller(Arc::clone(world), number))).collect();
    let (born, mut patience) = (world.steps(), PATIENCE_ROUNDS);
    for _ in 0..ROUNDS_MAX {
        let age = world.steps() - born;
        if plan.dies_after.is_some_and(|steps| age >= steps) {
            return Ok(End::Died);
        }
        if servers.len() == 1 && plan.taken_over_after.is_some_and(|steps| age >= steps) {
            servers.push(serve(world, 2));
        }
        if servers.len() == 2 && plan.taken_over_after.is_some_and(|steps| age >= 2 * steps) {
            servers.first().unwrap().shutdown.begin(); // the paused one is found at last
        }
        if servers.last().unwrap().running.is_finished() {
            return stopped(world, servers.pop().unwrap()).await;
        }
        if world.store_has_failed() {
            // A failure that only a reader met: shards find out when they write, or somebody restarts the process.
            patience -= 1;
            if patience == 0 {
                return Ok(End::Stopped);
            }
        }
        if rests(world).await {
            let callers_are_done = callers.iter().all(JoinHandle::is_finished);
            match world.clock.next_wake() {
                Some(at) => world.clock.advance(at.since(world.clock.now())),
                None if callers_are_done => return Ok(End::Quiet),
                None if servers.len() == 2 => servers.first().unwrap().shutdown.begin(),
                None => return Err("a caller waits for ever".to_owned()),
            }
        }
    }
    let books = format!("{:?}", world.books());
    Err(format!("the world does not come to rest; it is {}, {books}", world.clock.now()))
}

/// Lets every task go on that can. True when none can.
async fn rests(world: &World) -> bool {
    // A task that has yielded to the runtime is woken at the end of a round, hence the second one.
    for _ in 0..2 {
        let before = world.steps();
        yield_now().await;
        if world.steps() != before {
            return false;
        }
    }
    true
}

async fn stopped(world: &World, server: Server) -> Result<End, String> {
    match server.running.await {
        Ok(Err(error)) if world.is_gentle() => Err(format!("the server stopped without a reason: {error}")),
        Ok(Err(_)) => Ok(End::Stopped),
        Ok(Ok(())) => Err("the server stopped, and did not say why".to_owned()),
        Err(error) => Err(format!("the server fell over: {error}")),
    }
}

fn serve(world: &Arc<World>, generation: u64) -> Server {
    let shutdown = Shutdown::new();
    let running = task::spawn(run(Arc::clone(world), generation, shutdown.clone()));
    Server { running, shutdown }
}

async fn run(world: Arc<World>, generation: u64, shutdown: Shutdown) -> Result<(), Error> {
    let shards = 1 + usize::try_from(world.dice.below(3)).unwrap_or(0);
    // In some lives every run that waits is let go of at once, in some a few stay, in most all do.
    let resident_keys_max = world.dice.pick(&[0, 3, 10_000, 10_000]).copied().unwrap_or_default();
    let options = Options { shards, owner: "simulated".to_owned(), resident_keys_max };
    let engine = Engine::open(options, world.ports()).await?;
    let handle = engine.handle();
    handle.deploy(programs::definition()).await?;
    handle.configure_endpoints(vec![outside::endpoint()]);
    world.books().servers += 1;
    world.publish(generation, handle);
    engine.run(shutdown).await
}

/// Ends every open run from outside and waits until everything has come to rest.
pub(super) fn clear(world: &Arc<World>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _paced = pace::set(Arc::new(Traffic(Arc::clone(world))));
    runtime.block_on(async {
        let server = serve(world, 1);
        let clearing = task::spawn(terminate_all(Arc::clone(world)));
        for _ in 0..ROUNDS_MAX {
            if !rests(world).await {
                continue;
            }
            match world.clock.next_wake() {
                Some(at) => world.clock.advance(at.since(world.clock.now())),
                None => break,
            }
        }
        if !clearing.is_finished() || server.running.is_finished() {
            return Err("the open runs cannot be ended".to_owned());
        }
        clearing.await.unwrap_or_else(|error| Err(error.to_string()))
    })
}

async fn terminate_all(world: Arc<World>) -> Result<(), String> {
    let engine = world.server().await;
    let filter = nexus_kernel::port::runs::RunFilter {
        status: Some(nexus_kernel::port::runs::RunStatus::Running),
        limit: 10_000,
        ..Default::default()
    };
    for row in engine.list(filter).await.map_err(|error| error.to_string())? {
        let ended = engine.terminate(&row.run_id, "cleared").await;
        // A child may have ended with its parent between the list and the request.
        if let Err(error) = ended
            && ![&code::RUN_UNKNOWN, &code::RUN_CLOSED].contains(&error.code())
        {
            return Err(format!("{} cannot be terminated: {error}", row.run_id));
        }
    }
    Ok(())
}
