//! What a project grants its functions, and their way to the outside.

use std::collections::HashMap;
use std::sync::Arc;

use nexus_kernel::activity::ActivityTask;
use nexus_kernel::doer::Doer;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::{BoxFuture, Json, tell_of};
use nexus_sandbox::{Capabilities, OpError};
use reqwest::Url;

use crate::outbound::address::Addresses;
use crate::outbound::fetch::Fetcher;
use crate::outbound::request::origin;
use crate::outbound::resolve::SystemResolver;
use crate::project::Project;

/// What functions are granted.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    all: Capabilities,
    of: HashMap<String, Capabilities>,
    /// There is none when no function may send requests: then no authority is read, either.
    fetcher: Option<Arc<Fetcher>>,
}

impl Grants {
    /// What the configuration says; it has been checked.
    pub(crate) fn new(project: &Project) -> Grants {
        let config = &project.config;
        let read = |tokens: &[String]| {
            Capabilities::parse(tokens.iter().map(String::as_str)).unwrap_or_default() // nothing, rather than too much
        };
        let all = Capabilities::of_project().and(read(&config.sandbox.capabilities));
        let functions = config.sandbox.functions.iter();
        let of: HashMap<_, _> = functions
            .map(|(name, function)| (name.clone(), all.clone().and(read(&function.capabilities))))
            .collect();
        let fetches = all.fetches() || of.values().any(Capabilities::fetches);
        let fetcher = fetches.then(|| {
            let addresses = Addresses::new(config.http.ranges().unwrap_or_default());
            let ca_file = config.http.ca_path(&project.root);
            Arc::new(Fetcher::new(addresses, Arc::new(SystemResolver), ca_file.as_deref()))
        });
        Grants { all, of, fetcher }
    }

    /// What a function may do.
    pub(crate) fn of(&self, activity: &str) -> &Capabilities {
        self.of.get(activity).unwrap_or(&self.all)
    }

    /// The way to the outside of one attempt.
    pub(crate) fn way(&self, task: &ActivityTask, clock: &SharedClock) -> Option<Way> {
        let grants = self.of(&task.activity);
        let fetcher = self.fetcher.clone().filter(|_| grants.fetches())?;
        Some(Way { fetcher, grants: grants.clone(), clock: Arc::clone(clock), doer: Doer::of(task) })
    }
}

/// The way of an attempt to the outside. What was denied is logged; of what was allowed, the rest is for whoever asks
/// for more detail. Paths, queries and headers are never logged.
#[derive(Clone)]
pub(crate) struct Way {
    fetcher: Arc<Fetcher>,
    grants: Capabilities,
    clock: SharedClock,
    doer: Doer,
}

impl Way {
    /// Sends a request.
    pub(crate) fn fetch(&self, asked: Json) -> BoxFuture<'static, Result<Json, OpError>> {
        let way = self.clone();
        Box::pin(async move {
            let url = asked.get("url").and_then(Json::as_str).and_then(|url| Url::parse(url).ok());
            let to = url.map_or_else(String::new, |url| origin(&url));
            let answer = way.fetcher.fetch(asked, &way.grants, &way.clock).await;
            way.audit(&to, &answer);
            answer
        })
    }

    fn audit(&self, to: &str, answer: &Result<Json, OpError>) {
        match answer {
            Ok(answer) => {
                let status = answer.get("status").and_then(Json::as_u64);
                tell_of!(self.doer, debug, target: "nexus::audit", to, status, "a function's request");
            }
            Err(error) => {
                let (code, why) = (error.code.as_deref().unwrap_or_default(), error.message.as_str());
                if error.name == "PermissionError" {
                    tell_of!(self.doer, warn, target: "nexus::audit", to, code, "denied a request: {why}");
                } else {
                    tell_of!(self.doer, debug, target: "nexus::audit", to, code, "a request failed: {why}");
                }
            }
        }
    }
}
