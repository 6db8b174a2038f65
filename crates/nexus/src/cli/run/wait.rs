//! Waiting for the end of a run that was started: what it does meanwhile, how long, and how to stop waiting.
//!
//! A run does not depend on who waits for it. Whoever loses patience is told where it is.

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::call::{Answer, RunAnswer};
use nexus_kernel::code;
use nexus_kernel::error::{Code, Error};
use nexus_kernel::id::RunId;
use nexus_kernel::port::clock::{Clock, SystemClock};
use nexus_kernel::time::Timestamp;
use serde_json::json;

use crate::client::{self, Client};
use crate::output::Output;
use crate::output::progress::Progress;

/// How long one question waits for an answer when nobody looks on: proxies drop silent connections.
const QUIET_MS: u64 = 25_000;

/// How long one question waits when somebody looks on, so that what a run waits for is never old news.
const LIVE_MS: u64 = 1_000;

/// How long a run may take before anything is shown of it: what ends at once needs no progress.
const PROMPT_MS: u64 = 300;

/// How a caller wants to wait.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Patience {
    /// For how long; until the end without it.
    pub(super) at_most: Option<Duration>,
    /// Whether to tell each event as it happens.
    pub(super) follow: bool,
}

/// Waits until a run has ended, and whichever run goes on in its stead.
pub(super) async fn for_end(
    client: &Client,
    run: RunAnswer,
    patience: Patience,
    output: Output,
) -> Result<Answer, Error> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let deadline = patience.at_most.map(|limit| clock.now().plus(limit));
    let progress = Progress::new(output, &run.workflow);
    let mut waiting =
        Waiting { client, run, follow: patience.follow, seen: 0, output, progress, started: clock.now() };
    let ended = tokio::select! {
        ended = waiting.end() => Ok(ended),
        () = interrupted() => Err((&code::WAIT_STOPPED, "no longer waiting".to_owned())),
        () = until(&*clock, deadline) => {
            let length = patience.at_most.unwrap_or_default();
            Err((&code::WAIT_ENDED, format!("{} did not end within {length:?}", waiting.name())))
        }
    };
    waiting.progress.clear();
    match ended {
        Ok(ended) => ended,
        Err((code, why)) => Err(goes_on(client, &waiting.run, code, why)),
    }
}

async fn until(clock: &dyn Clock, deadline: Option<Timestamp>) {
    match deadline {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Control-C. A system that cannot tell of it ends the process by itself.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What becomes of a run that nobody waits for any more.
fn goes_on(client: &Client, run: &RunAnswer, code: &'static Code, why: String) -> Error {
    let id = run.run_id.clone();
    let (fate, help) = if client.is_remote() {
        (
            format!("{} goes on as {id}", run.workflow),
            format!("`nexus run watch {id}` shows it, `nexus run cancel {id}` ends it"),
        )
    } else {
        (
            format!("{} stands still as {id}", run.workflow),
            "it goes on when the project is served: `nexus up`; nothing that happened is lost".to_owned(),
        )
    };
    Error::new(code, format!("{why}; {fate}")).help(help).run(id)
}

/// A run, and what was seen of it.
struct Waiting<'a> {
    client: &'a Client,
    run: RunAnswer,
    follow: bool,
    /// The last event that was seen.
    seen: u64,
    output: Output,
    progress: Progress,
    started: Timestamp,
}

impl Waiting<'_> {
    fn name(&self) -> String {
        self.run.workflow.clone()
    }

    async fn end(&mut self) -> Result<Answer, Error> {
        let is_watched = self.follow || self.progress.is_shown();
        let mut wait = match (self.follow, is_watched) {
            (true, _) => 0,
            (false, true) => PROMPT_MS,
            (false, false) => QUIET_MS,
        };
        loop {
            let shown = self.client.verb("run.show", self.question("wait_ms", wait)).await?;
            if let Some(successor) = client::successor(&shown) {
                self.run = RunAnswer { run_id: RunId::parse(successor)?, ..self.run.clone() };
                self.seen = 0;
                continue;
            }
            if client::is_over(&shown) {
                if self.follow {
                    self.news(0).await?;
                }
                return client::answer_of_view(self.run.clone(), shown);
            }
            if is_watched {
                wait = 0;
                let news = self.news(LIVE_MS).await?;
                self.progress.tell(&shown, news.as_ref());
            }
        }
    }

    /// Waits for an event and tells of it; gives the last one.
    async fn news(&mut self, wait: u64) -> Result<Option<Json>, Error> {
        let mut question = self.question("wait_ms", wait);
        if let (Some(fields), true) = (question.as_object_mut(), self.seen > 0) {
            fields.insert("after".into(), json!(self.seen));
        }
        let mut history = self.client.verb("run.history", question).await?;
        let events = history.get("events").and_then(Json::as_array).cloned().unwrap_or_default();
        let Some(last) = events.last().cloned() else { return Ok(None) };
        if self.follow {
            // Every event is told with the time since the start, not since the last question.
            if let Some(fields) = history.as_object_mut() {
                fields.entry("started_at").or_insert_with(|| json!(self.started.to_string()));
            }
            let is_first = self.seen == 0;
            self.progress.above(|| self.output.news(&history, &events, is_first));
        }
        self.seen = last.get("id").and_then(Json::as_u64).unwrap_or(self.seen);
        Ok(Some(last))
    }

    fn question(&self, name: &str, value: u64) -> Json {
        json!({ "run_id": self.run.run_id.as_str(), name: value })
    }
}
