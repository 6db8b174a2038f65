//! Programs made by chance, in worlds made by chance: whatever they do, they do it again on replay.

use proptest::prelude::*;

use super::*;
use crate::twf::stub::Batch;

/// A block of statements as lines.
type Lines = Vec<String>;

fn indented(lines: &[String]) -> Lines {
    lines.iter().map(|line| format!("    {line}")).collect()
}

fn headed(head: &str, body: &[String]) -> Lines {
    std::iter::once(head.to_string()).chain(indented(body)).collect()
}

fn leaf() -> impl Strategy<Value = Lines> {
    let var = 0..4_u8;
    prop_oneof![
        (var.clone(), 0..9_u8).prop_map(|(v, n)| vec![format!("activity A({n}) -> v{v}")]),
        (var.clone(), var.clone()).prop_map(|(v, w)| vec![format!("v{v} = v{w} % 1000 + 1")]),
        (1..90_u8).prop_map(|s| vec![format!("await timer({s}s)")]),
        (var.clone(), 0..9_u8).prop_map(|(v, n)| vec![format!("workflow Kid({n}) -> v{v}")]),
        (var.clone(), 0..9_u8).prop_map(|(v, n)| {
            vec![
                format!("promise p <- activity B({n})"),
                "await timer(2s)".into(),
                format!("await p -> v{v}"),
            ]
        }),
        Just(vec!["set go".to_string()]),
        Just(vec!["unset go".to_string()]),
        Just(vec!["notes.append([v0, now(), random(50)])".to_string()]),
        (0..9_u8).prop_map(|n| vec![format!("if (v1 % 3 == {n}):"), "    raise Bad(\"made\")".into()]),
        Just(vec!["detach workflow Kid(1)".to_string()]),
    ]
}

fn block() -> impl Strategy<Value = Lines> {
    leaf().prop_recursive(4, 40, 4, |inner| {
        let some = prop::collection::vec(inner.clone(), 1..4).prop_map(|blocks| blocks.concat());
        let var = 0..4_u8;
        prop_oneof![
            some.clone(),
            (var.clone(), some.clone(), some.clone()).prop_map(|(v, then, otherwise)| {
                [headed(&format!("if (v{v} % 2 == 0):"), &then), headed("else:", &otherwise)].concat()
            }),
            (1..4_u8, some.clone()).prop_map(|(n, body)| headed(&format!("for (i in range({n})):"), &body)),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|branches| {
                let branches = branches.iter().map(|branch| headed("if (true):", branch));
                headed("await all:", &branches.collect::<Vec<_>>().concat())
            }),
            (1..4_u8, some.clone()).prop_map(|(n, body)| {
                headed(&format!("await all (x in range({n})) -> collected:"), &body)
            }),
            (0..9_u8, some.clone(), some.clone(), 1..60_u8).prop_map(|(n, a, b, s)| {
                let cases = [
                    headed(&format!("activity A({n}) -> v0:"), &a),
                    headed("go:", &b),
                    vec![format!("timer({s}s):"), "signal S -> v2:".into()],
                ];
                headed("await one:", &cases.concat())
            }),
            (some.clone(), some.clone(), some).prop_map(|(body, caught, last)| {
                [headed("try:", &body), headed("catch e: Bad:", &caught), headed("finally:", &last)].concat()
            }),
        ]
    })
}

fn text(body: &[String], handler: &[String]) -> String {
    let mut text = String::from(ACTIVITIES);
    text.push_str("\nworkflow Kid(n: int) -> (int):\n    await timer(3s)\n    close complete(n + 1)\n");
    text.push_str("\nworkflow W():\n    state:\n        condition go\n        notes = []\n        v0 = 0\n");
    text.push_str("        v1 = 1\n        v2 = 2\n        v3 = 3\n    signal S(x: int):\n        v3 = x\n");
    for line in indented(&indented(handler)) {
        text.extend([&line, "\n"]);
    }
    for line in indented(body) {
        text.extend([&line, "\n"]);
    }
    text.push_str("    close complete({v0, v1, v2, v3, notes, go})\n");
    text
}

/// What happens from outside: which activity calls fail, when signals and a cancellation arrive.
#[derive(Debug, Clone)]
struct World {
    failing: usize,
    signals: Vec<i64>,
    cancel: Option<i64>,
}

fn world() -> impl Strategy<Value = World> {
    let signals = prop::collection::vec(0..60_000_i64, 0..4);
    (2..7_usize, signals, prop::option::of(0..40_000_i64)).prop_map(|(failing, signals, cancel)| World {
        failing,
        signals,
        cancel,
    })
}

fn live(program: &Program, world: &World) -> Vec<Batch> {
    let mut host = StubHost::with_answers(program, |_, input, calls| {
        if calls % world.failing == world.failing - 1 {
            return Err(Box::new(Failure::application("Bad", "by chance")));
        }
        Ok(json!(input[0].as_i64().unwrap_or(0) * 3 + 1))
    });
    for at in &world.signals {
        host = host.after(*at, signal("S", json!(at % 10)));
    }
    if let Some(at) = world.cancel {
        host = host.after(at, cancel());
    }
    host.run("W", &json!({})).unwrap();
    host.batches().to_vec()
}

/// Lives through the batches once more, and checks it against rebuilding before each task and against snapshots.
fn verify(program: &Program, batches: &[Batch]) {
    let info = RunInfo { workflow_id: "w-1".into(), ..info("W") };
    let start = || Machine::start(program, info.clone(), &json!({})).unwrap();
    let mut living = start();
    for (at, batch) in batches.iter().enumerate().take(24) {
        let mut rebuilt = start();
        for earlier in &batches[..at] {
            let info = TaskInfo { replaying: true, ..earlier.info };
            rebuilt.task(program, &info, &earlier.events).unwrap();
        }
        let stored = serde_json::to_string(&living).unwrap();
        assert_eq!(stored, serde_json::to_string(&rebuilt).unwrap(), "state before task {at}");
        let mut thawed: Machine = serde_json::from_str(&stored).unwrap();
        let commands = living.task(program, &batch.info, &batch.events).unwrap();
        assert_eq!(commands, rebuilt.task(program, &batch.info, &batch.events).unwrap(), "task {at}");
        assert_eq!(commands, thawed.task(program, &batch.info, &batch.events).unwrap(), "snapshot {at}");
        assert_eq!(living, thawed);
    }
}

/// A text with some of its words replaced by others of the same text, and some of its lines moved inwards.
fn damaged(text: &str, cuts: &[(usize, usize)]) -> String {
    let mut words: Vec<&str> = text.split_inclusive([' ', '\n', '(', ')', ',', ':']).collect();
    for (at, from) in cuts {
        let (at, from) = (at % words.len(), from % words.len());
        words[at] = words[from];
    }
    words.concat()
}

/// Runs whatever can be made of a text, errors or not.
fn run_regardless(text: &str) {
    let mut sources = Sources::new();
    let id = sources.add("damaged.twf", text);
    let parsed = crate::twf::parser::parse(id, text);
    let (program, _) = Program::compile(&[(id, &parsed.unit)], &sources, true);
    let names: Vec<String> = program.runnable_names().map(str::to_string).collect();
    for name in names {
        let mut host =
            StubHost::with_answers(&program, |_, input, _| Ok(input.first().cloned().unwrap_or_default()))
                .after(1_000, signal("S", json!(1)))
                .after(9_000, cancel());
        // Faults and refusals are fine here: what counts is that there is an answer.
        let _ = host.run(&name, &json!({}));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_program_replays(body in block(), handler in leaf(), world in world()) {
        let text = text(&body, &handler);
        let program = compile(&text, true);
        let batches = live(&program, &world);
        verify(&program, &batches);
    }

    #[test]
    fn damaged_programs_have_an_answer_too(
        body in block(),
        handler in leaf(),
        cuts in prop::collection::vec((0..9_999_usize, 0..9_999_usize), 1..6),
    ) {
        run_regardless(&damaged(&text(&body, &handler), &cuts));
    }
}
