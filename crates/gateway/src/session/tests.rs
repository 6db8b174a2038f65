//! Sessions over a store in memory and a clock that stands still until it is moved.

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::call::{CallContext, Channel};
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::rng::SeededRng;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::operation::Operation;
use nexus_kernel::port::clock::Clock;
use nexus_kernel::task;
use nexus_kernel::time::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::*;

struct World {
    sessions: Sessions,
    clock: SimClock,
    store: Arc<MemoryStore>,
}

fn world() -> World {
    let (clock, store) =
        (SimClock::at(Timestamp::from_millis(1_800_000_000_000)), Arc::new(MemoryStore::new()));
    let sessions = Sessions::new(store.clone(), Arc::new(clock.clone()), Arc::new(SeededRng::new(1)));
    World { sessions, clock, store }
}

fn caller(identity: &str) -> Caller {
    Caller { identity: identity.into(), ..Caller::local() }
}

impl World {
    /// Calls a verb as somebody, as the pipeline would.
    async fn call(&self, who: &str, verb: &str, input: Json) -> Result<Json, Error> {
        let operations: Vec<Operation> = self.sessions.operations();
        let operation = operations.iter().find(|operation| operation.name == verb).unwrap();
        let context = CallContext { caller: caller(who), ..CallContext::new(Channel::Embedded, "") };
        Ok(operation.handler.call(input, context).await?.output)
    }

    async fn make(&self, who: &str, input: Json) -> SessionId {
        let made = self.call(who, "session.create", input).await.unwrap();
        SessionId::parse(made["session_id"].as_str().unwrap()).unwrap()
    }

    async fn code(&self, who: &str, verb: &str, input: Json) -> &'static str {
        self.call(who, verb, input).await.unwrap_err().code().id
    }

    async fn commits(&self) -> u64 {
        let probe = KvWrite::Put { key: "probe".into(), value: Json::Null };
        match self.store.kv_commit(&Namespace::system(), Vec::new(), vec![probe]).await.unwrap() {
            KvCommit::Committed { version } => version,
            KvCommit::Conflict { .. } => unreachable!("nothing is checked"),
        }
    }
}

#[tokio::test]
async fn a_session_is_made_shown_changed_and_deleted() {
    let world = world();
    let id = world.make("ann", json!({ "state": { "cart": [1] }, "ttl": "1h" })).await;
    let named = |more: Json| {
        let mut input = json!({ "session_id": id });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let shown = world.call("ann", "session.show", named(json!({}))).await.unwrap();
    assert_eq!((&shown["state"], &shown["version"]), (&json!({ "cart": [1] }), &json!(1)));
    assert_eq!(shown["expires_at"], "2027-01-15T09:00:00.000Z");
    let patch = named(json!({ "patch": { "step": "pay" }, "version": 1 }));
    let patched = world.call("ann", "session.update", patch.clone()).await.unwrap();
    assert_eq!((&patched["state"], &patched["version"]), (&json!({ "cart": [1], "step": "pay" }), &json!(2)));
    assert_eq!(world.code("ann", "session.update", patch).await, "NX-2402");
    let replaced =
        world.call("ann", "session.update", named(json!({ "state": {}, "ttl": "2h" }))).await.unwrap();
    assert_eq!((&replaced["state"], &replaced["ttl_ms"]), (&json!({}), &json!(7_200_000)));
    assert_eq!(
        world.code("ann", "session.update", named(json!({ "state": {}, "patch": {} }))).await,
        "NX-2001"
    );
    assert_eq!(world.code("ann", "session.update", named(json!({}))).await, "NX-2001");
    assert_eq!(world.sessions.count(), 1);
    world.call("ann", "session.delete", named(json!({}))).await.unwrap();
    assert_eq!(world.code("ann", "session.show", named(json!({}))).await, "NX-2401");
    assert_eq!(world.sessions.count(), 0);
}

#[tokio::test]
async fn what_is_somebody_elses_ended_or_made_up_has_one_answer() {
    let world = world();
    let (hers, ended) = (world.make("ann", json!({})).await, world.make("bob", json!({ "ttl": "1s" })).await);
    world.clock.advance(Duration::from_secs(2));
    let made_up = SessionId::generate(&SeededRng::new(9));
    for verb in ["session.show", "session.update", "session.delete"] {
        let mut answers = Vec::new();
        for id in [&hers, &ended, &made_up] {
            let error = world.call("bob", verb, json!({ "session_id": id, "state": {} })).await.unwrap_err();
            answers.push(
                error.message().replace(id.as_str(), "ID") + error.help_text().unwrap() + error.code().id,
            );
        }
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    }
    for id in [&hers, &ended, &made_up] {
        assert_eq!(world.sessions.enter(&caller("bob"), id).await.unwrap_err().code().id, "NX-2401");
    }
    let bobs = world.call("bob", "session.list", json!({})).await.unwrap();
    assert_eq!(bobs, json!({ "sessions": [] }));
    assert!(world.sessions.enter(&caller("ann"), &hers).await.is_ok());
}

#[tokio::test]
async fn uses_prolong_a_session_and_cost_a_commit_a_minute() {
    let world = world();
    let id = world.make("ann", json!({ "ttl": "30m" })).await;
    let before = world.commits().await;
    for _ in 0..360 {
        world.clock.advance(Duration::from_secs(10));
        world.sessions.enter(&caller("ann"), &id).await.unwrap();
    }
    assert_eq!(world.commits().await - before - 1, 60, "an hour of a use every ten seconds");
    world.clock.advance(Duration::from_mins(29));
    world.sessions.enter(&caller("ann"), &id).await.unwrap();
    world.clock.advance(Duration::from_mins(32));
    assert!(world.sessions.enter(&caller("ann"), &id).await.is_err());
}

#[tokio::test]
async fn ended_sessions_are_swept_away_with_what_they_held() {
    let world = world();
    for ttl in ["1m", "1m", "1d"] {
        world.make("ann", json!({ "ttl": ttl, "state": { "a": 1 } })).await;
    }
    let shutdown = Shutdown::new();
    let sweeping = task::spawn(world.sessions.clone().sweep(shutdown.clone()));
    let minute = Duration::from_secs(SESSION_SWEEP_SECONDS);
    for _ in 0..3 {
        while world.clock.next_wake().is_none() {
            tokio::task::yield_now().await;
        }
        world.clock.advance(minute);
    }
    while world.sessions.count() != 1 {
        tokio::task::yield_now().await;
    }
    let left = world.store.kv_list(&Namespace::system(), "session/", None, 100).await.unwrap();
    assert_eq!(left.len(), 2, "a card and a content: {left:?}");
    shutdown.begin();
    sweeping.await.unwrap();
}

#[tokio::test]
async fn a_principal_has_so_many_sessions_and_ended_ones_make_room() {
    let world = world();
    world.make("ann", json!({ "ttl": "1m" })).await;
    for _ in 1..SESSIONS_PER_CALLER_MAX {
        world.make("ann", json!({})).await;
    }
    assert_eq!(world.code("ann", "session.create", json!({})).await, "NX-2405");
    world.make("bob", json!({})).await;
    world.clock.advance(Duration::from_mins(2));
    world.make("ann", json!({})).await;
    assert_eq!(world.code("ann", "session.create", json!({})).await, "NX-2405");
}

#[tokio::test]
async fn a_list_begins_with_what_was_used_last_and_shows_no_state() {
    let world = world();
    let first = world.make("ann", json!({ "state": { "secret": 1 } })).await;
    world.clock.advance(Duration::from_mins(1));
    let second = world.make("ann", json!({ "namespace": "shop" })).await;
    world.clock.advance(Duration::from_mins(5));
    world.sessions.enter(&caller("ann"), &first).await.unwrap();
    let listed = world.call("ann", "session.list", json!({})).await.unwrap();
    let ids: Vec<_> =
        listed["sessions"].as_array().unwrap().iter().map(|it| it["session_id"].clone()).collect();
    assert_eq!(ids, [json!(first), json!(second)]);
    assert!(!listed.to_string().contains("secret"));
    let shop = world.call("ann", "session.list", json!({ "namespace": "shop" })).await.unwrap();
    assert_eq!(shop["sessions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn work_of_another_namespace_does_not_find_the_session_it_carries() {
    let world = world();
    let id = world.make("ann", json!({ "namespace": "shop", "state": { "a": 1 } })).await;
    let (shop, bank) = (Namespace::new("shop").unwrap(), Namespace::new("bank").unwrap());
    let port: &dyn SessionsPort = &world.sessions;
    assert_eq!(port.get(&shop, &id).await.unwrap(), SessionState { state: json!({ "a": 1 }), version: 1 });
    assert_eq!(port.get(&bank, &id).await.unwrap_err().code().id, "NX-2401");
    let change = SessionChange::Merge(json!({ "b": 2 }));
    assert!(port.update(&bank, &id, change.clone(), None).await.is_err());
    let changed = port.update(&shop, &id, change, Some(1)).await.unwrap();
    assert_eq!(changed, SessionState { state: json!({ "a": 1, "b": 2 }), version: 2 });
}

#[tokio::test]
async fn changes_at_the_same_time_are_all_made() {
    let world = world();
    let id = world.make("ann", json!({})).await;
    let changes = (0..16).map(|number| {
        let input = json!({ "session_id": id, "patch": { number.to_string(): true } });
        world.call("ann", "session.update", input)
    });
    for changed in futures::future::join_all(changes).await {
        changed.unwrap();
    }
    let shown = world.call("ann", "session.show", json!({ "session_id": id })).await.unwrap();
    assert_eq!((shown["state"].as_object().unwrap().len(), &shown["version"]), (16, &json!(17)));
}

/// What a test does to a session.
#[derive(Debug, Clone)]
enum Step {
    Create { bob: bool, ttl_s: u64 },
    Show { bob: bool, which: usize },
    Patch { bob: bool, which: usize, version: Option<u64> },
    Delete { bob: bool, which: usize },
    Wait { seconds: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let (bob, which) = (any::<bool>(), 0..4_usize);
    prop_oneof![
        (bob, 1..100_u64).prop_map(|(bob, ttl_s)| Step::Create { bob, ttl_s }),
        (bob, which.clone()).prop_map(|(bob, which)| Step::Show { bob, which }),
        (bob, which.clone(), prop::option::of(1..4_u64)).prop_map(|(bob, which, version)| Step::Patch {
            bob,
            which,
            version
        }),
        (bob, which).prop_map(|(bob, which)| Step::Delete { bob, which }),
        (0..60_u64).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

/// What a session should be, by the simplest rules: written by hand to be compared with.
struct Model {
    id: SessionId,
    bob: bool,
    ttl_s: u64,
    used_s: u64,
    version: u64,
    deleted: bool,
}

impl Model {
    /// Whether somebody must find it, must not, or may do either: a use may be written down late.
    fn is_found(&self, bob: bool, now: u64) -> Option<bool> {
        let age_s = now - self.used_s;
        if self.deleted || self.bob != bob || age_s > self.ttl_s + self.ttl_s / 10 + 1 {
            return Some(false);
        }
        (age_s < self.ttl_s).then_some(true)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_course_of_things_goes_by_the_rules(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = world();
            let (mut models, start): (Vec<Model>, _) = (Vec::new(), world.clock.now());
            for step in steps {
                let now = world.clock.now().since(start).as_secs();
                let (bob, which, verb, input, version) = match step {
                    Step::Wait { seconds } => {
                        world.clock.advance(Duration::from_secs(seconds));
                        continue;
                    }
                    Step::Create { bob, ttl_s } => {
                        let id = world.make(name(bob), json!({ "ttl": format!("{ttl_s}s") })).await;
                        models.push(Model { id, bob, ttl_s, used_s: now, version: 1, deleted: false });
                        continue;
                    }
                    Step::Show { bob, which } => (bob, which, "session.show", json!({}), None),
                    Step::Patch { bob, which, version } => {
                        (bob, which, "session.update", json!({ "patch": { "n": now }, "version": version }), version)
                    }
                    Step::Delete { bob, which } => (bob, which, "session.delete", json!({}), None),
                };
                let count = models.len();
                let Some(model) = models.get_mut(which % count.max(1)) else { continue };
                let mut input = input;
                input["session_id"] = json!(model.id);
                let outcome = world.call(name(bob), verb, input).await;
                let found = !matches!(&outcome, Err(error) if error.code().id == "NX-2401");
                if let Some(expected) = model.is_found(bob, now) {
                    assert_eq!(found, expected, "{verb} at {now}");
                }
                if !found {
                    model.deleted |= model.bob == bob;
                    continue;
                }
                let conflicts = version.is_some_and(|version| version != model.version);
                assert_eq!(outcome.is_err(), conflicts, "{outcome:?}");
                model.deleted = verb == "session.delete";
                if !conflicts {
                    model.used_s = now;
                    model.version += u64::from(verb == "session.update");
                }
                if let (Ok(shown), false) = (&outcome, model.deleted) {
                    assert_eq!(shown["version"], json!(model.version));
                }
            }
        });
    }
}

fn name(bob: bool) -> &'static str {
    if bob { "bob" } else { "ann" }
}
