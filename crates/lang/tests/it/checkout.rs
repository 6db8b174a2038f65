//! The example shop's checkout and the blocks of the seed, run to their ends on a virtual clock.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use nexus_lang::text::source::Sources;
use nexus_lang::twf::compile_sources;
use nexus_lang::twf::failure::Failure;
use nexus_lang::twf::machine::Event;
use nexus_lang::twf::program::Program;
use nexus_lang::twf::stub::{Outcome, StubHost};
use serde_json::{Map, Value as Json, json};

/// Compiles the `.twf` files of a folder of the shop, together or the one that is named.
fn compile(folder: &str, file: Option<&str>, lenient: bool) -> Program {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop").join(folder);
    let mut sources = Sources::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().to_string();
        if file.is_none_or(|file| file == name) {
            sources.add(&name, &fs::read_to_string(path).unwrap());
        }
    }
    let compiled = compile_sources(&sources, lenient);
    compiled.program.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics))
}

/// A world in which one activity fails, and the issuer wants so many seconds.
#[derive(Default)]
struct World {
    failing: Option<(&'static str, &'static str)>,
    review_seconds: u64,
    cancel_after_ms: Option<i64>,
}

/// How a checkout went: its end, and the activities in order with the status that was recorded.
struct Show {
    outcome: Outcome,
    calls: Vec<String>,
}

fn play(world: &World) -> Show {
    let program = compile("workflows", None, false);
    let calls = RefCell::new(Vec::new());
    let mut host = StubHost::with_answers(&program, |name, input, _| {
        let status = input.first().and_then(|entry| entry["status"].as_str());
        calls.borrow_mut().push(status.map_or_else(|| name.to_owned(), |status| format!("{name} {status}")));
        match world.failing {
            Some((failing, kind)) if failing == name && status.is_none_or(|status| status == "completed") => {
                Err(Box::new(Failure::application(kind, format!("{name} said no"))))
            }
            _ if name == "CheckCard" => {
                Ok(json!({ "brand": "visa", "last4": "4242", "review_seconds": world.review_seconds }))
            }
            _ => Ok(program.synthesise_activity(name)),
        }
    });
    if let Some(ms) = world.cancel_after_ms {
        host = host.after(ms, Event::CancelRequested { reason: "changed my mind".to_owned() });
    }
    let order = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop/orders/02-several-lines.json"),
    );
    let outcome = host.run("Checkout", &serde_json::from_str(&order.unwrap()).unwrap()).unwrap();
    drop(host);
    Show { outcome, calls: calls.into_inner() }
}

impl Show {
    fn called(&self, name: &str) -> usize {
        self.calls.iter().filter(|call| *call == name).count()
    }

    /// Status of the rejection.
    fn rejection(&self) -> &str {
        match &self.outcome {
            Outcome::Failed(failure) if failure.type_name == "OrderRejected" => {
                failure.details[0]["status"].as_str().unwrap()
            }
            other => panic!("{other:?} after {:?}", self.calls),
        }
    }
}

#[test]
fn a_good_order_is_charged_recorded_and_confirmed_once() {
    let show = play(&World::default());
    let Outcome::Completed(receipt) = &show.outcome else { panic!("{:?}", show.outcome) };
    assert_eq!((&receipt["status"], &receipt["order_id"]), (&json!("completed"), &json!("A-1002")));
    for name in ["CaptureCharge", "RecordOrder completed", "RenderConfirmation", "WriteOutbox"] {
        assert_eq!(show.called(name), 1, "{name}: {:?}", show.calls);
    }
    assert_eq!(show.called("ReleaseStock") + show.called("ReverseCharge"), 0, "{:?}", show.calls);
}

#[test]
fn every_failure_gives_back_what_was_taken_and_is_recorded_once() {
    for (failing, kind, status, refunds) in [
        ("ValidateOrder", "OrderInvalid", "rejected", 0),
        ("ReserveStock", "OutOfStock", "out_of_stock", 0),
        ("CheckCard", "CardDeclined", "declined", 0),
        ("CaptureCharge", "LedgerBroken", "failed", 1),
    ] {
        let show = play(&World { failing: Some((failing, kind)), ..World::default() });
        assert_eq!(show.rejection(), status, "{failing}");
        assert_eq!(show.called(&format!("RecordOrder {status}")), 1, "{:?}", show.calls);
        assert_eq!(show.called("RecordOrder completed"), 0, "{:?}", show.calls);
        assert_eq!(show.called("ReverseCharge"), refunds, "{failing}: {:?}", show.calls);
        assert_eq!(show.called("ReleaseStock"), usize::from(failing != "ValidateOrder"), "{failing}");
    }
}

#[test]
fn an_order_that_has_a_record_already_gets_no_second_one() {
    let show = play(&World { failing: Some(("RecordOrder", "DuplicateOrder")), ..World::default() });
    let Outcome::Failed(failure) = &show.outcome else { panic!("{:?}", show.outcome) };
    assert_eq!(failure.type_name, "DuplicateOrder");
    assert_eq!((show.called("ReleaseStock"), show.called("ReverseCharge")), (1, 1), "{:?}", show.calls);
    assert_eq!(show.called("RecordOrder completed"), 1, "{:?}", show.calls);
}

#[test]
fn a_slow_payment_loses_against_the_timer_and_is_barred() {
    let show = play(&World { review_seconds: 30, ..World::default() });
    assert_eq!(show.rejection(), "payment_timeout");
    assert_eq!((show.called("CaptureCharge"), show.called("ReverseCharge")), (0, 1), "{:?}", show.calls);
    let show = play(&World { review_seconds: 2, ..World::default() });
    assert!(matches!(show.outcome, Outcome::Completed(_)), "{:?}", show.outcome);
}

#[test]
fn a_cancelled_order_gives_everything_back() {
    let show = play(&World { review_seconds: 30, cancel_after_ms: Some(1_000), ..World::default() });
    assert!(matches!(show.outcome, Outcome::Canceled(_)), "{:?}", show.outcome);
    for name in ["RecordOrder cancelled", "ReleaseStock", "ReverseCharge"] {
        assert_eq!(show.called(name), 1, "{name}: {:?}", show.calls);
    }
    assert_eq!(show.called("CaptureCharge"), 0, "{:?}", show.calls);
}

/// An input that fits a closed object schema: an object for every parameter, with whatever the block reads from it.
fn any_input(schema: &Json) -> Json {
    let names = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
    let value = json!({ "payment": { "id": "p-1" }, "customer": { "name": "Ada" } });
    Json::Object(names.map(|name| (name, value.clone())).collect::<Map<_, _>>())
}

#[test]
fn every_workflow_of_the_seed_runs_to_an_end() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop/seed");
    let mut ran = 0;
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().to_string();
        let program = compile("seed", Some(&name), true);
        for workflow in program.workflows() {
            let outcome = StubHost::new(&program).run(&workflow.name, &any_input(&workflow.input_schema));
            let is_end = matches!(outcome, Ok(Outcome::Completed(_) | Outcome::Failed(_)));
            assert!(is_end, "{name}, {}: {outcome:?}", workflow.name);
            ran += 1;
        }
    }
    assert!(ran >= 10, "only {ran} workflows were found");
}
