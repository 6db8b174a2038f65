//! What a project grants its functions, and their way to the outside.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use nexus_kernel::activity::ActivityTask;
use nexus_kernel::doer::Doer;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::trace::TraceContext;
use nexus_kernel::{BoxFuture, Json, tell_of};
use nexus_sandbox::{Capabilities, OpError};
use reqwest::Url;

use super::one_line;
use super::standing::Standing;
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
    addresses: Addresses,
    ca_file: Option<PathBuf>,
    /// Made when it is needed: where no function may send requests no authority is read, either.
    fetcher: OnceLock<Arc<Fetcher>>,
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
        let addresses = Addresses::new(config.http.ranges().unwrap_or_default());
        let ca_file = config.http.ca_path(&project.root);
        let grants = Grants { all, of, addresses, ca_file, fetcher: OnceLock::new() };
        if fetches {
            // What is wrong with an authority is told at the start.
            grants.fetcher();
        }
        grants
    }

    fn fetcher(&self) -> Arc<Fetcher> {
        let make = || {
            let resolver = Arc::new(SystemResolver);
            Arc::new(Fetcher::new(self.addresses.clone(), resolver, self.ca_file.as_deref()))
        };
        Arc::clone(self.fetcher.get_or_init(make))
    }

    /// What a function may do.
    pub(crate) fn of(&self, activity: &str) -> &Capabilities {
        self.of.get(activity).unwrap_or(&self.all)
    }
}

/// The way of an attempt to the outside. What was denied is logged; of what was allowed, the rest is for whoever asks
/// for more detail. Paths, queries and headers are never logged.
#[derive(Clone)]
pub(crate) struct Way {
    standing: Arc<Standing>,
    activity: String,
    /// Granted beside what the project grants.
    more: Capabilities,
    clock: SharedClock,
    doer: Doer,
    trace: Option<TraceContext>,
}

impl Way {
    /// The way of an attempt, by the grants and addresses that hold whenever it sends a request.
    pub(crate) fn new(
        standing: Arc<Standing>,
        task: &ActivityTask,
        more: Capabilities,
        clock: SharedClock,
    ) -> Way {
        let (activity, trace) = (task.activity.clone(), task.trace.clone());
        Way { standing, activity, more, clock, doer: Doer::of(task), trace }
    }

    /// Sends a request.
    pub(crate) fn fetch(&self, asked: Json) -> BoxFuture<'static, Result<Json, OpError>> {
        let way = self.clone();
        Box::pin(async move {
            let url = asked.get("url").and_then(Json::as_str).and_then(|url| Url::parse(url).ok());
            let to = url.map_or_else(String::new, |url| origin(&url));
            let bindings = way.standing.bindings();
            let grants = bindings.grants.of(&way.activity).clone().and(way.more.clone());
            let fetcher = bindings.grants.fetcher();
            let answer = fetcher.fetch(asked, &grants, (&way.clock, way.trace.as_ref())).await;
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
                let (code, why) = (error.code.as_deref().unwrap_or_default(), one_line(&error.message));
                if error.name == "PermissionError" {
                    tell_of!(self.doer, warn, target: "nexus::audit", to, code, "denied a request: {why}");
                } else {
                    tell_of!(self.doer, debug, target: "nexus::audit", to, code, "a request failed: {why}");
                }
            }
        }
    }
}
