//! Subscriptions: what happens, as it happens, from a cursor on.
//!
//! A subscription asks for its next page when the client has taken the one before. So a client that reads slowly has
//! one page waiting, whatever happens meanwhile.

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::call::CallContext;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::Operation;
use nexus_kernel::port::event::TypeFilter;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::task;
use serde::Deserialize;
use serde_json::{Map, json};
use tokio::sync::oneshot;

use crate::channel::socket::call::{millis, read, refused};
use crate::channel::socket::line::{Kind, Line, Stop};
use crate::channel::socket::message::{self, Id, bad};
use crate::limits::{
    SOCKET_PAGE_EVENTS, SOCKET_PAUSE_SECONDS, SOCKET_SUBSCRIPTIONS_MAX, STREAM_SECONDS_SILENT_MAX,
};
use crate::pipeline::Target;
use crate::problem;

/// What `subscribe` takes: one of the two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscribeParams {
    events: Option<EventsOf>,
    run: Option<RunOf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsOf {
    #[serde(default)]
    namespace: Namespace,
    #[serde(default)]
    types: Vec<String>,
    after: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunOf {
    run_id: Option<String>,
    workflow_id: Option<String>,
    namespace: Option<String>,
    #[serde(default)]
    after: u64,
}

/// What `unsubscribe` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnsubscribeParams {
    id: Json,
}

/// What is followed.
enum Feed {
    /// Events of a namespace of these types; of all types when there are none.
    Events { namespace: Namespace, types: Vec<String>, is_anew: bool },
    /// The history of a run.
    Run { address: Map<String, Json> },
}

/// A subscription that goes on.
struct Following {
    id: Id,
    feed: Feed,
    cursor: u64,
    operation: Arc<Operation>,
    context: CallContext,
}

/// What a page comes to.
#[derive(Debug, Default, PartialEq)]
struct Pushed {
    messages: Vec<String>,
    /// Whether nothing can follow.
    is_last: bool,
}

impl Line {
    /// Begins a subscription. Its answer and what follows come from its own task.
    pub(super) fn subscribe(&self, id: &Id, params: Map<String, Json>) -> Result<(), Error> {
        let (feed, cursor) = read::<SubscribeParams>(params)?.feed()?;
        let operation = self.pipeline.catalogue().verb(feed.operation())?;
        let stop = self.open.open(id, Kind::Subscription, SOCKET_SUBSCRIPTIONS_MAX);
        let stop = stop.map_err(|why| refused(why, "subscriptions"))?;
        let context = self.context(None);
        let following = Following { id: id.clone(), feed, cursor, operation, context };
        drop(task::spawn(self.clone().follow(following, stop)));
        Ok(())
    }

    /// Ends a subscription.
    pub(super) fn unsubscribe(&self, params: Map<String, Json>) -> Result<Json, Error> {
        let UnsubscribeParams { id } = read(params)?;
        if self.open.stop(&Id::of(&id)?, Kind::Subscription, Stop::Withdraw) {
            return Ok(json!({ "unsubscribed": id }));
        }
        Err(bad(format!("no subscription with the id {id} is open")).help("it may have ended"))
    }

    async fn follow(self, mut following: Following, stop: oneshot::Receiver<Stop>) {
        let id = following.id.clone();
        tokio::select! {
            biased;
            _ = stop => {}
            () = self.shutdown.begun() => {}
            () = self.feed(&mut following) => {}
        }
        self.open.close(&id);
    }

    /// Feeds the client until it is gone, or there is nothing more to come.
    async fn feed(&self, following: &mut Following) {
        // The first question goes the way of every call: a wrong one is refused before the subscription begins.
        let input = following.input(Duration::ZERO);
        let first = self
            .pipeline
            .call(Target::Verb(following.feed.operation()), input, following.context.clone())
            .await;
        let page = match first {
            Ok(answer) => answer.output,
            Err(error) => {
                self.open.close(&following.id);
                self.answer(&following.id, Err(error)).await;
                return;
            }
        };
        let pushed = following.begin(&page);
        let begun = json!({ "subscription": following.id.to_json(), "cursor": following.cursor });
        if !self.answer(&following.id, Ok(begun)).await || !self.push(pushed).await {
            return;
        }
        let wait = Duration::from_secs(STREAM_SECONDS_SILENT_MAX);
        loop {
            let input = following.input(wait);
            let asked = self.pipeline.clock().now();
            let page = self.pipeline.page(&following.operation, input, following.context.clone()).await;
            let pushed = match page {
                Ok(page) => following.pushed(&page),
                Err(error) => following.failed(&error),
            };
            let is_empty = pushed.messages.is_empty();
            if !self.push(pushed).await {
                return;
            }
            // Whoever has nothing to tell and does not wait is not asked in a circle.
            let pause = Duration::from_secs(SOCKET_PAUSE_SECONDS);
            let clock = self.pipeline.clock();
            if is_empty && clock.now().since(asked) < pause {
                clock.sleep_until(clock.now().plus(pause)).await;
            }
        }
    }

    /// Sends what a page came to; false when nothing can follow.
    async fn push(&self, pushed: Pushed) -> bool {
        for text in pushed.messages {
            if !self.say(text).await {
                return false;
            }
        }
        !pushed.is_last
    }
}

impl SubscribeParams {
    fn feed(self) -> Result<(Feed, u64), Error> {
        match (self.events, self.run) {
            (Some(EventsOf { namespace, types, after }), None) => {
                let feed = Feed::Events { namespace, types, is_anew: after.is_none() };
                Ok((feed, after.unwrap_or(0)))
            }
            (None, Some(run)) => {
                let named =
                    [("run_id", run.run_id), ("workflow_id", run.workflow_id), ("namespace", run.namespace)];
                let address =
                    named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
                Ok((Feed::Run { address: address.collect() }, run.after))
            }
            _ => Err(bad("a subscription is to `events` or to a `run`")
                .help("give {\"events\": {\"types\": [\"order.*\"]}} or {\"run\": {\"run_id\": …}}")),
        }
    }
}

impl Feed {
    fn operation(&self) -> &'static str {
        match self {
            Feed::Events { .. } => "event.list",
            Feed::Run { .. } => "run.history",
        }
    }
}

impl Following {
    /// The next question.
    fn input(&self, wait: Duration) -> Json {
        let mut input = match &self.feed {
            Feed::Run { address } => address.clone(),
            Feed::Events { namespace, types, is_anew } => {
                let mut input = Map::new();
                input.insert("namespace".into(), json!(namespace));
                input.insert("limit".into(), if *is_anew { 1 } else { SOCKET_PAGE_EVENTS }.into());
                if let [only] = types.as_slice() {
                    input.insert("type".into(), only.as_str().into());
                }
                input
            }
        };
        if !matches!(self.feed, Feed::Events { is_anew: true, .. }) {
            input.insert("after".into(), self.cursor.into());
        }
        if !wait.is_zero() {
            input.insert("wait_ms".into(), millis(wait).into());
        }
        Json::Object(input)
    }

    /// What the first page comes to. Who begins anew begins after what there is.
    fn begin(&mut self, page: &Json) -> Pushed {
        if let Feed::Events { is_anew, .. } = &mut self.feed
            && *is_anew
        {
            *is_anew = false;
            self.cursor = number(page, "last");
            return Pushed::default();
        }
        self.pushed(page)
    }

    /// What a page comes to.
    fn pushed(&mut self, page: &Json) -> Pushed {
        match &self.feed {
            Feed::Events { .. } => self.pushed_events(page),
            Feed::Run { .. } => self.pushed_history(page),
        }
    }

    fn pushed_events(&mut self, page: &Json) -> Pushed {
        let Feed::Events { types, .. } = &self.feed else { return Pushed::default() };
        let mut messages = Vec::new();
        let missed = number(page, "missed");
        if missed > 0 {
            messages.push(self.message("missed", &json!({ "missed": missed })));
        }
        let wanted = |event: &&Json| {
            let kind = event.get("type").and_then(Json::as_str).unwrap_or_default();
            types.is_empty() || types.iter().any(|filter| TypeFilter::parse(filter).fits(kind))
        };
        for event in events(page).iter().filter(wanted) {
            let at = json!({ "cursor": number(event, "sequence"), "event": event });
            messages.push(self.message("event", &at));
        }
        let next = number(page, "next");
        if messages.is_empty() && next > self.cursor {
            // Nothing of these types: whoever comes again need not look through it once more.
            messages.push(self.message("cursor", &json!({ "cursor": next })));
        }
        self.cursor = next;
        Pushed { messages, is_last: false }
    }

    fn pushed_history(&mut self, page: &Json) -> Pushed {
        let mut messages = Vec::new();
        for event in events(page) {
            self.cursor = number(event, "id");
            messages.push(self.message("run.event", &json!({ "cursor": self.cursor, "event": event })));
        }
        let status = page.get("status").cloned().unwrap_or_default();
        let is_open = serde_json::from_value::<RunStatus>(status.clone()).is_ok_and(RunStatus::is_open);
        if !is_open {
            let run_id = page.get("run_id").cloned().unwrap_or_default();
            let end = json!({ "cursor": self.cursor, "run_id": run_id, "status": status });
            messages.push(self.message("run.ended", &end));
        }
        Pushed { messages, is_last: !is_open }
    }

    fn failed(&self, error: &Error) -> Pushed {
        let problem = problem::details(error, error.code().http, &self.context.request_id);
        let message = self.message("ended", &json!({ "cursor": self.cursor, "problem": problem }));
        Pushed { messages: vec![message], is_last: true }
    }

    /// A push of this subscription.
    fn message(&self, event: &str, data: &Json) -> String {
        let mut fields = Map::new();
        fields.insert("subscription".into(), self.id.to_json());
        fields.extend(data.as_object().cloned().unwrap_or_default());
        message::push(event, &Json::Object(fields))
    }
}

fn events(page: &Json) -> &[Json] {
    page.get("events").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn number(of: &Json, name: &str) -> u64 {
    of.get(name).and_then(Json::as_u64).unwrap_or(0)
}
