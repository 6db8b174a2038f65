//! Activities in TypeScript, with imports: found, checked, run, reloaded.

use serde_json::json;

use crate::support::{Project, server_log};

const WORKFLOW: &str = "activity Charge(order: any) -> (any):
    ...

workflow Pay(order: any) -> (any):
    activity Charge(order) -> charged
    return charged
";
const CHARGE: &str = "import { total } from \"./lib/money\";
import rates from \"../shared/rates.json\";
import { name } from \"tiny\";

interface Order { cents: number[]; country: keyof typeof rates }

export async function Charge(order: Order): Promise<unknown> {
  return { total: total(order.cents), rate: rates[order.country], name };
}
export const helper = 1;
";

fn project() -> Project {
    Project::with(&[
        ("workflows/pay.twf", WORKFLOW),
        ("activities/charge.ts", CHARGE),
        (
            "activities/lib/money.ts",
            "export const total = (cents: number[]) => cents.reduce((a, b) => a + b, 0);\nexport const helper = 2;\n",
        ),
        ("shared/rates.json", "{ \"at\": 20 }\n"),
        (
            "node_modules/tiny/package.json",
            r#"{ "name": "tiny", "exports": { ".": { "node": "./node.js", "default": "./any.mjs" } } }"#,
        ),
        ("node_modules/tiny/any.mjs", "export const name = 'tiny';"),
    ])
}

fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} in:\n{text}");
    }
}

#[test]
fn typescript_with_imports_runs_and_helpers_are_no_activities() {
    let project = project();
    project.nexus(&["check"]).ok();
    let ran =
        project.nexus(&["run", "Pay", "--json", r#"{"order": {"cents": [1, 2], "country": "at"}}"#]).ok();
    assert_eq!(ran.json(), json!({ "total": 3, "rate": 20, "name": "tiny" }));
    let listed =
        project.nexus(&["fn", "run", "activities/charge.ts:Charge", "--json", r#"{"cents": [4]}"#]).ok();
    assert_eq!(listed.json()["total"], json!(4));
}

#[test]
fn errors_are_told_where_they_are_written() {
    let project = project();
    project.write(
        "activities/lib/money.ts",
        "export const total = (cents: number[]) => {\n  return cents +;\n};\n",
    );
    let told = project.nexus(&["check"]);
    assert_eq!(told.code(), 2);
    holds(&told.stderr(), &["activities/lib/money.ts:2:"]);
    project.write("activities/lib/money.ts", "import fs from \"fs\";\nexport const total = fs;\n");
    holds(&project.nexus(&["check"]).stderr(), &["activities/lib/money.ts:1:16", "node:fs", "Node.js"]);
    project
        .write("activities/lib/money.ts", "type A = {\n  b: any };\nexport const total = (c: A) => c.b.x;\n");
    let failed = project.nexus(&["fn", "run", "Charge", "--json", r#"{"cents": {}}"#]);
    holds(&failed.stderr(), &["activities/lib/money.ts:3:32"]);
}

#[test]
fn two_functions_for_one_activity_are_an_error_and_handing_on_is_none() {
    let project = project();
    project.write("activities/index.ts", "export * from \"./charge\";\n");
    project.nexus(&["check"]).ok();
    project.write("activities/other.js", "export const Charge = () => 1;\n");
    let told = project.nexus(&["check"]);
    holds(&told.stderr(), &["activities/other.js:1:1", "Charge is exported by activities/charge.ts too"]);
}

#[test]
fn what_is_imported_is_reloaded() {
    let project = project();
    let _server = project.serve();
    let pay = || {
        let order = r#"{"order": {"cents": [1], "country": "at"}}"#;
        project.nexus(&["run", "Pay", "--json", order]).ok().json()
    };
    assert_eq!(pay()["rate"], json!(20));
    let changes = [
        ("shared/rates.json", "{ \"at\": 25 }\n", "rate", json!(25)),
        ("node_modules/tiny/any.mjs", "export const name = 'tinier';", "name", json!("tinier")),
    ];
    for (count, (path, text, field, expected)) in (1..).zip(changes) {
        project.write(path, text);
        while server_log(project.path()).matches("reloaded").count() < count {
            std::thread::yield_now();
        }
        assert_eq!(pay()[field], expected);
    }
}

#[test]
fn parameters_that_are_taken_one_by_one_are_told() {
    let project = project();
    let declared =
        WORKFLOW.replace("activity Charge(order: any)", "activity Charge(order: any, card: string)");
    project.write("workflows/pay.twf", &declared.replace("Charge(order) ->", "Charge(order, \"c\") ->"));
    for (code, place) in [
        (
            "export async function Charge(order, card, ctx) { return order }",
            Some("activities/charge.ts:1:30"),
        ),
        ("export const Charge = async (order: any) => order;", Some("activities/charge.ts:1:30")),
        ("export async function Charge({ order, card }, ctx) { return [order, card] }", None),
        ("export function Charge(input, ctx) { return input.order }", None),
    ] {
        project.write("activities/charge.ts", code);
        let told = project.nexus(&["check"]).ok().stderr();
        match place {
            Some(place) => holds(&told, &["SCRIPT_PARAMETERS", place, "Charge({ order, card }, ctx)"]),
            None => assert!(!told.contains("SCRIPT_PARAMETERS"), "{told}"),
        }
    }
}

#[test]
fn missing_and_needless_capabilities_are_told_with_their_places() {
    let project = project();
    project.write(
        "activities/charge.ts",
        "import { send } from './lib/send';
export async function Charge(order, ctx) {
  await ctx.kv.put(`row/${order.id}`, 1);
  return send(ctx, order);
}
",
    );
    project.write(
        "activities/lib/send.ts",
        "const BANK = 'https://Bank.test:443/charges';
export const send = async ({ http }: any, order: unknown) => (await http(BANK, { body: order })).data;
",
    );
    let told = project.nexus(&["check"]).ok().stderr();
    holds(
        &told,
        &[
            "MISSING_CAPABILITY",
            "activities/lib/send.ts:2:",
            "http:fetch:bank.test",
            "[sandbox.functions.Charge]",
        ],
    );
    project.write("nexus.toml", "[sandbox.functions.Charge]\ncapabilities = [\n  \"http:fetch:bank.test\",\n  \"http:fetch:other.test\",\n]\n");
    let told = project.nexus(&["check", "--info"]).ok().stderr();
    assert!(!told.contains("MISSING_CAPABILITY"), "{told}");
    holds(&told, &["UNUSED_CAPABILITY", "nexus.toml:4:3", "http:fetch:other.test"]);
    project.write(
        "activities/lib/send.ts",
        "export const send = (ctx: any, order: any) => new order.Client(ctx);\n",
    );
    let told = project.nexus(&["check", "--info"]).ok().stderr();
    holds(&told, &["DYNAMIC_CONTEXT", "activities/lib/send.ts:1:"]);
    assert!(!told.contains("UNUSED_CAPABILITY"), "{told}");
}

#[test]
fn declarations_are_written_and_compared() {
    let project = Project::empty();
    let from = crate::support::root().join("editors/types/project");
    for path in [
        "workflows/pay.twf",
        "nexus.toml",
        "activities/charge.ts",
        "activities/lib/money.ts",
        "data/rates.json",
    ] {
        project.write(path, &std::fs::read_to_string(from.join(path)).unwrap());
    }
    assert_eq!(project.nexus(&["types", "--check"]).code(), 2);
    project.nexus(&["types"]).ok();
    let text = std::fs::read_to_string(project.path().join("nexus.d.ts")).unwrap();
    holds(
        &text,
        &[
            "readonly kv: {",
            "type Order = {",
            "\"lines\": Array<Types.Line>;",
            "interface Activities {",
            "\"Refund\": (input: string, ctx: nexus.Context)",
            "\"card\": string;",
            "/** Takes the money. */",
        ],
    );
    project.nexus(&["types", "--check"]).ok();
    project.nexus(&["check"]).ok();
    assert!(
        !project.nexus(&["check"]).ok().stderr().contains("warning"),
        "the example of the types has no findings"
    );
}
