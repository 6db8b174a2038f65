//! Either side dies after every single commit, and every answer is lost once: there is one run of the operation, and its
//! caller learns its end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::Request;
use nexus_engine::Definition;
use nexus_engine::shard::Outcome;
use nexus_kernel::Json;
use nexus_kernel::id::WorkflowId;
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::exchange::{MemoryExchange, Server};
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::log::Log as _;
use nexus_kernel::port::runs::RunStatus;
use serde_json::json;

use super::support::{BANK, BANK_URL, SHOP, beginning, ends, leads_to, operations, runs, serve};
use crate::crash::Mortal;
use crate::support::{World, request, sketch};

/// What is called, and what must come of it.
struct Story {
    /// The caller's workflow.
    caller: &'static str,
    /// What its caller is told: its result, or the type of its failure.
    told: fn() -> Json,
    /// The workflow that carries the operation out.
    handler: &'static str,
    /// How that ends.
    ends: RunStatus,
    /// How many ends the operation has in the caller's history.
    known: usize,
}

const STORIES: [Story; 7] = [
    Story {
        caller: "Quote",
        told: || json!(42),
        handler: "Billing.Quote",
        ends: RunStatus::Completed,
        known: 1,
    },
    Story {
        caller: "Block",
        told: || json!({ "charged": 21 }),
        handler: "ChargeCard",
        ends: RunStatus::Completed,
        known: 1,
    },
    Story {
        caller: "Ponder",
        told: || json!(63),
        handler: "Billing.Ponder",
        ends: RunStatus::Completed,
        known: 1,
    },
    Story {
        caller: "Detach",
        told: || json!("sent"),
        handler: "ChargeCard",
        ends: RunStatus::Completed,
        known: 0,
    },
    Story {
        caller: "Stop",
        told: || json!("NexusCancelledError"),
        handler: "WaitFor",
        ends: RunStatus::Canceled,
        known: 1,
    },
    Story {
        caller: "Drop",
        told: || json!("dropped"),
        handler: "WaitFor",
        ends: RunStatus::Canceled,
        known: 0,
    },
    Story {
        caller: "Decline",
        told: || json!("Account"),
        handler: "DeclineIt",
        ends: RunStatus::Failed,
        known: 1,
    },
];

/// Which side dies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Side {
    Shop,
    Bank,
}

/// What outlives both.
struct Ground {
    net: MemoryExchange,
    clock: SimClock,
    shop: Arc<MemoryStore>,
    bank: Arc<MemoryStore>,
    /// The answer that is lost, counted down from the first.
    lost: Arc<AtomicUsize>,
    /// How many answers there were.
    answers: Arc<AtomicUsize>,
    programs: [Arc<Definition>; 2],
}

/// A program with only what the story needs: it is read again in every life.
fn part_of(program: &str, workflows: &[&str]) -> Arc<Definition> {
    let is_wanted = |block: &&str| {
        let name = block.trim_start().strip_prefix("workflow ").and_then(|it| it.split('(').next());
        name.is_none_or(|name| workflows.contains(&name))
    };
    let kept: Vec<&str> = program.split("\n\n").filter(is_wanted).collect();
    sketch(&kept.join("\n\n"))
}

impl Ground {
    /// A world in which the `lost`-th answer of either side is lost, and none when it is zero.
    fn new(story: &Story, lost: usize) -> Ground {
        let clock = beginning();
        Ground {
            net: MemoryExchange::new(Arc::new(clock.clone())),
            clock,
            shop: Arc::default(),
            bank: Arc::default(),
            lost: Arc::new(AtomicUsize::new(lost)),
            answers: Arc::default(),
            programs: [part_of(SHOP, &[story.caller]), part_of(BANK, &[story.handler])],
        }
    }

    async fn open(&self, side: Side, store: SharedStore) -> World {
        let [shop, bank] = &self.programs;
        let (program, authority) = match side {
            Side::Shop => (shop, "shop.test"),
            Side::Bank => (bank, "bank.test"),
        };
        let ports = (store, self.clock.clone());
        let world = super::support::side(&self.net, authority, ports, Arc::clone(program)).await;
        if side == Side::Shop {
            world.engine.configure_endpoints(vec![leads_to("bank", BANK_URL)]);
        }
        self.net.serve(authority, self.losing(serve(world.engine.clone())));
        world
    }

    /// A server whose answers may be lost after it has done its work.
    fn losing(&self, server: Server) -> Server {
        let (lost, answers) = (Arc::clone(&self.lost), Arc::clone(&self.answers));
        Arc::new(move |request: Request<Vec<u8>>| {
            let (server, lost, answers) = (Arc::clone(&server), Arc::clone(&lost), Arc::clone(&answers));
            Box::pin(async move {
                let answer = server(request).await;
                answers.fetch_add(1, Ordering::SeqCst);
                let left =
                    lost.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it: usize| it.checked_sub(1));
                if left == Ok(1) { None } else { answer }
            })
        })
    }

    fn store(&self, side: Side) -> Arc<MemoryStore> {
        match side {
            Side::Shop => Arc::clone(&self.shop),
            Side::Bank => Arc::clone(&self.bank),
        }
    }

    async fn is_done(&self) -> bool {
        let mut all = 0;
        for store in [&self.shop, &self.bank] {
            all += store.live(0, 1).await.unwrap().len();
        }
        all == 0
    }

    fn close(&self, side: Side) {
        self.net.close(match side {
            Side::Shop => "shop.test",
            Side::Bank => "bank.test",
        });
    }
}

/// Asks for the one run of the story, and notes what its caller is told.
async fn ask(world: &World, story: &Story, told: &Mutex<Option<Outcome>>) {
    let mut start = request(story.caller, json!({ "x": 21 }));
    start.idempotency_key = Some("the-one".to_owned());
    start.workflow_id = Some(WorkflowId::new("the-one").unwrap());
    // An error means that the process died; whoever asks does so again in the next life.
    let Ok(started) = world.engine.start(start).await else { return };
    if let Ok(outcome) = world.engine.end(started).await {
        *told.lock().unwrap() = Some(outcome);
    }
}

/// The story, with the death of a side after so many commits, if any. How many commits the side made in its first life.
async fn play(story: &Story, ground: &Ground, (side, commits): (Side, usize)) -> usize {
    let mortal = Arc::new(Mortal { inner: ground.store(side), left: AtomicUsize::new(commits) });
    let other = if side == Side::Shop { Side::Bank } else { Side::Shop };
    let lives = ground.open(other, ground.store(other)).await;
    let dies = ground.open(side, mortal.clone()).await;
    let told = Mutex::new(None);
    let has_died = || mortal.left.load(Ordering::SeqCst) == 0;
    {
        let caller = if side == Side::Shop { &dies } else { &lives };
        let asking = async {
            ask(caller, story, &told).await;
            until(ground, &has_died).await;
        };
        let died = async {
            while !has_died() {
                tokio::task::yield_now().await;
            }
        };
        let first_life = async {
            tokio::select! {
                () = asking => {}
                () = died => {}
            }
        };
        lives.until(first_life).await;
    }
    let used = commits - mortal.left.load(Ordering::SeqCst);
    ground.close(side);
    dies.stop().await;
    let again = ground.open(side, ground.store(side)).await;
    let (shop, bank) = if side == Side::Shop { (&again, &lives) } else { (&lives, &again) };
    let rest = async {
        ask(shop, story, &told).await;
        until(ground, &|| false).await;
    };
    lives.until(rest).await;
    let case = format!("{} with {side:?} dying after {commits} commits", story.caller);
    let told = told.lock().unwrap().take();
    check(story, (shop, bank), told.as_ref(), &case).await;
    again.stop().await;
    lives.stop().await;
    used
}

/// Waits until nothing is left to do on either side, or something has happened.
async fn until(ground: &Ground, happened: &(dyn Fn() -> bool + Sync)) {
    for turn in 0.. {
        if happened() || ground.is_done().await {
            return;
        }
        assert!(turn < 200_000, "the work never ends");
        tokio::task::yield_now().await;
    }
}

async fn check(story: &Story, (shop, bank): (&World, &World), told: Option<&Outcome>, case: &str) {
    let told = told.unwrap_or_else(|| panic!("{case}: the caller was told nothing"));
    let result = match &told.failure {
        Some(failure) => json!(failure.root().type_name),
        None => told.result.clone(),
    };
    assert_eq!(result, (story.told)(), "{case}");
    let handlers = runs(bank, story.handler).await;
    assert_eq!(handlers.len(), 1, "{case}: {handlers:#?}");
    assert_eq!(handlers[0].status, story.ends, "{case}");
    let callers = runs(shop, story.caller).await;
    assert_eq!(callers.len(), 1, "{case}");
    let history = shop.engine.history(&callers[0].run_id).await.unwrap();
    assert_eq!(ends(&history, 1), story.known, "{case}");
    for (world, run) in [(shop, &callers[0].run_id), (bank, &handlers[0].run_id)] {
        let played = world.engine.playback(run, None).await.unwrap();
        assert!(played["stuck"].is_null(), "{case}: {played:#}");
    }
    assert!(operations(shop).await.is_empty(), "{case}");
}

/// Every death of both sides, in a world that loses this answer.
async fn everywhere(story: &Story, lost: usize) -> usize {
    let mut deaths = 0;
    for side in [Side::Shop, Side::Bank] {
        let all = play(story, &Ground::new(story, lost), (side, 10_000)).await;
        assert!(all >= 1, "{} without commits of {side:?} proves nothing", story.caller);
        for commits in 1..=all {
            play(story, &Ground::new(story, lost), (side, commits)).await;
            deaths += 1;
        }
    }
    deaths
}

#[tokio::test]
async fn a_death_of_either_side_after_every_commit_changes_nothing() {
    let mut deaths = 0;
    for story in &STORIES {
        deaths += everywhere(story, 0).await;
    }
    assert!(deaths > 40, "{deaths}");
}

#[tokio::test]
async fn an_answer_that_is_lost_changes_nothing_also_when_a_side_dies_then() {
    let mut deaths = 0;
    for story in &STORIES {
        let whole = Ground::new(story, 0);
        play(story, &whole, (Side::Shop, 10_000)).await;
        for lost in 1..=whole.answers.load(Ordering::SeqCst) {
            deaths += everywhere(story, lost).await;
        }
    }
    assert!(deaths > 100, "{deaths}");
}
