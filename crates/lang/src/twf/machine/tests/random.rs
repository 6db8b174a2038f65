//! Programs made by chance, in worlds made by chance: whatever they do, they do it again on replay.

use proptest::prelude::*;

use super::world::{Batch, Life, World};
use super::*;

/// A block of statements as lines.
type Lines = Vec<String>;

fn indented(lines: &[String]) -> Lines {
    lines.iter().map(|line| format!("    {line}")).collect()
}

fn headed(head: &str, body: &[String]) -> Lines {
    std::iter::once(head.to_string()).chain(indented(body)).collect()
}

fn lines(text: &str) -> Lines {
    text.lines().map(str::to_string).collect()
}

fn leaf() -> impl Strategy<Value = Lines> {
    prop_oneof![plain_leaf(), waiting_leaf(), handle_leaf()]
}

fn plain_leaf() -> impl Strategy<Value = Lines> {
    let var = 0..4_u8;
    prop_oneof![
        (var.clone(), var.clone()).prop_map(|(v, w)| vec![format!("v{v} = v{w} % 1000 + 1")]),
        (var.clone(), 0..9_u8).prop_map(|(v, n)| vec![format!("box.n{n} = v{v}"), "box.all.append(now())".into()]),
        Just(lines("set go")),
        Just(lines("unset go")),
        Just(lines("notes.append([v0, now(), random(50)])")),
        Just(lines("set_memo({v0})\nlog(\"so far\", v1)")),
        (0..9_u8).prop_map(|n| lines(&format!("if (v1 % 3 == {n}):\n    raise Bad(\"made\", v0)"))),
        (0..7_u8).prop_map(|n| {
            lines(&format!(
                "if (v0 % 7 == {n}):\n    try:\n        close complete([v0, \"early\"])\n    finally:\n        activity A(v0)"
            ))
        }),
        (0..7_u8).prop_map(|n| lines(&format!("if (round < 2 and v1 % 7 == {n}):\n    close continue_as_new(round + 1)"))),
        (0..7_u8).prop_map(|n| lines(&format!("if (v2 % 7 == {n}):\n    close fail(Sad{{message: \"made\", v2}})"))),
    ]
}

fn waiting_leaf() -> impl Strategy<Value = Lines> {
    let var = 0..4_u8;
    prop_oneof![
        (var.clone(), 0..9_u8).prop_map(|(v, n)| vec![format!("activity A({n}) -> v{v}")]),
        (var.clone(), 0..9_u8).prop_map(|(v, n)| {
            lines(&format!(
                "activity B({n}) -> caught\n    options:\n        on_failure: capture\nv{v} = 1 if caught.failed else 2"
            ))
        }),
        (0..90_u8).prop_map(|s| vec![format!("await timer({s}s)")]),
        (var.clone(), 0..9_u8).prop_map(|(v, n)| vec![format!("workflow Kid({n}) -> v{v}")]),
        Just(lines("detach workflow Kid(1)")),
        (1..60_u8).prop_map(|s| lines(&format!("await one:\n    go:\n        v0 += 1\n    timer({s}s):"))),
        (1..60_u8).prop_map(|s| {
            lines(&format!("await one:\n    (v0 + v3 > 12):\n        v0 = 0\n    timer({s}s):\n        v3 += 2"))
        }),
        (1..60_u8).prop_map(|s| lines(&format!("await one:\n    signal S -> v2:\n    timer({s}s):"))),
        (1..60_u8).prop_map(|s| lines(&format!("await one:\n    update U -> v1:\n    timer({s}s):"))),
        (1..60_u8).prop_map(|s| lines(&format!("await one:\n    all_handlers_finished:\n    timer({s}s):"))),
        (0..9_u8).prop_map(|n| lines(&format!("await one:\n    detach workflow Kid({n}):\n        v0 += 1\n    timer(1s):"))),
        Just(lines("signal external Other(\"there\").Poke(v0)")),
    ]
}

fn handle_leaf() -> impl Strategy<Value = Lines> {
    let var = 0..4_u8;
    let kind = prop_oneof![Just("try_cancel"), Just("wait_cancellation_completed"), Just("abandon"),];
    prop_oneof![
        (var.clone(), 0..9_u8)
            .prop_map(|(v, n)| lines(&format!("promise p <- activity B({n})\nawait timer(2s)\nawait p -> v{v}"))),
        (var.clone(), 0..9_u8).prop_map(|(v, n)| {
            lines(&format!("promise box.h <- activity A({n})\nv0 += 1\nawait box.h -> v{v}\nawait box.h"))
        }),
        (0..9_u8, 1..30_u8, kind).prop_map(|(n, s, kind)| {
            lines(&format!(
                "promise c <- activity A({n})\n    options:\n        cancellation_type: {kind}\npromise t <- timer({s}s)\n\
                 cancel c\ncancel t\ntry:\n    await t\ncatch e: Canceled:\n    try:\n        await c -> v0\n    catch x: Canceled:\n        v1 += 1"
            ))
        }),
        (1..5_u8, 1..9_u8).prop_map(|(n, s)| {
            lines(&format!(
                "ps = []\nfor (i in range({n})):\n    promise q <- activity A(i)\n    ps.append(q)\npromise m <- timer({s}s)\n\
                 for await (r in ps):\n    v0 += r % 10\n    if (v0 % 3 == 0):\n        continue\n    await m\nps.append(m)\nawait all ps -> got"
            ))
        }),
        (0..9_u8).prop_map(|n| {
            lines(&format!("promise kid <- workflow Kid({n})\nsignal kid.Poke(v1)\nv1 += 1\nawait kid -> v3"))
        }),
        (1..40_u8).prop_map(|s| {
            lines(&format!("promise s <- signal S\nawait one:\n    s -> v2:\n    timer({s}s):\n        cancel s"))
        }),
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
            (var.clone(), some.clone(), some.clone()).prop_map(|(v, one, other)| {
                let cases = [headed("case 0, 1:", &one), headed("else:", &other)].concat();
                headed(&format!("switch (v{v} % 3):"), &cases)
            }),
            (1..4_u8, some.clone()).prop_map(|(n, body)| headed(&format!("for (i in range({n})):"), &body)),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|branches| {
                let branches = branches.iter().map(|branch| headed("if (true):", branch));
                headed("await all:", &branches.collect::<Vec<_>>().concat())
            }),
            (1..4_u8, some.clone()).prop_map(|(n, body)| {
                let body =
                    [lines("box.all.append(x)\nmine = x * 2\nif (x == 2):\n    continue"), body].concat();
                headed(&format!("await all (x in range({n})) -> collected:"), &body)
            }),
            (0..9_u8, some.clone(), some.clone(), 1..60_u8).prop_map(|(n, a, b, s)| {
                let cases = [
                    headed(&format!("activity A({n}) -> v0:"), &a),
                    headed("go:", &b),
                    headed("await all:", &lines("activity A(7)\nawait timer(40s)")),
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

/// The parts of a program that are made by chance.
#[derive(Debug, Clone)]
struct Parts {
    body: Lines,
    signal: Lines,
    update: Lines,
    on_cancel: Option<Lines>,
    cancels_losers: bool,
}

fn parts() -> impl Strategy<Value = Parts> {
    (block(), leaf(), block(), prop::option::of(leaf()), any::<bool>()).prop_map(
        |(body, signal, update, on_cancel, cancels_losers)| Parts {
            body,
            signal,
            update,
            on_cancel,
            cancels_losers,
        },
    )
}

fn text(parts: &Parts) -> String {
    let mut text = String::from(if parts.cancels_losers { "# twf: race_losers=cancel\n" } else { "" });
    text.push_str(ACTIVITIES);
    text.push_str(
        "
workflow Kid(n: int) -> (int):
    signal Poke(x: int):
        pass
    await timer(3s)
    close complete(n + 1)

workflow W(round: int):
    state:
        condition go
        notes = []
        box = {all: [], h: null}
        v0 = 0
        v1 = 1
        v2 = 2
        v3 = 3
    signal S(x: int):
        v3 = x
",
    );
    let mut add = |depth: usize, lines: &[String]| {
        for line in lines {
            text.extend([&"    ".repeat(depth), line, "\n"]);
        }
    };
    add(2, &parts.signal);
    add(
        1,
        &lines(
            "update U(x: int) -> (any):\n    validator:\n        v0 = 99\n        if (x > 7):\n            reject \"too large\"",
        ),
    );
    add(2, &parts.update);
    add(
        2,
        &lines(
            "await all:\n    if (x % 2 == 0):\n        await timer(1s)\n        return [update.id, v0]\n    activity A(x) -> v1\nreturn v1",
        ),
    );
    add(
        1,
        &lines(
            "query Q(n: int = 1) -> (any):\n    box.all.append(n)\n    v0 += n\n    return [v0, v1, len(box.all), go]",
        ),
    );
    if let Some(block) = &parts.on_cancel {
        add(1, &headed("on_cancel:", block));
    }
    add(1, &parts.body);
    add(1, &lines("close complete({v0, v1, v2, v3, notes, go, box: box.all})"));
    text
}

fn world() -> impl Strategy<Value = World> {
    let signals = prop::collection::vec(0..60_000_i64, 0..4);
    let updates = prop::collection::vec((0..60_000_i64, 0..10_i64), 0..3);
    (2..7_usize, signals, updates, prop::option::of(0..40_000_i64))
        .prop_map(|(failing, signals, updates, cancel)| World { failing, signals, updates, cancel })
}

/// Lives through the batches once more, and checks it against rebuilding before each task and against snapshots.
fn verify(program: &Program, life: &Life, cuts: &[usize]) {
    let mut living = life.start(program);
    for (at, Batch { info, events, commands }) in life.batches.iter().enumerate() {
        let stored = serde_json::to_string(&living).unwrap();
        if at < 16 || cuts.contains(&at) {
            let mut rebuilt = life.start(program);
            for earlier in &life.batches[..at] {
                let info = TaskInfo { replaying: true, ..earlier.info };
                rebuilt.task(program, &info, &earlier.events).unwrap();
            }
            assert_eq!(stored, serde_json::to_string(&rebuilt).unwrap(), "state before task {at}");
            assert_eq!(commands, &rebuilt.task(program, info, events), "task {at}");
        }
        let mut thawed: Machine = serde_json::from_str(&stored).unwrap();
        assert_eq!(living, thawed, "stored before task {at}");
        let asked = living.query(program, "Q", &json!({"n": at}));
        assert_eq!(asked, thawed.query(program, "Q", &json!({"n": at})));
        assert_eq!(living, thawed, "a query changes nothing");
        assert_eq!(commands, &thawed.task(program, info, events), "snapshot {at}");
        if cuts.contains(&at) {
            living = thawed;
        } else {
            assert_eq!(commands, &living.task(program, info, events), "task {at} once more");
            if commands.is_ok() {
                assert_eq!(living, thawed, "after task {at}");
            }
        }
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
                .after(2_000, Event::Updated { id: "u".into(), name: "U".into(), input: json!(4) })
                .after(9_000, cancel());
        // Faults and refusals are fine here: what counts is that there is an answer.
        let _ = host.run(&name, &json!({}));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_program_replays(
        parts in parts(),
        world in world(),
        cuts in prop::collection::vec(0..60_usize, 0..6),
    ) {
        let program = compile(&text(&parts), true);
        for life in world.lives(&program) {
            verify(&program, &life, &cuts);
        }
    }

    #[test]
    fn damaged_programs_have_an_answer_too(
        parts in parts(),
        cuts in prop::collection::vec((0..9_999_usize, 0..9_999_usize), 1..6),
    ) {
        run_regardless(&damaged(&text(&parts), &cuts));
    }
}

/// The programs made by chance reach what they are made for: few of them are stopped by a mistake of their own.
#[test]
fn most_programs_come_to_an_end() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut ended, mut blocked, mut renewed, mut tasks) = (0, 0, 0, 0);
    for _ in 0..60 {
        let (parts, world) = (parts(), world()).new_tree(&mut runner).unwrap().current();
        let program = compile(&text(&parts), true);
        let lives = world.lives(&program);
        renewed += lives.len() - 1;
        tasks += lives.iter().map(|life| life.batches.len()).sum::<usize>();
        match lives.last().and_then(|life| life.batches.last()).map(|batch| &batch.commands) {
            Some(Err(_)) => blocked += 1,
            _ => ended += 1,
        }
    }
    assert!(ended > 50 && blocked < 10 && renewed > 0 && tasks > 300, "{ended} {blocked} {renewed} {tasks}");
}
