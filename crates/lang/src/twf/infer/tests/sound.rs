//! Programs made by chance: whatever a variable holds, its type allows, and what runs to its end is not reported.
//!
//! A program grows statement by statement; one that goes wrong at run time is left out again, so that what remains
//! runs, and the values after every statement can be compared with the types found for the whole.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::super::*;
use crate::twf::check::{CheckOptions, check};
use crate::twf::heap::Heap;
use crate::twf::machine::Machine;
use crate::twf::parser::parse;
use crate::twf::program::Program;
use crate::twf::stub::StubHost;
use crate::twf::value::Value;

const HEAD: &str = "
type Rec:
    a: []int
    b: {a: string, b: duration}

activity Any(x: any) -> (any):
    pass

activity Number() -> (int):
    pass

activity Declared() -> (Rec):
    pass

activity Two() -> (int, string):
    pass

";

/// Whether a type allows a value. Null stands for what is not there yet, so every type allows it.
fn admits(types: &Types, heap: &Heap, ty: &Ty, value: &Value) -> bool {
    match (ty, value) {
        (Ty::Any(_), _)
        | (_, Value::Null)
        | (Ty::Bool | Ty::Condition, Value::Bool(_))
        | (Ty::Int | Ty::Decimal, Value::Int(_))
        | (Ty::Decimal, Value::Decimal(_))
        | (Ty::Str | Ty::Bytes, Value::Str(_))
        | (Ty::Duration, Value::Duration(_))
        | (Ty::Timestamp, Value::Timestamp(_))
        | (Ty::Promise(_), Value::Promise(_)) => true,
        (Ty::List(item), Value::List(at)) => heap.list(*at).iter().all(|it| admits(types, heap, item, it)),
        (Ty::Map(item), Value::Object(at)) => {
            heap.object(*at).unwrap().fields.values().all(|it| admits(types, heap, item, it))
        }
        (Ty::Record(record), Value::Object(at)) => {
            heap.object(*at).unwrap().fields.iter().all(|(name, value)| match record.field(name) {
                Some(ty) => admits(types, heap, ty, value),
                None => record.open,
            })
        }
        (Ty::Named(name), Value::Object(at)) => {
            let fields = types.declared(name).unwrap();
            heap.object(*at).unwrap().fields.iter().all(|(name, value)| {
                fields.iter().any(|it| *it.name == **name && admits(types, heap, &it.ty, value))
            })
        }
        (Ty::Union(members), _) => members.iter().any(|it| admits(types, heap, it, value)),
        _ => false,
    }
}

fn source(body: &[String]) -> String {
    let lines: Vec<String> = body.iter().map(|line| format!("    {line}\n")).collect();
    let lines = lines.concat();
    format!("{HEAD}workflow W():\n    signal S(x: int, y: []string):\n        v0 = y\n{lines}    pass()\n")
}

/// The run at its end, with its program; nothing when it goes wrong.
fn run(text: &str) -> Option<(Program, Machine)> {
    let mut sources = Sources::new();
    let id = sources.add("made.twf", text);
    let parsed = parse(id, text);
    let (program, _) = Program::compile(&[(id, &parsed.unit)], &sources, true);
    let answered = |name: &str, input: &[Json], calls: usize| match name {
        "Any" => Ok(input.first().cloned().unwrap_or_default()),
        "Number" => Ok(json!(calls)),
        "Two" => Ok(json!([calls, "two"])),
        _ => Ok(json!({"a": [calls], "b": {"a": "x", "b": "PT5M"}})),
    };
    let machine = {
        let mut host = StubHost::with_answers(&program, answered)
            .after(500, crate::twf::machine::Event::Signaled { name: "S".into(), input: json!([1, ["y"]]) });
        host.run("W", &json!({})).ok()?;
        host.machine()?.clone()
    };
    Some((program, machine))
}

/// What is inferred for a text, and what is reported about types.
fn inferred(text: &str) -> (Types, Vec<String>) {
    let mut sources = Sources::new();
    let id = sources.add("made.twf", text);
    let parsed = parse(id, text);
    let units = [ParsedUnit { source: id, unit: &parsed.unit }];
    let found = check(&units, &sources, CheckOptions::default());
    let found = found.into_iter().filter(|it| it.code == "TYPE_MISMATCH").map(|it| it.message);
    (Types::of(&units, &sources, id), found.collect())
}

/// The candidates that run after these lines, and the states after each.
fn grown(first: &[&str], candidates: &[Vec<String>]) -> (Vec<String>, Vec<(Program, Machine)>) {
    let mut body: Vec<String> = first.iter().map(|line| (*line).to_string()).collect();
    let mut states = Vec::new();
    for candidate in candidates {
        let longer = [body.clone(), candidate.clone()].concat();
        if let Some(state) = run(&source(&longer)) {
            body = longer;
            states.push(state);
        }
    }
    (body, states)
}

fn verify(text: &str, types: &Types, states: &[(Program, Machine)]) {
    for (program, machine) in states {
        let (heap, values) = machine.variables();
        for (name, value) in program.code("W").unwrap().globals.iter().zip(values) {
            let ty = types.variable("W", name).map_or(Ty::Never, |it| it.ty.clone());
            let shown = crate::twf::boundary::export(heap, value);
            assert!(admits(types, heap, &ty, value), "`{name}: {ty}` holds {shown:?}\n{text}");
        }
    }
}

fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0..5_u8).prop_map(|v| format!("v{v}")),
        1 => (0..3_u8).prop_map(|n| n.to_string()),
        3 => prop::sample::select(vec!["1.5", "\"x\"", "\"a\"", "5m", "true", "null", "[]", "{}", "now()", "[1]", "{a: 1}", "uuid()"])
            .prop_map(str::to_string),
    ]
}

/// Templates in which `$` stands for an expression.
const SHAPES: &[&str] = &[
    "[$, $]",
    "{a: $, b: $}",
    "T{a: $}",
    "$.a",
    "$?.b",
    "$.length",
    "$[0]",
    "$[\"a\"]",
    "$[$]",
    "($ + $)",
    "($ - $)",
    "($ * $)",
    "($ / $)",
    "($ // 2)",
    "($ % 3)",
    "($ == $)",
    "($ < $)",
    "($ in $)",
    "($ ?? $)",
    "($ if $ else $)",
    "(not $)",
    "-$",
    "($ and $)",
    "len($)",
    "first($)",
    "last($)",
    "map($, x => [x, $])",
    "map($, (x, i) => x)",
    "filter($, x => x == $)",
    "find($, x => true)",
    "sum($)",
    "sum($, x => len(x))",
    "min($, $)",
    "max($)",
    "sorted($)",
    "merge($, $)",
    "keys($)",
    "values($)",
    "entries($)",
    "get($, \"a\", $)",
    "zip($, $)",
    "chunk($, 2)",
    "copy($)",
    "str($)",
    "slice($, 0, 1)",
    "reversed($)",
    "unique($)",
    "round($)",
    "round($, 1)",
    "abs($)",
    "int($)",
    "range($)",
    "contains($, $)",
    "bool($)",
    "duration($)",
    "parse_json(to_json($))",
    "index_of($, $)",
    "$?.copy()",
    "(0..$)",
];

/// Templates that write.
const WRITES: &[&str] = &[
    "append($, $)",
    "extend($, $)",
    "pop($)",
    "$.append($)",
    "map($, x => x.append($))",
    "clear($)",
    "remove($, $)",
];

/// What a program may be made of.
#[derive(Clone, Copy, PartialEq)]
enum Style {
    /// Everything in a line is evaluated, so that nothing in it can be wrong when the line runs.
    Eager,
    /// Nothing is written into lists and objects.
    Pure,
    /// Everything.
    Free,
}

impl Style {
    fn allows(self, shape: &str) -> bool {
        self != Style::Eager || ![" if ", " and ", "??", "=>"].iter().any(|lazy| shape.contains(lazy))
    }
}

fn expr(style: Style) -> impl Strategy<Value = String> {
    let writing = WRITES.iter().filter(|_| style != Style::Pure);
    let shapes: Vec<&str> = SHAPES.iter().chain(writing).copied().filter(|it| style.allows(it)).collect();
    leaf().prop_recursive(3, 12, 3, move |inner| {
        let parts = prop::collection::vec(inner, 3);
        (prop::sample::select(shapes.clone()), parts).prop_map(|(shape, parts)| filled(shape, &parts))
    })
}

fn filled(shape: &str, parts: &[String]) -> String {
    let mut made = String::new();
    for (at, piece) in shape.split('$').enumerate() {
        if at > 0 {
            made.push_str(&parts[(at - 1) % parts.len()]);
        }
        made.push_str(piece);
    }
    made
}

fn line(style: Style) -> BoxedStrategy<Vec<String>> {
    let assigned = (0..5_u8, expr(style)).prop_map(|(v, e)| vec![format!("v{v} = {e}")]);
    let written = prop::sample::select(vec![
        "v#.a = $",
        "v#.b = $",
        "v#[0] = $",
        "v#[\"a\"] = $",
        "v#[$] = $",
        "v#.append($)",
        "v#.a.append($)",
        "v# += $",
        "v#.a += $",
        "v#[0].a = $",
        "v#.a[\"b\"] = $",
        "activity Any($) -> v#",
        "activity Any($) -> v#.a",
        "v#.b.a = $",
        "append(v#[0], $)",
        "append(get(v#, \"a\"), $)",
    ]);
    let written = (written, 0..5_u8, prop::collection::vec(expr(style), 2))
        .prop_map(|(shape, v, parts)| vec![filled(&shape.replace('#', &v.to_string()), &parts)]);
    if style == Style::Pure { assigned.boxed() } else { prop_oneof![assigned, written].boxed() }
}

fn headed(head: String, body: &[Vec<String>]) -> Vec<String> {
    std::iter::once(head).chain(body.concat().iter().map(|line| format!("    {line}"))).collect()
}

const CALLS: &[&str] = &[
    "activity Number() -> v#",
    "activity Two() -> (v#, v0)",
    "activity Two() -> v#",
    "await signal S -> v#",
    "await signal S -> (v1, v#)",
    "promise p <- activity Any([v1])\nawait p -> v#\nawait p -> v2",
    "await all -> (v#, v1):\n    activity Number() -> one\n    activity Any(v0) -> two",
    "await one:\n    activity Two() -> v#:\n        v1 = v#[0]\n    timer(1s):\n        v2 = 1",
    "await timer(1s)",
];

/// Values of declared types are what they are declared to be as long as nobody writes into them.
const DECLARED_CALLS: &[&str] = &[
    "activity Declared() -> v#",
    "activity Declared() -> r\nv# = r.b\nv1 = r.a",
    "promise q <- activity Declared()\nawait q -> v#\nawait q -> v2",
    "promise q <- activity Declared()\nawait all [q] -> v#",
    "v# = Rec{a: [1], b: {a: \"x\", b: 5m}}",
    "v# = Rec{a: [1], b: {a: \"x\", b: \"5m\"}}",
];

/// Statements with others in them, and calls that are declared.
fn block(style: Style) -> impl Strategy<Value = Vec<String>> {
    let body = prop::collection::vec(line(style), 1..3);
    let var = 0..5_u8;
    let calls: Vec<&str> =
        CALLS.iter().chain(DECLARED_CALLS.iter().filter(|_| style == Style::Pure)).copied().collect();
    prop_oneof![
        4 => line(style),
        1 => (var.clone(), expr(style), body.clone())
            .prop_map(|(v, e, body)| headed(format!("for (v{v} in {e}):"), &body)),
        1 => (expr(style), body.clone())
            .prop_map(|(e, body)| headed(format!("for (k, v1 in {e}):"), &body)),
        1 => (expr(style), body.clone()).prop_map(|(e, body)| headed(format!("if ({e}):"), &body)),
        1 => (var.clone(), expr(style), body.clone(), 0..3_usize).prop_map(|(v, e, body, last)| {
            let last = ["activity Number() -> n", "own = [item, v0]", "activity Any(item)"][last];
            headed(format!("await all (item in {e}) -> v{v}:"), &[body, vec![vec![last.to_string()]]].concat())
        }),
        1 => (var.clone(), body).prop_map(|(v, body)| {
            let caught = vec![format!("v{v} = e")];
            [headed("try:".into(), &[body, vec![vec!["raise Bad(\"x\")".into()]]].concat()), headed("catch e:".into(), &[caught])]
                .concat()
        }),
        2 => (var, prop::sample::select(calls))
            .prop_map(|(v, text)| text.replace('#', &v.to_string()).lines().map(str::to_string).collect()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every line runs once, so a report would say that what ran cannot run. No variable is null because it has not
    /// been assigned yet: that is no part of its type.
    #[test]
    fn what_runs_in_one_line_is_not_reported(candidates in prop::collection::vec(line(Style::Eager), 8..24)) {
        let (body, states) = grown(&["v0 = [1]", "v1 = \"x\"", "v2 = 1", "v3 = {a: 1}", "v4 = 5m"], &candidates);
        let text = source(&body);
        let (types, reported) = inferred(&text);
        prop_assert!(reported.is_empty(), "{reported:#?}\n{text}");
        verify(&text, &types, &states);
    }

    #[test]
    fn declared_values_are_what_is_declared(candidates in prop::collection::vec(block(Style::Pure), 8..20)) {
        let (body, states) = grown(&[], &candidates);
        let text = source(&body);
        let (types, _) = inferred(&text);
        verify(&text, &types, &states);
    }

    #[test]
    fn values_are_of_the_types_of_their_variables(candidates in prop::collection::vec(block(Style::Free), 8..20)) {
        let (body, states) = grown(&[], &candidates);
        let text = source(&body);
        let (types, _) = inferred(&text);
        verify(&text, &types, &states);
    }
}
