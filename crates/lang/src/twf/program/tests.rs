//! What hosts see of a program.

use serde_json::json;

use super::*;
use crate::twf::compile_sources;

fn program(files: &[&str]) -> Program {
    let mut sources = Sources::new();
    for (at, text) in files.iter().enumerate() {
        sources.add(&format!("{at}.twf"), text);
    }
    let compiled = compile_sources(&sources, true);
    compiled.program.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics))
}

const SHOP: &str = "
# An order line.
type Line:
    # Stock keeping unit.
    sku: string
    price: decimal

# Charges a card.
activity Charge(lines: []Line, retries: int = 3) -> (bool):
    default_options:
        start_to_close_timeout: 30s
    ...

# Sells things.
workflow Sell(lines: []Line, note: string?) -> (Line):
    default_options:
        workflow_run_timeout: 1h
    query Total() -> (decimal):
        return 1.5
    activity Charge(lines) -> ok
    close complete(lines[0])
";

#[test]
fn workflows_have_closed_schemas_and_documentation() {
    let program = program(&[SHOP]);
    let sell = program.workflow("Sell").unwrap();
    assert_eq!(sell.doc, "Sells things.");
    assert_eq!(sell.default_options, json!({"workflow_run_timeout": "PT1H"}));
    assert_eq!((sell.handlers[0].name.as_str(), sell.handlers.len()), ("Total", 1));
    insta::assert_json_snapshot!("input", sell.input_schema);
    insta::assert_json_snapshot!("result", sell.result_schema);
    let charge = program.activity("Charge").unwrap();
    assert_eq!(charge.default_options, json!({"start_to_close_timeout": "PT30S"}));
    let params: Vec<_> =
        charge.params.iter().map(|it| (it.name.as_str(), it.type_text.as_str(), it.required)).collect();
    assert_eq!(params, [("lines", "[]Line", true), ("retries", "int", false)]);
    assert_eq!(program.synthesise_activity("Charge"), json!(true));
    assert_eq!(program.synthesise(&sell.result), json!({"sku": "sku-1", "price": "1.00"}));
}

#[test]
fn files_without_deployment_are_deployed_by_default() {
    let silent = "workflow Quiet():\n    close complete(1)\n";
    let deployed = "
workflow Placed():
    close complete(1)

workflow Forgotten():
    close complete(1)

worker w:
    workflow Placed

namespace east:
    worker w
        options:
            task_queue: \"q1\"

namespace west:
    worker w
        options:
            task_queue: \"q2\"
";
    let program = program(&[silent, deployed]);
    let places = |name: &str| {
        let places = &program.workflow(name).unwrap().deployments;
        places.iter().map(|it| format!("{}/{}", it.namespace, it.task_queue)).collect::<Vec<_>>()
    };
    assert_eq!(places("Quiet"), ["default/default"]);
    assert_eq!(places("Placed"), ["east/q1", "west/q2"]);
    assert!(places("Forgotten").is_empty());
    let names: Vec<_> = program.workflows().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["Quiet", "Placed", "Forgotten"]);
}

#[test]
fn equal_names_in_two_packages_are_told_apart() {
    let first = "package shop\n\nworkflow Go():\n    close complete(\"shop\")\n\nworkflow Caller():\n    workflow Go() -> r\n";
    let second = "package lab\n\nworkflow Go():\n    close complete(\"lab\")\n\nworkflow Other():\n    workflow Go() -> r\n";
    let third = "package desk\n\nimport s \"example/shop\"\n\nworkflow Third():\n    workflow s.Go() -> r\n";
    let program = program(&[first, second, third]);
    let child = |name: &str| {
        let code = program.code(name).unwrap();
        code.instrs
            .iter()
            .find_map(|instr| match instr {
                crate::twf::code::Instr::Call(crate::twf::code::Start::Child(name, ..), _) => {
                    Some(name.to_string())
                }
                _ => None,
            })
            .unwrap()
    };
    assert_eq!(
        (child("Caller"), child("Other"), child("Third")),
        ("Go".into(), "lab.Go".into(), "Go".into())
    );
}

#[test]
fn the_digest_follows_texts_settings_and_nothing_else() {
    let one = program(&[SHOP]);
    assert_eq!(one.digest(), program(&[SHOP]).digest());
    assert_ne!(one.digest(), program(&[&SHOP.replace("30s", "31s")]).digest());
    assert_eq!(one.digest().len(), 64);
}

#[test]
fn programs_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    fn moved<T: Send + Clone>() {}
    shared::<Program>();
    moved::<crate::twf::machine::Machine>();
}

#[test]
fn the_seeds_bare_signatures_are_served_by_workflows_of_their_name() {
    let program = program(&["
nexus_service Gateway:
    operation CreateOrder(order: Order) -> OrderResult
    operation Missing(x: int) -> int

workflow CreateOrder(order: Order) -> OrderResult:
    close complete(order)

nexus_endpoint GatewayEp:
    target_namespace: orders
    target_task_queue: orders-worker
    allowed_caller_namespaces:
        - web
        - admin
"]);
    assert_eq!(program.operation("Gateway", "CreateOrder"), Some(&Backing::Workflow("CreateOrder".into())));
    assert_eq!(program.operation("Gateway", "Missing"), None);
    let endpoint = program.endpoint("GatewayEp").unwrap();
    assert_eq!((endpoint.namespace.as_str(), endpoint.task_queue.as_str()), ("orders", "orders-worker"));
    assert_eq!(endpoint.allowed_caller_namespaces, ["web", "admin"]);
}
