//! Queues over a clock that the test moves.

use super::*;
use crate::queue::record::{Paused, RateLimit};
use proptest::prelude::*;

fn name(task_queue: &str) -> QueueName {
    QueueName { namespace: Namespace::default(), task_queue: task_queue.to_owned() }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn add(queues: &mut Queues, queue: &str, priority: u32, now: Timestamp) -> u64 {
    let priority = Priority { key: priority, ..Priority::default() };
    let id = queues.enter(Task { queue: name(queue), priority, since: now }, now);
    queues.bind(id);
    id
}

fn granted(queues: &mut Queues, now: Timestamp) -> Vec<u64> {
    std::iter::from_fn(|| queues.grant(now)).map(|(id, _)| id).collect()
}

fn limited(per_second: f64, burst: u32) -> QueueConfig {
    let limit = RateLimit { burst: Some(burst), ..RateLimit::new(per_second) };
    QueueConfig { rate_limit: Some(limit), ..QueueConfig::default() }
}

#[test]
fn a_paused_queue_keeps_its_tasks_and_others_go_on() {
    let mut queues = Queues::new(10);
    let paused = Paused { at: at(0), reason: "maintenance".into() };
    queues.configure(&name("a"), QueueConfig { paused: Some(paused), ..QueueConfig::default() });
    let first = add(&mut queues, "a", 1, at(0));
    let other = add(&mut queues, "b", 5, at(0));
    assert_eq!(granted(&mut queues, at(0)), [other]);
    assert_eq!(queues.wake(at(0)), None, "time alone lets nobody go");
    let status = queues.status(&name("a"), at(9_000)).unwrap();
    assert_eq!(status.waiting, BTreeMap::from([(1, (1, at(0)))]));
    queues.configure(&name("a"), QueueConfig::default());
    assert_eq!(granted(&mut queues, at(9_000)), [first]);
}

#[test]
fn a_namespace_takes_no_more_places_than_it_may() {
    let mut queues = Queues::new(10);
    let of = |namespace: &str| QueueName {
        namespace: Namespace::new(namespace).unwrap(),
        task_queue: "a".to_owned(),
    };
    queues.cap(HashMap::from([(Namespace::new("small").unwrap(), 2)]));
    let mut enter = |name: QueueName| {
        let id = queues.enter(Task { queue: name, priority: Priority::default(), since: at(0) }, at(0));
        queues.bind(id);
        id
    };
    let small: Vec<_> = (0..4).map(|_| enter(of("small"))).collect();
    let large: Vec<_> = (0..4).map(|_| enter(of("large"))).collect();
    let mut begun = granted(&mut queues, at(0));
    begun.sort_unstable();
    assert_eq!(begun, [small[0], small[1], large[0], large[1], large[2], large[3]]);
    assert_eq!((queues.running(&Namespace::new("small").unwrap()), queues.wake(at(0))), (2, None));
    queues.done(&of("small"));
    assert_eq!(granted(&mut queues, at(0)), small[2..3]);
    queues.cap(HashMap::new());
    assert_eq!(granted(&mut queues, at(0)), small[3..]);
}

#[test]
fn a_limited_queue_gives_one_at_a_time_and_says_when() {
    let mut queues = Queues::new(10);
    queues.configure(&name("a"), limited(4.0, 2));
    let ids: Vec<_> = (0..4).map(|_| add(&mut queues, "a", 3, at(0))).collect();
    assert_eq!(granted(&mut queues, at(0)), ids[..2]);
    assert_eq!(queues.wake(at(0)), Some(at(250)));
    assert_eq!(granted(&mut queues, at(249)), [] as [u64; 0]);
    assert_eq!(granted(&mut queues, at(250)), ids[2..3]);
    queues.configure(&name("a"), QueueConfig::default());
    assert_eq!(granted(&mut queues, at(250)), ids[3..]);
    let status = queues.status(&name("a"), at(250)).unwrap();
    assert_eq!((status.running, status.waiting.len()), (4, 0));
    assert!((status.add_rate - 4.0 / 30.0).abs() < 1e-9 && (status.dispatch_rate - 4.0 / 30.0).abs() < 1e-9);
}

#[test]
fn a_rate_of_zero_lets_nobody_go() {
    let mut queues = Queues::new(1);
    queues.configure(&name("a"), limited(0.0, 1));
    add(&mut queues, "a", 3, at(0));
    assert_eq!(granted(&mut queues, at(1_000_000)), [] as [u64; 0]);
    assert_eq!(queues.wake(at(1_000_000)), None);
}

#[test]
fn what_nobody_implements_waits_beside_the_line() {
    let mut queues = Queues::new(1);
    let task = Task { queue: name("a"), priority: Priority::default(), since: at(0) };
    let unbound = queues.enter(task, at(0));
    let bound = add(&mut queues, "a", 3, at(1));
    assert_eq!(queues.status(&name("a"), at(1)).unwrap().unbound, 1);
    assert_eq!(granted(&mut queues, at(1)), [bound]);
    queues.bind(unbound);
    assert_eq!(granted(&mut queues, at(1)), [] as [u64; 0], "the only place is taken");
    queues.done(&name("a"));
    assert_eq!(granted(&mut queues, at(1)), [unbound]);
}

#[test]
fn queues_take_turns_and_the_urgent_go_first() {
    let mut queues = Queues::new(100);
    let a: Vec<_> = (0..3).map(|_| add(&mut queues, "a", 3, at(0))).collect();
    let b: Vec<_> = (0..2).map(|_| add(&mut queues, "b", 3, at(0))).collect();
    let urgent = add(&mut queues, "b", 1, at(0));
    assert_eq!(granted(&mut queues, at(0)), [urgent, a[0], b[0], a[1], b[1], a[2]]);
}

#[test]
fn queues_that_nothing_is_known_of_are_forgotten() {
    let mut queues = Queues::new(1_000_000);
    for tenant in 0..5_000 {
        let now = at(tenant * 1_000);
        let queue = format!("tenant-{tenant}");
        add(&mut queues, &queue, 3, now);
        for (_, name) in std::iter::from_fn(|| queues.grant(now)).collect::<Vec<_>>() {
            queues.done(&name);
        }
    }
    assert!(
        queues.backlogs.len() <= QUEUES_MIN && queues.served.len() <= QUEUES_MIN,
        "{}",
        queues.backlogs.len()
    );
    assert!(queues.busy.is_empty() && queues.tasks.is_empty());
    assert_eq!(queues.all(None, at(1_000_000_000)).len(), 0);
}

/// Something that happens to queues.
#[derive(Debug, Clone)]
enum Move {
    Add(u32, u32),
    Leave(usize),
    Done(usize),
    Pass(i64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => (0_u32..3, 1_u32..6).prop_map(|(queue, level)| Move::Add(queue, level)),
        1 => (0_usize..50).prop_map(Move::Leave),
        3 => (0_usize..50).prop_map(Move::Done),
        2 => (0_i64..400).prop_map(Move::Pass),
    ];
    prop::collection::vec(one, 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Places are never given out twice or lost, limits hold whatever happens, and who may go does go.
    #[test]
    fn places_and_limits_hold_whatever_happens(moves in moves()) {
        let mut queues = Queues::new(5);
        queues.configure(&name("1"), limited(10.0, 2));
        let paused = Paused { at: at(0), reason: String::new() };
        queues.configure(&name("2"), QueueConfig { paused: Some(paused), ..QueueConfig::default() });
        let (mut now, mut waiting, mut running, mut began) = (at(0), Vec::new(), Vec::new(), Vec::new());
        for step in moves {
            match step {
                Move::Add(queue, level) => waiting.push(add(&mut queues, &queue.to_string(), level, now)),
                Move::Leave(which) if !waiting.is_empty() => {
                    queues.leave(waiting.swap_remove(which % waiting.len()));
                }
                Move::Done(which) if !running.is_empty() => {
                    let name: QueueName = running.swap_remove(which % running.len());
                    queues.done(&name);
                }
                Move::Pass(ms) => now = at(now.millis() + ms),
                Move::Leave(_) | Move::Done(_) => {}
            }
            while let Some((id, queue)) = queues.grant(now) {
                waiting.retain(|it| *it != id);
                prop_assert!(queue != name("2"), "a paused queue gives nothing");
                if queue == name("1") {
                    began.push(now);
                }
                running.push(queue);
            }
            prop_assert_eq!(queues.free() + running.len(), 5);
            let left = |queue: &str| queues.status(&name(queue), now).map_or(0, |it| it.waiting.values().map(|it| it.0).sum());
            let all: usize = ["0", "1", "2"].map(left).iter().sum();
            prop_assert_eq!(all, waiting.len());
            if queues.free() > 0 {
                prop_assert_eq!(left("0"), 0, "nothing holds these up");
                prop_assert_eq!(left("1") > 0, queues.wake(now).is_some(), "it says when it goes on");
            }
        }
        for (first, from) in began.iter().enumerate() {
            for (last, to) in began.iter().enumerate().skip(first) {
                let most = 2.0 + 10.0 * to.since(*from).as_secs_f64();
                #[expect(clippy::cast_precision_loss, reason = "small figures")]
                let got = (last - first + 1) as f64;
                prop_assert!(got <= most + 1e-9);
            }
        }
    }
}

#[test]
fn a_program_limits_queues_where_no_operator_does() {
    let mut queues = Queues::new(10);
    let declared = |rate: Option<f64>, running_max| {
        let rate_limit = rate.map(|it| RateLimit { burst: Some(1), ..RateLimit::new(it) });
        HashMap::from([(name("a"), Declared { rate_limit, running_max })])
    };
    queues.declare(declared(Some(1.0), Some(2)));
    let ids: Vec<_> = (0..6).map(|_| add(&mut queues, "a", 3, at(0))).collect();
    assert_eq!(granted(&mut queues, at(0)), ids[..1]);
    assert_eq!(queues.wake(at(0)), Some(at(1_000)));
    queues.configure(&name("a"), limited(1_000.0, 9));
    assert_eq!(
        granted(&mut queues, at(1)),
        ids[1..2],
        "an operator's rate holds, and the program's number at once"
    );
    assert_eq!(queues.wake(at(1)), None, "time alone gives no place");
    queues.done(&name("a"));
    assert_eq!(granted(&mut queues, at(1)), ids[2..3]);
    queues.declare(declared(None, None));
    assert_eq!(granted(&mut queues, at(1)), ids[3..]);
}
