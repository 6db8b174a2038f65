//! One resource and whether it has changed: what subscriptions are made of.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::allowance::Toll;
use nexus_kernel::call::Caller;
use nexus_kernel::error::Error;
use serde_json::json;

use crate::channel::mcp::resource::{Address, Reader};
use crate::channel::mcp::{Asker, McpServer};
use crate::pipeline::Target;

/// How long one look for news takes, in milliseconds.
const LOOK_MILLIS: u64 = 20_000;

/// Pause before a resource that could not be looked at is looked at again.
const PAUSE: Duration = Duration::from_secs(5);

/// Waits for changes of one resource.
pub(super) struct Follower {
    server: McpServer,
    caller: Caller,
    address: Address,
    /// Following was counted when it began.
    toll: Toll,
    /// The last event that is known, once one is.
    seen: Option<u64>,
}

impl Follower {
    /// Follows a resource from now on.
    pub(super) fn new(server: &McpServer, caller: Caller, address: Address) -> Follower {
        let toll = Toll::default();
        toll.pay(Vec::new());
        Follower { server: server.of_caller(caller.clone()), caller, address, toll, seen: None }
    }

    /// Resolves when the resource has changed. Never for what cannot change any more.
    pub(super) async fn next(&mut self) {
        loop {
            match self.look().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(%error, address = %self.address, "a resource cannot be followed");
                    let clock = self.server.pipeline().clock();
                    clock.sleep_until(clock.now().plus(PAUSE)).await;
                }
            }
        }
    }

    async fn look(&mut self) -> Result<bool, Error> {
        match &self.address {
            Address::Workflow(namespace, name) => {
                let name = format!("{namespace}/{name}");
                self.definition(&name).await;
                Ok(true)
            }
            Address::Run(id) | Address::History(id) => {
                let input =
                    json!({ "run_id": id, "after": self.seen.unwrap_or(0), "wait_ms": self.patience() });
                let history = self.verb("run.history", input).await?;
                let events = history.get("events").and_then(Json::as_array);
                let last = events.and_then(|all| all.last()?.get("id")?.as_u64());
                let is_open =
                    matches!(history.get("status").and_then(Json::as_str), Some("running" | "paused"));
                if last.is_none() && !is_open {
                    return std::future::pending().await;
                }
                Ok(self.reached(last))
            }
            Address::Events(namespace) => {
                let after = match self.seen {
                    Some(seen) => seen,
                    None => self
                        .verb("event.list", json!({ "namespace": namespace, "limit": 1 }))
                        .await
                        .map(end)?,
                };
                self.seen = Some(after);
                let input = json!({ "namespace": namespace, "after": after, "wait_ms": self.patience() });
                let last = end(self.verb("event.list", input).await?);
                Ok(self.reached(Some(last).filter(|last| *last > after)))
            }
        }
    }

    /// Resolves when the catalogue has another operation of this name.
    async fn definition(&self, name: &str) {
        let shown = || {
            let found = self.server.pipeline().find(Target::Workflow(name), &self.caller).ok()?;
            Some((found.doc.clone(), found.input.clone(), found.output.clone(), found.defined_at.clone()))
        };
        let (mut changes, before) = (self.server.shelf().changes(), shown());
        while changes.changed().await.is_ok() {
            if shown() != before {
                return;
            }
        }
        // The shelf lives as long as the server: nothing changes after it.
        std::future::pending::<()>().await;
    }

    async fn verb(&self, name: &str, input: Json) -> Result<Json, Error> {
        let request_id = self.server.pipeline().request_ids().generate().as_str().to_owned();
        let (caller, toll) = (self.caller.clone(), self.toll.clone());
        let asker = Asker { caller, request_id, toll, trace: None };
        Reader { server: &self.server, asker }.verb(name, input).await
    }

    /// The first look is there to find out where things stand, and does not wait.
    fn patience(&self) -> u64 {
        if self.seen.is_some() { LOOK_MILLIS } else { 0 }
    }

    /// Notes how far things have come; true when that is news.
    fn reached(&mut self, last: Option<u64>) -> bool {
        let is_first = self.seen.is_none();
        self.seen = last.or(self.seen).or(Some(0));
        last.is_some() && !is_first
    }
}

/// The sequence of the newest event of a page's log.
fn end(page: Json) -> u64 {
    page.get("last").and_then(Json::as_u64).unwrap_or(0)
}
