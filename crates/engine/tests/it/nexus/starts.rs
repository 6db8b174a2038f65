//! Starts that somebody outside asks for: who may, what makes two requests one, and what is promised.

use std::time::Duration;

use nexus_engine::namespaces::{NamespaceSettings, Settings};
use nexus_engine::nexus::serve::{OperationRun, OperationStart};
use nexus_engine::nexus::{EndpointSpec, Target};
use nexus_engine::record::{Callback, CallerInfo};
use nexus_kernel::Json;
use nexus_kernel::access::Grants;
use nexus_kernel::call::{CallContext, Channel};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::verb::Part as _;
use serde_json::json;

use super::support::{BANK_URL, Two, eventually, leads_to, nexus_events, runs};
use crate::support::World;

/// A request of a namespace.
pub(super) fn asked(namespace: &str, endpoint: &str, operation: &str, input: Json) -> OperationStart {
    let namespace = Namespace::new(namespace).unwrap();
    OperationStart {
        endpoint: endpoint.to_owned(),
        service: "Billing".to_owned(),
        operation: operation.to_owned(),
        input,
        caller: CallerInfo { namespace, ..CallerInfo::default() },
        is_outside: true,
        request_id: Some("one".to_owned()),
        callback: None,
        timeout: None,
        links: Vec::new(),
        trace: None,
    }
}

pub(super) async fn start(world: &World, start: OperationStart) -> Result<OperationRun, Error> {
    let patience = Some(Duration::from_secs(9));
    world.until(world.engine.start_operation(start, (patience, false))).await
}

async fn code_of(world: &World, asked: OperationStart) -> &'static str {
    start(world, asked).await.unwrap_err().code().id
}

#[tokio::test]
async fn the_same_request_is_one_operation() {
    let two = Two::new().await;
    let charge = |input: Json| asked("default", "bank", "Charge", input);
    let first = start(&two.bank, charge(json!(5))).await.unwrap();
    let again = start(&two.bank, charge(json!(5))).await.unwrap();
    assert_eq!((&first.token, &first.run_id), (&again.token, &again.run_id));
    assert!(first.outcome.is_none() && again.outcome.is_none());
    assert_eq!(code_of(&two.bank, charge(json!(6))).await, "NX-2809");
    let other = OperationStart { operation: "Wait".into(), ..charge(json!(5)) };
    assert_eq!(code_of(&two.bank, other).await, "NX-2809", "another operation");
    let bank = &two.bank;
    let ended = || async { runs(bank, "ChargeCard").await[0].status == RunStatus::Completed };
    eventually(bank, ended).await;
    let late = start(bank, charge(json!(5))).await.unwrap();
    assert_eq!(late.run_id, first.run_id, "also when it has ended");
    assert_eq!(code_of(bank, charge(json!(6))).await, "NX-2809");
    let different = OperationStart { request_id: Some("two".into()), ..charge(json!(5)) };
    assert_ne!(start(bank, different).await.unwrap().run_id, first.run_id);
    assert_eq!(runs(bank, "ChargeCard").await.len(), 2);
    two.stop().await;
}

#[tokio::test]
async fn a_conflict_is_found_out_when_the_run_has_gone_on_as_another() {
    let two = Two::new().await;
    let chained = |input: Json| asked("default", "bank", "Chained", input);
    let first = start(&two.bank, chained(json!(2))).await.unwrap();
    let bank = &two.bank;
    for done in [false, true] {
        if done {
            let all = || async {
                let rows = runs(bank, "Repeat").await;
                rows.len() == 3 && rows.iter().all(|row| !row.status.is_open())
            };
            eventually(bank, all).await;
        } else {
            eventually(bank, || async { runs(bank, "Repeat").await.len() == 2 }).await;
        }
        assert_eq!(start(bank, chained(json!(2))).await.unwrap().token, first.token);
        assert_eq!(code_of(bank, chained(json!(3))).await, "NX-2809", "{done}");
    }
    two.stop().await;
}

/// An endpoint that leads to a queue of the bank.
fn registered(name: &str, task_queue: &str, allowed: &[&str]) -> EndpointSpec {
    EndpointSpec {
        name: name.into(),
        target: Target::Worker { namespace: Namespace::new("bank").unwrap(), task_queue: task_queue.into() },
        allowed_caller_namespaces: allowed.iter().map(|&it| it.to_owned()).collect(),
        description: String::new(),
    }
}

#[tokio::test]
async fn an_endpoint_opens_what_is_registered_behind_it_and_no_more() {
    let two = Two::new().await;
    for (name, queue) in [("side", "elsewhere"), ("front", "there")] {
        two.bank.engine.create_endpoint(registered(name, queue, &["default"])).await.unwrap();
    }
    let call = |endpoint: &str| asked("default", endpoint, "Charge", json!(1));
    assert_eq!(code_of(&two.bank, call("side")).await, "NX-2806");
    assert!(runs(&two.bank, "ChargeCard").await.is_empty());
    assert!(start(&two.bank, call("front")).await.is_ok());
    let shown = two.bank.call("service.show", json!({ "name": "Billing" })).await.unwrap();
    assert_eq!(shown["endpoints"], json!(["bank", "front"]));
    two.stop().await;
}

#[tokio::test]
async fn who_is_not_allowed_starts_nothing() {
    let two = Two::new().await;
    let spec = |name: &str, allowed: &[&str]| registered(name, "there", allowed);
    for made in [spec("nobody", &[]), spec("anybody", &["*"]), spec("first", &["default"])] {
        two.bank.engine.create_endpoint(made).await.unwrap();
    }
    let call = |namespace: &str, endpoint: &str| asked(namespace, endpoint, "Charge", json!(1));
    assert_eq!(code_of(&two.bank, call("other", "bank")).await, "NX-2807");
    assert_eq!(code_of(&two.bank, call("default", "nobody")).await, "NX-2807", "an empty list, from outside");
    let unseen = OperationStart { operation: "Nonsense".into(), ..call("other", "bank") };
    assert_eq!(code_of(&two.bank, unseen).await, "NX-2807", "nothing is told of what is behind it");
    assert!(runs(&two.bank, "ChargeCard").await.is_empty(), "a refused call starts nothing");
    assert!(start(&two.bank, call("other", "anybody")).await.is_ok());
    let before = start(&two.bank, call("default", "first")).await.unwrap();
    let rename = |spec: &mut EndpointSpec| spec.name = "second".into();
    let renamed = two.bank.engine.update_endpoint(("first", None), rename).await.unwrap();
    assert_eq!(code_of(&two.bank, call("default", "first")).await, "NX-2801");
    let same = start(&two.bank, call("default", "second")).await.unwrap();
    assert_eq!(same.run_id, before.run_id, "it is the same endpoint by another name");
    let by_id = start(&two.bank, call("default", renamed.id.as_str())).await.unwrap();
    assert_eq!(by_id.run_id, before.run_id);
    two.bank.engine.delete_endpoint(("second", None)).await.unwrap();
    for name in ["second", renamed.id.as_str()] {
        assert_eq!(code_of(&two.bank, call("default", name)).await, "NX-2801");
    }
    assert_eq!(runs(&two.bank, "ChargeCard").await.len(), 2);
    two.stop().await;
}

#[tokio::test]
async fn callers_learn_why_they_were_refused() {
    let two = Two::new().await;
    assert_eq!(two.run("Unknown", json!({ "x": 1 })).await.result, json!("NexusNotFoundError"));
    let misfit = two.run("Quote", json!({ "x": "two" })).await.failure.unwrap();
    assert_eq!(misfit.root().type_name, "BAD_REQUEST");
    let elsewhere = BANK_URL.replace("endpoints/bank", "endpoints/vault");
    two.shop.engine.configure_endpoints(vec![leads_to("bank", &elsewhere)]);
    let gone = two.run("Block", json!({ "x": 1 })).await.failure.unwrap();
    assert_eq!(gone.type_name, "NexusNotFoundError");
    two.shop.engine.configure_endpoints(Vec::new());
    let nowhere = two.run("Block", json!({ "x": 1 })).await;
    assert_eq!(nowhere.failure.unwrap().type_name, "NexusNotFoundError");
    assert_eq!(
        nexus_events(&two.shop, &nowhere.run_id).await,
        ["NexusOperationScheduled", "NexusOperationFailed"]
    );
    for workflow in ["ChargeCard", "Billing.Quote"] {
        assert!(runs(&two.bank, workflow).await.is_empty());
    }
    two.stop().await;
}

#[tokio::test]
async fn an_operation_that_takes_long_is_promised_and_told_of_once() {
    let two = Two::new().await;
    let outcome = two.run("Ponder", json!({ "x": 5 })).await;
    assert_eq!(outcome.result, json!(15));
    assert_eq!(
        nexus_events(&two.shop, &outcome.run_id).await,
        ["NexusOperationScheduled", "NexusOperationStarted", "NexusOperationCompleted"]
    );
    let rows = runs(&two.bank, "Billing.Ponder").await;
    assert_eq!(rows.len(), 1);
    let history = two.bank.engine.history(&rows[0].run_id).await.unwrap();
    let callbacks =
        history.events.iter().filter(|it| it.event.name() == "WorkflowExecutionOptionsUpdated").count();
    assert_eq!(callbacks, 1);
    two.stop().await;
}

#[tokio::test]
async fn the_same_promise_twice_is_one_completion() {
    let two = Two::new().await;
    let told = super::foreign::script(&two.net, "elsewhere.test", |_, _| {
        super::foreign::Said::Answer(nexus_rpc::Completion::taken())
    });
    let callback = Callback { url: "http://elsewhere.test/told".into(), headers: [].into() };
    let ponder = || OperationStart {
        callback: Some(callback.clone()),
        ..asked("default", "bank", "Ponder", json!(5))
    };
    for _ in 0..3 {
        assert!(start(&two.bank, ponder()).await.unwrap().outcome.is_none());
    }
    let bank = &two.bank;
    eventually(bank, || async { !told.lock().unwrap().is_empty() }).await;
    let late = start(bank, ponder()).await.unwrap();
    assert_eq!(late.outcome.unwrap().result, json!(15), "whoever asks when it is over is told at once");
    bank.settle().await;
    assert_eq!(told.lock().unwrap().len(), 1);
    two.stop().await;
}

/// Whoever waits for an operation takes no place among those that are about to begin one.
#[tokio::test]
async fn a_quota_counts_an_operation_that_is_waited_for_once() {
    let two = Two::new().await;
    let own = NamespaceSettings { runs_max: Some(2), ..NamespaceSettings::default() };
    let namespaces = [(Namespace::new("bank").unwrap(), own)].into();
    two.bank.engine.configure(Settings { namespaces, ..Settings::default() });
    let ponder = |id: &str| OperationStart {
        request_id: Some(id.to_owned()),
        ..asked("default", "bank", "Ponder", json!(5))
    };
    let engine = &two.bank.engine;
    let start = |id: &str| engine.start_operation(ponder(id), (Some(Duration::from_secs(9)), false));
    let both = async { tokio::join!(start("one"), start("two")) };
    let (one, other) = Box::pin(two.bank.until(both)).await;
    assert!(one.unwrap().outcome.is_none() && other.unwrap().outcome.is_none());
    let third = two.bank.until(start("three")).await.unwrap_err();
    assert_eq!(third.code().id, code::QUOTA_REACHED.id);
    two.stop().await;
}

/// What an operation gives is for its endpoint to allow, not for what its caller may see besides.
#[tokio::test]
async fn whoever_sees_no_runs_is_told_the_result_nevertheless() {
    let two = Two::new().await;
    let mut context = CallContext::new(Channel::Cli, "somebody");
    context.reach = Grants::default().anywhere();
    let blind = two.bank.engine.seen_by(&context);
    for _ in 0..2 {
        let quote = asked("default", "bank", "Quote", json!(4));
        let run = two.bank.until(blind.start_operation(quote, (None, false))).await.unwrap();
        assert_eq!(run.outcome.unwrap().result, json!(8));
        assert!(blind.row(&run.run_id).await.is_err());
    }
    two.stop().await;
}
