//! `nexus fn`: one function at a time, from a terminal.

use serde_json::json;

use crate::support::{Project, root};

const FILE: &str = "activities/a.js";
const SOURCE: &str = "export async function Add({ a, b }, ctx) {
  ctx.log('adding', a, b);
  const before = (await ctx.kv.get('sum')) ?? 0;
  await ctx.kv.put('sum', before + a + b);
  return { sum: before + a + b };
}
export function Spin() { for (;;); }
export function Boom() { throw new RangeError('too far'); }
export async function Net(input, ctx) { return (await ctx.http('https://example.com/')).status; }
export function Where(input, ctx) { return [input, ctx.activity, ctx.attempt, ctx.run ?? null]; }
";

fn project() -> Project {
    let config =
        "[sandbox]\ncpu_ms_max = 120\n[sandbox.functions.Net]\ncapabilities = [\"http:fetch:other.test\"]\n";
    Project::with(&[(FILE, SOURCE), ("nexus.toml", config)])
}

#[test]
fn the_result_is_data_and_the_figures_are_remarks() {
    let project = project();
    let input = ["--json", r#"{"a": 1, "b": 2}"#];
    let ran = project.nexus(&[&["fn", "run", "activities/a.js:Add"][..], &input].concat()).ok();
    assert_eq!(ran.json(), json!({ "sum": 3 }));
    let told = ran.stderr();
    for part in
        ["Add of activities/a.js  ok", "  info   adding 1 2", "  kv.get", "  kv.commit", "segments", "120 ms"]
    {
        assert!(told.contains(part), "{part} in:\n{told}");
    }
    assert!(!told.contains("wiping the instance"), "{told}");
    let ran = project.nexus(&[&["fn", "run", "Add", "--phases"][..], &input].concat()).ok();
    assert_eq!(ran.json(), json!({ "sum": 3 }), "a store of its own each time");
    for part in
        ["compiling the file", "instantiating the snapshot", "waiting for operations", "wiping the instance"]
    {
        assert!(ran.stderr().contains(part), "{part} in:\n{}", ran.stderr());
    }
}

#[test]
fn programs_get_one_object() {
    let project = project();
    let run = ["fn", "run", "Add", "--json", r#"{"a": 1, "b": 2}"#, "--phases", "--format", "json"];
    let told = project.nexus(&run).ok().json();
    assert_eq!((&told["function"], &told["result"]), (&json!("activities/a.js:Add"), &json!({ "sum": 3 })));
    assert_eq!(told["logs"][0]["message"], json!("adding 1 2"));
    let calls: Vec<_> =
        told["host_calls"].as_array().unwrap().iter().map(|it| (&it["name"], &it["count"])).collect();
    assert_eq!(calls, [(&json!("kv.commit"), &json!(1)), (&json!("kv.get"), &json!(1))]);
    assert_eq!((&told["used"]["slices"], &told["limits"]["cpu_ms_max"]), (&json!(3), &json!(120)));
    assert!(told["capabilities"].as_array().unwrap().contains(&json!("kv:read:*")), "{told}");
    let phases: Vec<_> =
        told["profile"]["phases"].as_array().unwrap().iter().map(|it| &it["phase"]).collect();
    let order = ["admit", "queue", "instantiate", "load", "run", "answer", "wait", "wipe"];
    assert_eq!(phases, order.map(|it| json!(it)).iter().collect::<Vec<_>>());

    let failed = project.nexus(&["fn", "run", "Boom", "--format", "json"]);
    assert_eq!(failed.code(), 1);
    let told = failed.json();
    assert_eq!(
        (&told["error"]["code"], &told["error"]["failure"]["type"]),
        (&json!("NX-5001"), &json!("RangeError"))
    );
    assert!(failed.stderr().contains("NX-5001"), "{}", failed.stderr());
}

#[test]
fn failures_end_as_everywhere() {
    let project = project();
    for (function, code, part) in [
        ("Spin", 1, "NX-5020"),
        ("Boom", 1, "RangeError: too far (activities/a.js:8:"),
        ("Net", 1, "grant it in nexus.toml"),
        ("Adt", 4, "did you mean Add?"),
        ("activities/a.js:Adt", 4, "did you mean Add?"),
        ("activities/b.js:Add", 4, "did you mean activities/a.js?"),
        ("activities/a.js", 4, "has several functions"),
    ] {
        let ran = project.nexus(&["fn", "run", function]);
        assert_eq!(ran.code(), code, "{function}: {}", ran.stderr());
        assert!(ran.stderr().contains(part), "{function}: {}", ran.stderr());
    }
    let told = project.nexus(&["fn", "run", "Net", "--grant", "http:fetsh:example.com"]);
    assert!(told.code() == 2 && told.stderr().contains("http:fetch"), "{}", told.stderr());
    project.write("activities/broken.js", "export function Broken( {");
    assert!(
        project
            .nexus(&["fn", "run", "activities/broken.js:Broken"])
            .stderr()
            .contains("activities/broken.js:1:")
    );
    assert_eq!(project.nexus(&["fn", "run", "Where"]).ok().json()[1], json!("Where"), "others still run");
    assert_eq!(project.nexus(&["fn", "list"]).code(), 2, "the list says what it lacks");
}

#[test]
fn a_file_anywhere_is_a_project_of_its_own() {
    let elsewhere = Project::with(&[("deep/one.js", "export function One(input) { return [input] }")]);
    assert_eq!(elsewhere.nexus(&["fn", "run", "deep/one.js:One", "--json", "[7]"]).ok().json(), json!([[7]]));
    assert_eq!(elsewhere.nexus(&["fn", "run", "deep/one.js"]).ok().json(), json!([null]));
    let told = elsewhere.nexus(&["fn", "run", "One"]);
    assert!(told.code() == 4 && told.stderr().contains("there is no project here"), "{}", told.stderr());
}

#[test]
fn keys_of_the_data_folder_are_used_when_asked_for() {
    let project = project();
    let run = ["fn", "run", "Add", "--json", r#"{"a": 1, "b": 2}"#, "--data"];
    assert_eq!(project.nexus(&run).ok().json(), json!({ "sum": 3 }));
    assert_eq!(project.nexus(&run).ok().json(), json!({ "sum": 6 }));
}

#[test]
fn many_calls_give_quantiles() {
    let project = project();
    let input = ["--json", r#"{"a": 1, "b": 2}"#, "--calls", "7", "--callers", "3"];
    let told =
        project.nexus(&[&["fn", "bench", "Add"][..], &input, &["--format", "json"]].concat()).ok().json();
    assert_eq!((&told["calls"], &told["callers"]), (&json!(7), &json!(3)));
    for of in ["wall_us", "cpu_us"] {
        let at = |name: &str| told[of][name].as_u64().unwrap();
        assert!(
            0 < at("min") && at("min") <= at("p50") && at("p50") <= at("p99") && at("p99") <= at("max"),
            "{told}"
        );
    }
    let shown = project.nexus(&[&["fn", "bench", "Add"][..], &input].concat()).ok().stdout();
    assert!(shown.contains("p99") && shown.contains("calls per second"), "{shown}");
    let failed = project.nexus(&["fn", "bench", "Boom"]);
    assert!(failed.code() == 1 && failed.stderr().contains("too far"), "{}", failed.stderr());
}

#[test]
fn the_list_says_what_functions_may() {
    let project = project();
    let shown = project.nexus(&["fn", "list", "--format", "json"]).ok().json();
    let functions = shown["functions"].as_array().unwrap();
    let names: Vec<_> = functions.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Add", "Boom", "Net", "Spin", "Where"]);
    assert!(
        functions[2]["capabilities"].as_array().unwrap().contains(&json!("http:fetch:other.test")),
        "{shown}"
    );
    assert!(project.nexus(&["fn", "list"]).ok().stdout().contains("http:fetch:other.test"));
}

/// A copy of `examples/component`.
fn components() -> Project {
    let project = Project::empty();
    let from = root().join("examples/component");
    for folder in ["activities", "workflows", "tests"] {
        std::fs::create_dir(project.path().join(folder)).unwrap();
        for entry in std::fs::read_dir(from.join(folder)).unwrap().map(Result::unwrap) {
            std::fs::copy(entry.path(), project.path().join(folder).join(entry.file_name())).unwrap();
        }
    }
    project
}

#[test]
fn components_are_functions_like_others() {
    let project = components();
    let text = r#""to be or not to be""#;
    let ran = project.nexus(&["fn", "run", "CountWords", "--json", text, "--phases"]).ok();
    assert_eq!(ran.json(), json!({ "words": 6, "longest": "not" }));
    for part in ["CountWords of activities/words.wasm  ok", "  info   counted", "instantiating"] {
        assert!(ran.stderr().contains(part), "{part} in:\n{}", ran.stderr());
    }
    let total = project.nexus(&["fn", "run", "activities/words.wasm:RememberTotal", "--json", "6"]).ok();
    assert!(total.json() == json!(6) && total.stderr().contains("kv.commit"), "{}", total.stderr());
    let wrong = project.nexus(&["fn", "run", "CountWords", "--json", "7"]);
    assert!(
        wrong.code() == 1 && wrong.stderr().contains("TypeError: the input is a text"),
        "{}",
        wrong.stderr()
    );
    project.nexus(&["test"]).ok();
    let run = project.nexus(&["run", "Words", "--input", "text=to be"]).ok();
    assert_eq!(run.json(), json!({ "words": 2, "longest": "to", "total": 2 }));
}

#[test]
fn a_component_that_wants_more_is_refused_by_name() {
    let project = components();
    let foreign = root().join("crates/sandbox/tests/components/foreign.wasm");
    std::fs::copy(foreign, project.path().join("activities/foreign.wasm")).unwrap();
    let told = project.nexus(&["check"]);
    assert_eq!(told.code(), 2);
    for part in ["wasi:filesystem/preopens@0.2.3", "[NX-5062]", "activities/foreign.wasm", "no WASI"] {
        assert!(told.stderr().contains(part), "{part} in:\n{}", told.stderr());
    }
}

#[test]
fn a_file_asks_for_less_than_it_is_allowed_and_never_gets_more() {
    let project = project();
    let file = "export const limits = {\n  Spin: { cpuSliceMs: 10, cpuMs: 500 },\n};\nexport function Spin() { for (;;); }\n";
    project.write(FILE, file);
    let config = "[sandbox]\ncpu_ms_max = 120\ncpu_slice_ms_max = 100\n[sandbox.namespaces.default]\nlog_lines_max = 7\n";
    project.write("nexus.toml", config);
    let ran = project.nexus(&["fn", "run", "Spin", "--format", "json"]);
    assert_eq!(ran.code(), 1);
    let told = ran.json();
    assert_eq!(told["error"]["code"], json!("NX-5020"), "{told}");
    let limits = &told["limits"];
    assert_eq!((&limits["cpu_slice_ms_max"], &limits["cpu_ms_max"]), (&json!(10), &json!(120)), "{told}");
    assert!(project.nexus(&["fn", "list"]).ok().stdout().contains("Spin"));

    project.write(FILE, &file.replace("cpuMs:", "cpu_ms:"));
    let told = project.nexus(&["check"]);
    assert!(told.code() == 2 && told.stderr().contains("there is no limit cpu_ms"), "{}", told.stderr());
    project.write(FILE, &file.replace("  Spin:", "  Spni:"));
    let told = project.nexus(&["check"]);
    assert!(
        told.stderr().contains("limits are for Spni") && told.stderr().contains("did you mean Spin?"),
        "{}",
        told.stderr()
    );
}
