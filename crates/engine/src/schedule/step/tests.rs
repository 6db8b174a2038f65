//! What schedules do, on a clock that the tests move.

use nexus_kernel::failure::FailureKind;
use nexus_kernel::memory::rng::SeededRng;
use serde_json::json;

use super::*;

const START: &str = "2026-01-01T00:00:00Z";

/// A schedule with a world around it that does its errands.
struct World {
    schedule: Option<Schedule>,
    now: Timestamp,
    rng: SeededRng,
    /// Errands that have been seen, in words.
    log: Vec<String>,
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn definition(spec: Json, policies: Json) -> Definition {
    serde_json::from_value(json!({ "spec": spec, "action": { "workflow": "W" }, "policies": policies }))
        .unwrap()
}

fn create(definition: Definition, remaining_actions: Option<u64>) -> Request {
    let definition = Box::new(definition);
    Request::Create { id: "s".into(), definition, paused: false, note: String::new(), remaining_actions }
}

impl World {
    fn new(policies: Json, remaining: Option<u64>) -> World {
        let mut world = World { schedule: None, now: at(START), rng: SeededRng::new(3), log: Vec::new() };
        let hourly = json!({ "intervals": [{ "every": "1h" }] });
        world.tell(Happening::Request(create(definition(hourly, policies), remaining))).unwrap();
        world
    }

    fn tell(&mut self, happening: Happening) -> Result<(), Error> {
        let before = self.schedule.as_ref().map(Schedule::errands).unwrap_or_default();
        let (now, rng) = (self.now, &self.rng);
        let next = step(self.schedule.as_ref(), happening, now, || RunId::generate(now, rng))?;
        let Some(next) = next else { return Ok(()) };
        // The record is the whole schedule: what is read back is the same.
        let stored: Schedule = serde_json::from_slice(&serde_json::to_vec(&next).unwrap()).unwrap();
        assert_eq!(stored, next);
        for errand in next.errands().into_iter().filter(|it| !before.contains(it)) {
            self.log.push(match errand {
                Errand::Start { seq, workflow_id } => format!("start {seq} {workflow_id}"),
                Errand::Stop { seq, terminate, .. } => {
                    format!("{} {seq}", if terminate { "terminate" } else { "cancel" })
                }
            });
        }
        self.schedule = (!next.removed).then_some(next);
        Ok(())
    }

    /// Lets time pass, looking at the schedule whenever it wants to be looked at.
    fn until(&mut self, text: &str) -> &mut World {
        let end = at(text);
        while let Some(next) = self.schedule.as_ref().and_then(wake).filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.tell(Happening::Due).unwrap();
        }
        self.now = end;
        self
    }

    fn started(&mut self, seq: u64) -> &mut World {
        let run = RunId::generate(self.now, &self.rng);
        let key = super::super::key(nexus_kernel::id::Namespace::default(), "run").unwrap();
        self.tell(Happening::Started { seq, outcome: Ok((key, run)) }).unwrap();
        self
    }

    fn ended(&mut self, seq: u64) -> &mut World {
        self.tell(Happening::Ended { seq, outcome: Ok(json!(seq)) }).unwrap();
        self
    }

    fn failed(&mut self, seq: u64) -> &mut World {
        let failure = Failure::new(FailureKind::Application, "Broken", "it broke");
        self.tell(Happening::Ended { seq, outcome: Err(failure) }).unwrap();
        self
    }

    fn request(&mut self, request: Request) -> &mut World {
        self.tell(Happening::Request(request)).unwrap();
        self
    }

    fn log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    fn it(&self) -> &Schedule {
        self.schedule.as_ref().unwrap()
    }
}

#[test]
fn a_run_is_started_when_its_time_comes_and_skipped_while_another_runs() {
    let mut world = World::new(json!({}), None);
    assert_eq!(world.until("2026-01-01T01:00:00Z").log(), ["start 1 s-2026-01-01T01:00:00Z"]);
    world.started(1).until("2026-01-01T03:30:00Z");
    assert_eq!((world.log(), world.it().counts.overlap_skipped), (vec![], 2));
    assert_eq!(world.ended(1).until("2026-01-01T04:00:00Z").log(), ["start 2 s-2026-01-01T04:00:00Z"]);
    assert_eq!(world.it().last_result, json!(1));
    // News that comes twice, or for nobody, changes nothing.
    world.ended(1).started(9).ended(9);
    assert_eq!(world.it().running.len(), 1);
    // A run may end before the news of its start is here.
    world.ended(2).started(2);
    assert!(world.it().running.is_empty() && world.it().recent.iter().all(|it| it.run.is_some()));
}

#[test]
fn runs_wait_or_stop_others_as_the_policy_says() {
    let mut one = World::new(json!({ "overlap": "buffer_one" }), None);
    one.until("2026-01-01T01:00:00Z").started(1).until("2026-01-01T04:00:00Z").log();
    assert_eq!(one.ended(1).log(), ["start 2 s-2026-01-01T02:00:00Z"]);
    assert_eq!(one.started(2).ended(2).log(), Vec::<String>::new());

    let mut all = World::new(json!({ "overlap": "buffer_all" }), None);
    all.until("2026-01-01T03:00:00Z").started(1).log();
    assert_eq!(all.ended(1).log(), ["start 2 s-2026-01-01T02:00:00Z"]);
    assert_eq!(all.started(2).ended(2).log(), ["start 3 s-2026-01-01T03:00:00Z"]);

    let mut beside = World::new(json!({ "overlap": "allow_all" }), None);
    assert_eq!(beside.until("2026-01-01T03:00:00Z").log().len(), 3);

    for (policy, word) in [("cancel_other", "cancel 1"), ("terminate_other", "terminate 1")] {
        let mut other = World::new(json!({ "overlap": policy, "pause_on_failure": true }), None);
        // It is known only later which run it is that is to be stopped.
        other.until("2026-01-01T02:00:00Z").log();
        assert_eq!(other.started(1).log(), [word]);
        other.tell(Happening::Stopped { seq: 1 }).unwrap();
        assert_eq!(other.failed(1).log(), ["start 2 s-2026-01-01T02:00:00Z"]);
        assert!(!other.it().paused, "a run that was stopped for the next one has not failed");
    }
}

#[test]
fn what_is_too_late_is_missed_and_the_rest_made_up_for() {
    let mut world = World::new(json!({ "overlap": "buffer_all", "catchup_window": "2h30m" }), None);
    world.now = at("2026-01-01T10:00:00Z"); // the server was away
    world.until("2026-01-01T10:00:00Z");
    assert_eq!(world.log(), ["start 1 s-2026-01-01T08:00:00Z"]);
    assert_eq!((world.it().counts.missed_catchup_window, world.it().waiting.len()), (7, 2));
}

#[test]
fn a_pause_leaves_out_what_comes_meanwhile() {
    let mut world = World::new(json!({}), None);
    world.request(Request::Pause { paused: true, note: "holidays".into() });
    assert_eq!(world.until("2026-01-03T00:30:00Z").log(), Vec::<String>::new());
    assert!(wake(world.it()).is_none(), "a paused schedule sleeps and stays");
    // It can still be told to act.
    assert_eq!(world.request(Request::Trigger { overlap: None }).log(), ["start 1 s-2026-01-03T00:30:00Z"]);
    world.started(1).ended(1).request(Request::Pause { paused: false, note: String::new() });
    assert_eq!(world.until("2026-01-03T01:00:00Z").log(), ["start 2 s-2026-01-03T01:00:00Z"]);
}

#[test]
fn a_failure_pauses_when_that_is_wanted() {
    let mut world = World::new(json!({ "pause_on_failure": true, "overlap": "buffer_all" }), None);
    world.until("2026-01-01T02:00:00Z").started(1).failed(1).log();
    assert!(world.it().paused && world.it().note.contains("it broke"));
    world.request(Request::Pause { paused: false, note: "mended".into() });
    assert_eq!(world.log(), ["start 2 s-2026-01-01T02:00:00Z"], "what waited goes on");
    // A run that cannot be started has failed, too.
    let refused = Failure::new(FailureKind::Server, "NX-2002", "there is no such workflow");
    world.tell(Happening::Started { seq: 2, outcome: Err(refused) }).unwrap();
    assert!(world.it().paused && world.it().counts.not_started == 1 && world.it().running.is_empty());
}

#[test]
fn limited_schedules_end_and_are_removed_a_week_later() {
    let mut world = World::new(json!({}), Some(2));
    world.until("2026-01-01T01:00:00Z").started(1).ended(1).until("2026-01-01T05:00:00Z");
    assert_eq!(world.log().len(), 2);
    assert!(world.it().remove_at.is_none(), "a run of it is open");
    world.started(2).ended(2).until("2026-01-08T04:59:59Z");
    assert_eq!(world.it().remaining_actions, Some(0));
    assert!(world.until("2026-01-08T05:00:00Z").schedule.is_none());
}

#[test]
fn backfill_takes_the_actions_between_two_moments() {
    let mut world = World::new(json!({}), None);
    let between = |from: &str, to: &str| Request::Backfill {
        from: at(from),
        to: at(to),
        overlap: Some(Overlap::BufferAll),
    };
    world.request(between("2025-12-31T10:00:00Z", "2025-12-31T12:00:00Z"));
    assert_eq!(
        (world.log(), world.it().waiting.len()),
        (vec!["start 1 s-2025-12-31T10:00:00Z".to_string()], 2)
    );
    let far = world.tell(Happening::Request(between("2020-01-01T00:00:00Z", "2025-12-31T12:00:00Z")));
    assert_eq!(far.unwrap_err().code().id, "NX-2102");
}

#[test]
fn changes_are_checked() {
    let mut world = World::new(json!({}), None);
    let daily = definition(json!({ "cron": ["@daily"] }), json!({}));
    let update = |version| Request::Update { definition: Box::new(daily.clone()), version };
    assert_eq!(world.tell(Happening::Request(update(Some(7)))).unwrap_err().code().id, "NX-2103");
    assert_eq!(
        world.request(update(Some(1))).until("2026-01-02T00:00:00Z").log(),
        ["start 1 s-2026-01-02T00:00:00Z"]
    );
    let again = world.tell(Happening::Request(create(daily, None)));
    assert_eq!(again.unwrap_err().code().id, "NX-2104");
    for (spec, policies, expected) in [
        (json!({ "calendars": [{ "year": 2020 }] }), json!({}), "would never act"),
        (json!({ "cron": ["@daily"], "end_at": "2020-01-01T00:00:00Z" }), json!({}), "would never act"),
        (json!({ "cron": ["0 0 30 2 *"] }), json!({}), "would never act"),
        (json!({}), json!({}), "needs `intervals`"),
        (json!({ "cron": ["@daily"] }), json!({ "catchup_window": "1s" }), "shorter than 10 s"),
    ] {
        let request = Request::Update { definition: Box::new(definition(spec, policies)), version: None };
        let error = world.tell(Happening::Request(request)).unwrap_err();
        assert!(error.to_string().contains(expected) && error.code().id == "NX-2102", "{error}");
    }
    world.request(Request::Delete);
    assert!(world.schedule.is_none());
    assert_eq!(world.tell(Happening::Request(Request::Show)).unwrap_err().code().id, "NX-2101");
}
