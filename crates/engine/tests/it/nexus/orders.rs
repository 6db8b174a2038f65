//! Whatever comes in whatever order: an operation has one end in its caller's history, and the program that is played again
//! does the same.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use nexus_kernel::id::RunId;
use nexus_kernel::memory::exchange::MemoryExchange;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::exchange::Exchange as _;
use nexus_rpc::{
    CancelRequest, Completion, Content, End, HandlerError, HandlerErrorKind, OperationError, Outcome,
    StartAnswer,
};
use proptest::prelude::*;
use serde_json::json;
use tokio::sync::oneshot;

use super::foreign::{Asked, callback, is_cancel};
use super::support::{beginning, ends, operations, shop};
use crate::support::World;

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A start that waits is answered: with a promise, a result, an end without one, an error that passes, one that is
    /// final, or nothing.
    Promise,
    Done,
    Ended,
    Busy,
    Refused,
    Closed,
    /// A completion is brought, with a result or without, with the token that was promised, with none, or with another.
    Complete(bool, u8),
    /// Time passes.
    Pass(u16),
    /// An operator asks for a cancellation, completes, or fails the operation.
    Cancel,
    Complement,
    Fail,
    /// The run is cancelled, terminated.
    CancelRun,
    Terminate,
    /// The server is restarted.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    use Step as S;
    prop_oneof![
        4 => prop::sample::select(vec![S::Promise, S::Done, S::Ended, S::Busy, S::Refused, S::Closed]),
        2 => Just(S::Promise),
        3 => (any::<bool>(), 0_u8..3).prop_map(|(done, token)| S::Complete(done, token)),
        3 => (1_u16..40).prop_map(S::Pass),
        1 => prop::sample::select(vec![S::Cancel, S::Complement, S::Fail]),
        1 => prop::sample::select(vec![S::CancelRun, S::Terminate, S::Restart]),
    ]
}

/// Starts that wait for their answer.
type Waiting = Arc<Mutex<VecDeque<oneshot::Sender<Option<Response<Vec<u8>>>>>>>;

/// A caller, and whoever it calls, who says nothing until it is told to.
struct Stage {
    net: MemoryExchange,
    clock: nexus_kernel::memory::clock::SimClock,
    store: SharedStore,
    asked: Asked,
    waiting: Waiting,
    shop: Option<World>,
}

impl Stage {
    async fn new() -> Stage {
        let clock = beginning();
        let net = MemoryExchange::new(Arc::new(clock.clone()));
        let (asked, waiting) = (Asked::default(), Waiting::default());
        let (kept, queue) = (Arc::clone(&asked), Arc::clone(&waiting));
        let server = move |request: Request<Vec<u8>>| -> nexus_kernel::BoxFuture<'static, _> {
            if is_cancel(&request) {
                return Box::pin(async { Some(CancelRequest::heard()) });
            }
            let (sender, answer) = oneshot::channel();
            kept.lock().unwrap().push(request);
            queue.lock().unwrap().push_back(sender);
            Box::pin(async move { answer.await.ok().flatten() })
        };
        net.serve("bank.test", Arc::new(server));
        let store: SharedStore = Arc::new(MemoryStore::new());
        let shop = Some(shop(&net, &clock, Arc::clone(&store)).await);
        Stage { net, clock, store, asked, waiting, shop }
    }

    fn shop(&self) -> &World {
        self.shop.as_ref().unwrap()
    }

    /// Answers the first start that somebody still waits for.
    fn answer(&self, answer: &dyn Fn() -> Option<Response<Vec<u8>>>) {
        while let Some(sender) = self.waiting.lock().unwrap().pop_front() {
            if !sender.is_closed() {
                let _ = sender.send(answer());
                return;
            }
        }
    }

    async fn complete(&self, outcome: Outcome, token: Option<&str>) {
        if self.asked.lock().unwrap().is_empty() {
            return;
        }
        let Some((url, headers)) = callback(&self.asked, 0) else { return };
        let token = token.map(ToOwned::to_owned);
        let completion = Completion { token, headers, ..Completion::new(outcome) };
        let request = completion.to_http(&url).unwrap();
        self.net.exchange(request, Duration::from_secs(10)).await.unwrap();
    }

    async fn operate(&self, verb: &str, more: serde_json::Value) {
        for shown in operations(self.shop()).await {
            let mut input = more.clone();
            input["operation_id"] = shown["operation_id"].clone();
            let _ = self.shop().call(verb, input).await; // it may have ended
        }
    }

    async fn take(&mut self, step: Step, run: &RunId) {
        let done = || Outcome::Done(Content::json(&json!("completed")));
        let ended = || OperationError::new(End::Failed, "ended");
        match step {
            Step::Promise => {
                self.answer(&|| {
                    Some(StartAnswer::Started { token: "t".into(), links: Vec::new() }.to_http())
                });
            }
            Step::Done => self.answer(&|| {
                let content = Content::json(&json!("done"));
                Some(StartAnswer::Done { content, links: Vec::new() }.to_http())
            }),
            Step::Ended => self.answer(&|| Some(StartAnswer::Ended(ended()).to_http())),
            Step::Busy => {
                self.answer(&|| Some(HandlerError::new(HandlerErrorKind::Unavailable, "busy").to_http()));
            }
            Step::Refused => {
                self.answer(&|| Some(HandlerError::new(HandlerErrorKind::BadRequest, "no").to_http()));
            }
            Step::Closed => self.answer(&|| None),
            Step::Complete(is_done, token) => {
                let outcome = if is_done { done() } else { Outcome::Ended(ended()) };
                self.complete(outcome, [None, Some("t"), Some("another")][usize::from(token)]).await;
            }
            Step::Pass(seconds) => self.clock.advance(Duration::from_secs(u64::from(seconds))),
            Step::Cancel => self.operate("operation.cancel", json!({})).await,
            Step::Complement => self.operate("operation.complete", json!({ "result": 1 })).await,
            Step::Fail => self.operate("operation.fail", json!({ "message": "no" })).await,
            Step::CancelRun => drop(self.shop().engine.cancel(run, "enough").await),
            Step::Terminate => drop(self.shop().engine.terminate(run, "enough").await),
            Step::Restart => {
                self.shop.take().unwrap().stop().await;
                self.shop = Some(shop(&self.net, &self.clock, Arc::clone(&self.store)).await);
            }
        }
        self.shop().settle().await;
    }
}

async fn play(workflow: &str, steps: &[Step]) {
    let mut stage = Stage::new().await;
    let run = stage.shop().start(workflow, json!({ "x": 1 })).await.run_id;
    stage.shop().settle().await;
    for step in steps {
        stage.take(*step, &run).await;
    }
    tell_all(&mut stage, &run).await;
    check(stage.shop(), workflow, &run).await;
    stage.shop.take().unwrap().stop().await;
}

/// In the end everybody is told everything.
async fn tell_all(stage: &mut Stage, run: &RunId) {
    for turn in 0.. {
        stage.take(Step::Promise, run).await;
        stage.take(Step::Complete(true, 1), run).await;
        let rests = stage.store.live(0, 1).await.unwrap().is_empty();
        if rests {
            break;
        }
        assert!(turn < 200, "the work never ends");
        stage.take(Step::Pass(3_600), run).await;
    }
}

/// What holds of a run that has ended, whatever happened to it.
async fn check(shop: &World, workflow: &str, run: &RunId) {
    let history = shop.engine.history(run).await.unwrap();
    let is_cut_short = matches!(
        history.events.last().unwrap().event.name(),
        "WorkflowExecutionTerminated" | "WorkflowExecutionCanceled"
    );
    let count = ends(&history, 1);
    let may_have_none = is_cut_short || !WAITING.contains(&workflow);
    assert!(count == 1 || (count == 0 && may_have_none), "{count} ends: {history:#?}");
    let names: Vec<_> = history.events.iter().map(|it| it.event.name()).collect();
    let started = names.iter().filter(|name| **name == "NexusOperationStarted").count();
    assert!(started <= 1, "{names:?}");
    let played = shop.engine.playback(run, None).await.unwrap();
    assert!(played["stuck"].is_null(), "{played:#}");
    assert!(operations(shop).await.is_empty());
}

/// Those that wait for the end whatever it is, and those that may go on without it.
const WAITING: [&str; 6] = ["Block", "Limited", "Hurried", "Short", "Stop", "Tried"];
const LEAVING: [&str; 5] = ["Race", "Drop", "Leave", "Detach", "ShortDetached"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn an_operation_ends_once_whatever_comes_in_whatever_order(
        workflow in prop::sample::select([&WAITING[..], &LEAVING[..]].concat()),
        steps in prop::collection::vec(step(), 1..14),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(workflow, &steps));
    }
}
