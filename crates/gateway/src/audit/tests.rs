//! What tests of the audit log share, and tests of the log as a whole.

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::access::{Act, Action, Grant, Grants, Pattern, Places};
use nexus_kernel::call::{Answer, CallContext, Channel};
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::segments::MemorySegments;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::testing::segments_contract::FullSegments;
use nexus_kernel::time::Timestamp;
use nexus_kernel::verb::Verb;
use nexus_kernel::{BoxFuture, Json};
use proptest::prelude::*;

use super::chain::{Head, seal, unseal};
use super::list::{Sight, Wanted, newest, oldest};
use super::log::{AuditLog, AuditOptions};
use super::record::{CallLine, Line, What};
use super::verify::{Verdict, verify};
use super::writer::anchor;
use crate::limits::AUDIT_LINGER_MILLIS;

/// An operation that gives its input back.
pub(super) fn operation(name: &str, effect: Effect) -> Operation {
    let handler = |input: Json, _: CallContext| -> BoxFuture<'static, Result<Answer, Error>> {
        Box::pin(async { Ok(Answer::of(input)) })
    };
    let (input, output) = (Json::Bool(true), Json::Bool(true));
    let verb = Verb { name: "test.verb", title: "", doc: "", effect, input, output };
    Operation { name: name.to_owned(), ..verb.with(Arc::new(handler)) }
}

/// What a log is kept in.
struct World {
    held: MemorySegments,
    segments: FullSegments,
    store: Arc<MemoryStore>,
    clock: SimClock,
}

impl World {
    fn new() -> World {
        let held = MemorySegments::new();
        let segments = FullSegments::over(held.clone());
        let clock = SimClock::at(Timestamp::from_millis(1_700_000_000_000));
        World { held, segments, store: Arc::new(MemoryStore::new()), clock }
    }

    async fn open(&self, options: AuditOptions) -> AuditLog {
        let (segments, clock) = (Arc::new(self.segments.clone()), Arc::new(self.clock.clone()));
        AuditLog::open(segments, self.store.clone(), clock, options).await.unwrap()
    }

    async fn verify(&self) -> Verdict {
        verify(&self.held, anchor(&*self.store).await.unwrap(), None).await.unwrap()
    }

    fn lines(&self) -> Vec<Line> {
        let held = self.held.lock();
        let texts = held.values().flat_map(|bytes| bytes.split(|byte| *byte == b'\n'));
        texts.filter(|text| !text.is_empty()).map(|text| unseal(text).unwrap().0).collect()
    }
}

fn call(number: u64) -> CallLine {
    let namespace = Some(if number.is_multiple_of(2) { "shop" } else { "bank" }.to_owned());
    CallLine { request_id: format!("r-{number}"), namespace, ..CallLine::default() }
}

fn is_call(line: &Line) -> bool {
    line.what.call().is_some()
}

#[tokio::test]
async fn what_was_told_is_there_after_a_restart_and_holds() {
    let world = World::new();
    for round in 0..3 {
        let log = world.open(AuditOptions::default()).await;
        log.note(What::Begin(call(round)));
        log.durably(What::End(call(round))).await.unwrap();
        log.note(What::Begin(call(100 + round)));
        log.close().await;
    }
    let verdict = world.verify().await;
    assert_eq!((verdict.fault, verdict.segments), (None, 1));
    let kinds = world.lines();
    assert_eq!(kinds.iter().filter(|line| is_call(line)).count(), 9);
    assert_eq!(kinds.iter().filter(|line| line.what == What::Closed).count(), 3);
}

#[tokio::test]
async fn lines_that_nobody_waits_for_share_a_write() {
    let world = World::new();
    let log = world.open(AuditOptions::default()).await;
    let before = log.shared().head().unwrap();
    for number in 0..50 {
        log.note(What::End(call(number)));
        tokio::task::yield_now().await;
    }
    assert_eq!(log.shared().head(), Some(before.clone()), "they wait for others");
    while world.clock.next_wake().is_none() {
        tokio::task::yield_now().await;
    }
    world.clock.advance(Duration::from_millis(AUDIT_LINGER_MILLIS));
    while log.shared().head().as_ref() == Some(&before) {
        tokio::task::yield_now().await;
    }
    assert_eq!(log.shared().head().unwrap().next, before.next + 50);
}

/// The disk is full after every possible number of bytes: what is refused was not promised, what was promised is there, and
/// what was lost is counted.
#[tokio::test]
async fn a_full_disk_refuses_changes_and_is_told_of_afterwards() {
    for room in (0..2_600).step_by(37) {
        let world = World::new();
        let log = world.open(AuditOptions { segment_bytes: 1_000, ..AuditOptions::default() }).await;
        world.segments.room(Some(room));
        let mut promised = Vec::new();
        for number in 0..8 {
            log.note(What::Begin(call(number)));
            match log.durably(What::Begin(call(1_000 + number))).await {
                Ok(()) => promised.push(format!("r-{}", 1_000 + number)),
                Err(error) => assert_eq!(error.code().id, "NX-2081"),
            }
        }
        let is_full = promised.len() < 8;
        assert_eq!(log.check().is_err(), is_full, "{room}");
        world.segments.room(None);
        log.durably(What::End(call(9))).await.unwrap();
        assert_eq!(log.check(), Ok(()));
        log.close().await;
        assert_eq!(world.verify().await.fault, None, "{room}");
        let lines = world.lines();
        let has = |id: &String| {
            lines.iter().any(|line| line.what.call().is_some_and(|call| call.request_id == *id))
        };
        assert!(promised.iter().all(has), "{room}");
        let lost: u64 =
            lines.iter().map(|line| if let What::Lost { count, .. } = line.what { count } else { 0 }).sum();
        let ordinary = |line: &&Line| {
            line.what.call().is_some_and(|it| it.request_id.len() == 3 && it.request_id != "r-9")
        };
        assert_eq!(lines.iter().filter(ordinary).count() as u64 + lost, 8, "{room}");
    }
}

#[tokio::test]
async fn old_files_go_as_a_whole_and_the_log_says_so() {
    let world = World::new();
    let day = Duration::from_hours(24);
    let log = world.open(AuditOptions { retention: Some(3 * day), ..AuditOptions::default() }).await;
    for number in 0..8 {
        log.durably(What::End(call(number))).await.unwrap();
        world.clock.advance(day);
    }
    log.close().await;
    let verdict = world.verify().await;
    assert_eq!((verdict.fault, verdict.segments), (None, 5), "{:?}", world.lines());
    let retired = world.lines().iter().filter(|line| matches!(line.what, What::Retired { .. })).count();
    assert!(retired > 1);
    let first = *world.held.lock().keys().next().unwrap();
    world.held.lock().remove(&first);
    let fault = world.verify().await.fault.unwrap();
    assert!(fault.why.contains("nothing says that they were removed in order"), "{fault:?}");
}

#[tokio::test]
async fn files_that_are_taken_away_at_the_end_are_missed() {
    let world = World::new();
    let small = AuditOptions { segment_bytes: 1, ..AuditOptions::default() };
    let log = world.open(small).await;
    for number in 0..5 {
        log.durably(What::End(call(number))).await.unwrap();
    }
    log.close().await;
    let last = *world.held.lock().keys().next_back().unwrap();
    world.held.lock().remove(&last);
    assert!(world.verify().await.fault.unwrap().why.contains("were written and are missing"));
    let log = world.open(small).await;
    log.close().await;
    let fault = world.verify().await.fault.unwrap();
    assert!(fault.why.contains("are missing before it"), "a server that went on hides nothing: {fault:?}");
    assert!(world.lines().iter().any(|line| matches!(line.what, What::Missing { .. })));
}

#[tokio::test]
async fn a_folder_that_is_gone_as_a_whole_is_missed() {
    let world = World::new();
    let log = world.open(AuditOptions::default()).await;
    log.close().await;
    world.held.lock().clear();
    assert!(world.verify().await.fault.is_some());
    world.open(AuditOptions::default()).await.close().await;
    assert!(world.lines().iter().any(|line| matches!(line.what, What::Missing { from: 0, .. })));
    assert!(world.verify().await.fault.is_some(), "and stays so");
}

#[tokio::test]
async fn a_line_that_was_changed_stays_as_it_is_and_the_log_goes_on() {
    let world = World::new();
    let log = world.open(AuditOptions::default()).await;
    for number in 0..5 {
        log.durably(What::End(call(number))).await.unwrap();
    }
    log.close().await;
    let changed = {
        let mut held = world.held.lock();
        let bytes = held.get_mut(&0).unwrap();
        let at = bytes.windows(3).position(|it| it == b"r-3").unwrap();
        bytes[at + 2] = b'4';
        bytes.clone()
    };
    let log = world.open(AuditOptions::default()).await;
    log.durably(What::End(call(7))).await.unwrap();
    log.close().await;
    assert_eq!(world.held.lock()[&0], changed, "evidence is left alone");
    let fault = world.verify().await.fault.unwrap();
    assert_eq!((fault.segment, fault.line), (0, 6), "{fault:?}");
    let newer = world.held.lock().values().nth(1).unwrap().clone();
    assert!(String::from_utf8(newer).unwrap().contains("\"kind\":\"broken\",\"segment\":0,\"line\":6"));
}

/// A crash cuts the last line anywhere: that is mended, said, and no fault.
#[tokio::test]
async fn a_line_that_a_crash_has_torn_is_mended_and_told() {
    let world = World::new();
    let log = world.open(AuditOptions::default()).await;
    log.durably(What::End(call(1))).await.unwrap();
    let before = world.held.lock()[&0].clone();
    log.durably(What::End(call(2))).await.unwrap();
    let after = world.held.lock()[&0].clone();
    for cut in before.len()..after.len() {
        let crashed = World::new();
        crashed.held.lock().insert(0, after[..cut].to_vec());
        let torn = (cut - before.len()) as u64;
        assert_eq!(crashed.verify().await.torn_bytes, torn);
        crashed.open(AuditOptions::default()).await.close().await;
        assert_eq!(crashed.verify().await.fault, None);
        let told = crashed.lines().iter().any(|line| line.what == What::Mended { bytes: torn });
        assert_eq!(told, torn > 0, "{cut}");
    }
}

#[tokio::test]
async fn a_flood_of_refusals_is_a_few_lines() {
    let world = World::new();
    let log = world.open(AuditOptions::default()).await;
    let mut refuse = |number: u32| {
        let line = CallLine { caller: "anonymous".into(), ..CallLine::default() };
        log.refused(Some(std::net::Ipv4Addr::from(number % 500).into()), "NX-2015", line);
    };
    (0..10_000).for_each(&mut refuse);
    log.close().await;
    let lines = world.lines();
    assert!(lines.len() < 100, "{}", lines.len());
    let told = |line: &Line| match line.what {
        What::RefusedAgain { count, .. } => count,
        What::Refused(_) => 1,
        _ => 0,
    };
    assert_eq!(lines.iter().map(told).sum::<u64>(), 10_000);
}

#[tokio::test]
async fn lines_of_other_namespaces_are_not_seen() {
    let world = World::new();
    let log = world.open(AuditOptions::default()).await;
    for number in 0..6 {
        log.note(What::End(call(number)));
    }
    log.note(What::End(CallLine { request_id: "server".into(), ..CallLine::default() }));
    log.close().await;
    let seen = async |permissions: &[(&str, &str)]| {
        let grant = |(pattern, namespace): &(&str, &str)| Grant {
            pattern: Pattern::parse(pattern).unwrap(),
            places: Places::one(Namespace::new(namespace).unwrap()),
            source: "a test".into(),
            condition: None,
        };
        let grants = Grants::new(permissions.iter().map(grant).collect());
        let reach = grants.reach(Act { resource: "audit", action: Action::Read });
        let mut context = CallContext { reach, ..CallContext::new(Channel::Rest, "r") };
        context.caller.grants = Arc::new(grants);
        let wanted = Wanted { limit: 100, ..Wanted::default() };
        let page = newest(&world.held, &wanted, &Sight::of(&context)).await.unwrap();
        let of = |line: &Line| line.what.call().map(|call| call.request_id.clone());
        page.lines.iter().filter_map(|(line, _)| of(line)).collect::<Vec<_>>()
    };
    assert_eq!(seen(&[("namespace:*", "shop")]).await, ["r-4", "r-2", "r-0"]);
    assert_eq!(seen(&[("audit:read", "bank")]).await, ["r-5", "r-3", "r-1"]);
    assert!(seen(&[("workflow:*", "shop"), ("audit:some:read", "shop")]).await.is_empty());
    assert_eq!(seen(&[("admin:*", "shop")]).await.len(), 7);
}

#[tokio::test]
async fn pages_leave_nothing_out() {
    let world = World::new();
    let log = world.open(AuditOptions { segment_bytes: 700, ..AuditOptions::default() }).await;
    for number in 0..40 {
        log.durably(What::End(call(number))).await.unwrap();
    }
    log.close().await;
    let all = world.lines();
    let (mut newest_first, mut beyond) = (Vec::new(), None);
    loop {
        let wanted = Wanted { beyond, limit: 7, ..Wanted::default() };
        let page = newest(&world.held, &wanted, &Sight::everything()).await.unwrap();
        newest_first.extend(page.lines.into_iter().map(|(line, _)| line));
        beyond = page.next;
        if beyond.is_none() {
            break;
        }
    }
    newest_first.reverse();
    assert_eq!(newest_first, all);
    let (mut oldest_first, mut beyond) = (Vec::new(), None);
    loop {
        let page = oldest(&world.held, &Wanted { beyond, limit: 7, ..Wanted::default() }).await.unwrap();
        oldest_first.extend(page.lines.iter().map(|line| unseal(line.as_bytes()).unwrap().0));
        beyond = page.next;
        if beyond.is_none() {
            break;
        }
    }
    assert_eq!(oldest_first, all);
}

/// A change of a log, by the number of a line.
#[derive(Debug, Clone)]
enum Change {
    Byte(usize, usize, u8),
    Delete(usize),
    Swap(usize),
    Repeat(usize),
    Cut(usize),
}

impl Change {
    /// Makes it, and gives how many lines still hold.
    fn make(&self, lines: &mut Vec<Vec<u8>>) -> usize {
        let last = lines.len() - 1;
        match *self {
            Change::Byte(line, at, bits) => {
                let line = line.min(last);
                let at = at % lines[line].len();
                lines[line][at] ^= bits;
                line
            }
            Change::Delete(line) => {
                lines.remove(line.min(last));
                line.min(last)
            }
            Change::Swap(line) => {
                let line = line.min(last - 1);
                lines.swap(line, line + 1);
                line
            }
            Change::Repeat(line) => {
                let copy = lines[line.min(last)].clone();
                lines.insert(line.min(last) + 1, copy);
                line.min(last) + 1
            }
            Change::Cut(line) => {
                lines.truncate(line.min(last));
                line.min(last)
            }
        }
    }
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0_usize..60, 0_usize..400, 1_u8..255).prop_map(|(line, at, bits)| Change::Byte(line, at, bits)),
        (0_usize..60).prop_map(Change::Delete),
        (0_usize..60).prop_map(Change::Swap),
        (0_usize..60).prop_map(Change::Repeat),
        (0_usize..60).prop_map(Change::Cut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Any lines in any files hold; with any one change they do not, and the first line that does not is named.
    #[test]
    fn any_lines_hold_and_with_any_change_they_do_not(
        // Whether each line begins a new file.
        begins in proptest::collection::vec(proptest::bool::weighted(0.2), 2..60),
        change in changes(),
    ) {
        let (mut head, mut files, mut lines) = (Head::start(), Vec::new(), Vec::new());
        for (number, begins) in (0..).zip(&begins) {
            let is_first = *begins || number == 0;
            files.extend(is_first.then_some(number));
            let what = if is_first { What::Segment } else { What::End(call(number)) };
            let mut line = Vec::new();
            seal(&mut head, Timestamp::from_millis(i64::try_from(number).unwrap()), what, &mut line).unwrap();
            lines.push(line);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let judge = |lines: &[Vec<u8>]| {
            let held = MemorySegments::new();
            // Each line stays in the file that its place is in.
            for (at, line) in (0..).zip(lines) {
                let file = *files.iter().rev().find(|first| **first <= at).unwrap();
                held.lock().entry(file).or_default().extend_from_slice(line);
            }
            runtime.block_on(verify(&held, Some(head.clone()), None)).unwrap()
        };
        let sound = judge(&lines);
        prop_assert_eq!((sound.fault, sound.lines), (None, lines.len() as u64));
        let holding = change.make(&mut lines);
        let verdict = judge(&lines);
        prop_assert!(verdict.fault.is_some(), "{:?}", change);
        // A log may begin later than it once did, where its first files are retired: that nothing says so shows at its end.
        if holding > 0 {
            prop_assert_eq!(verdict.lines, holding as u64, "{:?} {:?}", change, verdict.fault);
        }
    }
}
