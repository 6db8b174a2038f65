//! Any text at all: no panic, spans inside the text, time and stack within bounds.

use nexus_lang::text::diagnostic::Diagnostic;
use nexus_lang::text::render::{concise, github, json, terminal};
use nexus_lang::text::source::{SourceId, Sources};
use nexus_lang::twf::check::{CheckOptions, diagnose};
use nexus_lang::twf::dump;
use nexus_lang::twf::parser::{Parsed, parse, parse_expression};
use proptest::prelude::*;

/// Parses, checks, renders and dumps a text, and makes sure that every span lies in it on character
/// boundaries.
fn examine(text: &str) -> (Parsed, Vec<Diagnostic>) {
    let mut sources = Sources::new();
    let source = sources.add("any.twf", text);
    let files = [(source, parse(source, text))];
    let all = diagnose(&files, &sources, CheckOptions::default());
    let [(_, parsed)] = files;
    for it in &all {
        let places = it
            .span
            .iter()
            .chain(it.labels.iter().map(|(span, _)| span))
            .chain(it.fix.iter().flat_map(|fix| fix.edits.iter().map(|edit| &edit.span)));
        for span in places {
            let range = span.start as usize..span.end as usize;
            assert!(span.start <= span.end && text.get(range).is_some(), "{it:?} in {text:?}");
        }
        assert!(concise(it, &sources).contains(it.code));
    }
    for it in all.iter().take(20) {
        assert!(terminal(it, &sources, false).contains(it.code));
        assert!(json(it, &sources).is_object());
        assert_eq!(github(it, &sources).lines().count(), 1, "{it:?}");
    }
    let _shown = dump::unit(&parsed.unit);
    (parsed, all)
}

/// Words and symbols.
const WORDS: &str = "workflow activity worker namespace nexus service endpoint signal query update promise await all one \
    set unset state condition options default_options if elif else for in switch case close complete \
    fail completed return continue_as_new break detach spawn timer try catch finally raise reject cancel \
    external type validator on_cancel hint watch parallel select child pass package import nexus_service \
    nexus_endpoint operation sync async not and or a B h 5m 1h30m 12 1.5 't' -> <- => = == + - * / // . \
    .. ... ?. ?? ? ! , : ( ) [ ] { } @ options(";

/// Blanks, newlines and what holds them.
const LAYOUT: &[&str] = &[
    "\"s\"",
    "\"open",
    "\u{e4}",
    ":\n    ",
    ":\n        ",
    "\n",
    "\n    ",
    "\n        ",
    "\n\t",
    "\r\n",
    "#c\n",
    "# twf: a=b\n",
    "# twf:lint-ignore\n",
    "# twf:lint-ignore UNREACHABLE_CODE, X\n",
    "# twf:lint-ignore-file LEGACY_SYNTAX",
    "task_queue: \"{x}\"",
    "default_options:\n        ",
    "timeout: 5m",
    " ",
    "x: int",
    "): \n    ",
];

/// Words, symbols and layout of the language in any order.
pub(crate) fn soup() -> impl Strategy<Value = String> {
    let words: Vec<&str> = WORDS.split(' ').chain(LAYOUT.iter().copied()).collect();
    let word = prop::sample::select(words);
    prop::collection::vec((word, prop::bool::ANY), 0..60).prop_map(|parts| {
        parts
            .into_iter()
            .map(|(word, space)| if space { format!("{word} ") } else { word.to_string() })
            .collect()
    })
}

/// A file of the language with a piece cut out or doubled.
pub(crate) fn damaged() -> impl Strategy<Value = String> {
    (0..SAMPLES.len(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), prop::bool::ANY).prop_map(
        |(sample, from, to, doubled)| {
            let text = SAMPLES[sample];
            let (a, b) = (from.index(text.len() + 1), to.index(text.len() + 1));
            let (a, b) = (text.floor_char_boundary(a.min(b)), text.floor_char_boundary(a.max(b)));
            let middle = if doubled { text[a..b].repeat(2) } else { String::new() };
            format!("{}{middle}{}", &text[..a], &text[b..])
        },
    )
}

const SAMPLES: &[&str] = &[
    include_str!("../../../../specs/twf/01-files.md"),
    include_str!("../../../../specs/twf/03-calls.md"),
    "workflow A(x: int) -> (R):\n    state:\n        condition c\n    signal S(a: any):\n        set c\n    await one:\n        \
     signal S -> (a):\n            close complete(a)\n        timer(5m):\n            close fail({x: [1, 2], y: a?.b ?? 3})\n",
    "nexus_service S:\n    operation O(p: P) -> R:\n        if p.x not in [1]:\n            raise E(\"x\")\n        return \
     workflow W(p):\n            workflow_id: \"a-{p.id}\"\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_can_be_read(text in "\\PC{0,200}") {
        examine(&text);
    }

    #[test]
    fn any_control_characters_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        examine(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_words_can_be_read(text in soup()) {
        examine(&text);
    }

    #[test]
    fn any_words_inside_a_workflow_can_be_read(text in soup()) {
        examine(&format!("workflow W(a):\n    {text}\n    close complete\n"));
    }

    #[test]
    fn damaged_files_can_be_read(text in damaged()) {
        examine(&text);
    }

    #[test]
    fn any_expression_can_be_read(text in soup()) {
        let (expr, _) = parse_expression(SourceId(0), &text, 7);
        prop_assert!(!dump::expr(&expr).is_empty());
    }
}

/// Headers, each in the block of the one before.
fn nested(times: usize, header: &str) -> String {
    let lines: Vec<String> = (1..=times).map(|at| format!("{}{header}\n", "    ".repeat(at))).collect();
    lines.concat()
}

/// Nesting of every kind ends in a diagnostic and never in a stack overflow.
#[test]
fn deep_nesting_is_reported() {
    let deep = 50_000;
    let body = |inner: String| format!("workflow W(a):\n    {inner}\n");
    let blocks = nested(2000, "for:");
    let elifs = "    elif (a):\n        pass\n".repeat(deep);
    for text in [
        body(format!("x = {}1{}", "(".repeat(deep), ")".repeat(deep))),
        body(format!("x = {}", "(".repeat(deep))),
        body(format!("x = {}1", "-".repeat(deep))),
        body(format!("x = {}a", "not ".repeat(deep))),
        body(format!("x = {}a", "!".repeat(deep))),
        body(format!("x = {}a", "a => ".repeat(deep))),
        body(format!("x = a{}", " + a".repeat(deep))),
        body(format!("x = a{}", ".b".repeat(deep))),
        body(format!("x = a{}", "[0]".repeat(deep))),
        body(format!("x = {}1", "1 if a else ".repeat(deep))),
        body(format!("x = {}1{}", "[".repeat(deep), "]".repeat(deep))),
        body(format!("x = {}1{}", "{a: ".repeat(deep), "}".repeat(deep))),
        body(format!("x = {}1{}", "f(".repeat(deep), ")".repeat(deep))),
        body(format!("activity A() -> a{}", ".b".repeat(deep))),
        format!("workflow W(a):\n{blocks}"),
        body(format!("if (a):\n        pass\n{elifs}")),
        format!("workflow W(a: {}int):\n    close\n", "[]".repeat(deep)),
        format!("workflow W(a: int{}):\n    close\n", "[]".repeat(deep)),
        format!("workflow W(a: int{}):\n    close\n", "?".repeat(deep)),
        format!("workflow W(a: {}int):\n    close\n", "M[".repeat(deep)),
        format!("workflow W(a: {}int):\n    close\n", "{a: ".repeat(deep)),
    ] {
        let (_, all) = examine(&text);
        let shown = text.get(..60).unwrap_or("");
        assert!(
            all.iter().any(|it| matches!(it.code, "SYNTAX" | "RAW_STATEMENT" | "LEX" | "OPAQUE_TYPE")),
            "{shown}: {:?}",
            all.iter().map(|it| it.code).collect::<Vec<_>>()
        );
    }
}

/// The deepest tree that is accepted is read, checked, shown and dropped on a stack of a megabyte,
/// unoptimised.
#[test]
fn the_deepest_tree_fits_a_small_stack() {
    let chain = "a ?? b or c and d == e .. f + g * (";
    let texts = [
        format!("workflow W(a):\n    x = {}1{}\n", chain.repeat(8), ")".repeat(8)),
        format!("workflow W(a):\n    x = {}1{}\n", "(".repeat(75), ")".repeat(75)),
        format!("workflow W(a):\n    x = {}1{}\n", "f([{a: ".repeat(25), "}])".repeat(25)),
        format!("workflow W(a):\n    x = a{}\n", " + a".repeat(250)),
        format!("workflow W(a):\n{}{}x = (a)\n", nested(75, "for:"), "    ".repeat(76)),
        format!("workflow W(a: {}int{}):\n    close\n", "M[[]".repeat(15), "]".repeat(15)),
    ];
    let work = move || {
        for text in texts {
            let (_, all) = examine(&text);
            let refused = all.iter().find(|it| matches!(it.code, "SYNTAX" | "RAW_STATEMENT"));
            assert!(refused.is_none(), "{text}\n{refused:?}");
        }
    };
    let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(work).unwrap();
    thread.join().unwrap();
}

/// Nesting that people write stays far below the limits.
#[test]
fn ordinary_nesting_is_no_error() {
    let blocks = nested(30, "if (a):");
    let text =
        format!("workflow W(a):\n{blocks}{}x = {}a{}\n", " ".repeat(200), "(".repeat(20), ")".repeat(20));
    let (parsed, _) = examine(&text);
    assert_eq!(parsed.diagnostics, []);
    let sum = format!("workflow W(a):\n    x = a{}\n", " + a".repeat(200));
    assert_eq!(examine(&sum).0.diagnostics, []);
}

/// Ten times the text takes about ten times as long, whatever the text is.
#[test]
fn reading_is_linear() {
    let units = [
        "workflow W(a):\n    activity A(a) -> b\n        options:\n            summary: \"x\"\n    close b\n",
        "x = (((((((((([[[[{{\n",
        "workflow W(a):\n    x = (a\n",
        "    x\n  y\n",
        "))))]]]]}}}}\n",
        "# comment\n",
        "\"\"\"\"'''''",
        "- - - - ! ! not not ",
        "if (a):\n",
        "1h30m2 3rd 4e 5..6...7",
        "await one:\n    a:\n    b:\n",
    ];
    for unit in units {
        let steps = |times: usize| {
            let text = unit.repeat(times);
            let started = thread_cpu();
            let parsed = parse(SourceId(0), &text);
            drop(parsed);
            thread_cpu() - started
        };
        let small = steps(2_000).max(2_000_000);
        let large = steps(20_000);
        assert!(large < small * 60, "{unit:?}: {small} ns, then {large} ns");
    }
}

/// The checks, too, take time in proportion to the text: many definitions, many statements, many comments.
#[test]
fn checking_is_linear() {
    let units = [
        "activity A#(x: int) -> (int):\n    ...\nworkflow W#(x: int) -> (int):\n    activity A#(x) -> r\n    return r\n",
        "worker w#:\n    activity B\nnamespace n#:\n    worker w#\n        options:\n            task_queue: \"q\"\n",
        "workflow L#(xs: []int):\n    await all:\n        for (x in xs):\n            activity B(x) -> r\n    log(r)\n",
        "% twf:lint-ignore UNREACHABLE_CODE\nworkflow C#():\n    return\n    log(1)\n",
    ];
    for unit in units {
        let nanos = |times: usize| {
            let body: String =
                (0..times).map(|at| unit.replace('#', &at.to_string()).replace('%', "#")).collect();
            let text = format!("activity B(x: int?):\n    ...\n{body}");
            let mut sources = Sources::new();
            let source = sources.add("a.twf", &text);
            let files = [(source, parse(source, &text))];
            let started = thread_cpu();
            drop(diagnose(&files, &sources, CheckOptions::default()));
            thread_cpu() - started
        };
        let small = nanos(300).max(2_000_000);
        let large = nanos(3_000);
        assert!(large < small * 60, "{unit:?}: {small} ns, then {large} ns");
    }
}

/// CPU time of this thread in nanoseconds, so that a busy machine does not matter.
pub(crate) fn thread_cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// What fuzzing has found.
#[test]
fn places_of_fixes_lie_in_the_text_in_older_spellings_too() {
    examine(
        "workflow A(x: int):\n    r = activity B(x)\n    await signal Done timeout: 1h\n\nactivity B(x: int) -> (int):\n    pass\n",
    );
}
