//! What is counted of calls, while they pass the pipeline.
//!
//! Only names that are in the catalogue become labels, and no more than so many of them: whoever calls what is not there
//! is counted under one name. A call that ends costs a look into two tables and three additions.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use nexus_kernel::call::Channel;
use nexus_kernel::code;
use nexus_kernel::meter::{Bounded, Counter, Gauge, Histogram};
use nexus_kernel::operation::Operation;

use super::declared::{
    CHANNEL_ERRORS, IDEMPOTENCY_HITS, NAMESPACE_REQUESTS, REQUEST_DURATION, REQUESTS, REQUESTS_IN_FLIGHT,
};
use super::page::Page;
use crate::limits::{METRIC_NAMESPACES_MAX, METRIC_OPERATIONS_MAX};

/// The label of everything that has none of its own.
pub const OTHER: &str = "_other";

/// The status of a call that went well.
const OK: &str = "ok";

/// The doors, in the order in which they are kept.
const DOORS: [Channel; 6] =
    [Channel::Rest, Channel::Cli, Channel::Mcp, Channel::Socket, Channel::Nexus, Channel::Embedded];

/// What is known of all calls.
pub(crate) struct Calls {
    operations: Bounded<String, ByDoor>,
    namespaces: Bounded<String, Counter>,
    /// Calls that have not ended.
    pub(crate) in_flight: Gauge,
    /// Calls that repeated an earlier one.
    pub(crate) replayed: Counter,
}

/// The calls of one operation.
#[derive(Default)]
struct ByDoor([OnceLock<Box<Ended>>; DOORS.len()]);

/// The calls of one operation that came through one door.
struct Ended {
    times: Histogram,
    ok: Counter,
    failed: Bounded<&'static str, Counter>,
}

impl Default for Ended {
    fn default() -> Ended {
        Ended { times: Histogram::default(), ok: Counter::default(), failed: Bounded::new(code::ALL.len()) }
    }
}

impl Default for Calls {
    fn default() -> Calls {
        Calls {
            operations: Bounded::new(METRIC_OPERATIONS_MAX),
            namespaces: Bounded::new(METRIC_NAMESPACES_MAX),
            in_flight: Gauge::default(),
            replayed: Counter::default(),
        }
    }
}

impl Calls {
    /// Notes that a call has ended; of which operation, when there is one.
    pub(crate) fn ended(
        &self,
        channel: Channel,
        operation: Option<&Operation>,
        (failed, took): (Option<&'static str>, Duration),
    ) {
        if let Some(namespace) = operation.and_then(|operation| operation.namespace.as_ref()) {
            self.namespaces.of(namespace.as_str()).one();
        }
        let doors = match operation {
            Some(operation) => self.operations.of(operation.name.as_str()),
            None => Arc::clone(self.operations.others()),
        };
        let Some(door) = place(channel).and_then(|place| doors.0.get(place)) else { return };
        let ended = door.get_or_init(Box::default);
        ended.times.note(took);
        match failed {
            None => ended.ok.one(),
            Some(code) => ended.failed.of(&code).one(),
        }
    }

    /// Writes the figures.
    pub(crate) fn show(&self, page: &mut Page) {
        page.gauge(&REQUESTS_IN_FLIGHT, &[], self.in_flight.get());
        page.count(&IDEMPOTENCY_HITS, &[], self.replayed.get());
        let mut errors = BTreeMap::new();
        for (name, doors) in self.operations.all() {
            show(page, &name, &doors, &mut errors);
        }
        show(page, OTHER, self.operations.others(), &mut errors);
        for ((channel, code), count) in errors {
            page.count(&CHANNEL_ERRORS, &[&channel, code], count);
        }
        for (namespace, count) in self.namespaces.all() {
            page.count(&NAMESPACE_REQUESTS, &[&namespace], count.get());
        }
        let others = self.namespaces.others().get();
        if others > 0 {
            page.count(&NAMESPACE_REQUESTS, &[OTHER], others);
        }
    }
}

fn place(channel: Channel) -> Option<usize> {
    DOORS.iter().position(|door| *door == channel)
}

/// Errors by door and code.
type Errors = BTreeMap<(String, &'static str), u64>;

fn show(page: &mut Page, name: &str, doors: &ByDoor, errors: &mut Errors) {
    let known = DOORS.iter().zip(&doors.0).filter_map(|(door, ended)| Some((door, ended.get()?)));
    for (door, ended) in known {
        let door = door.to_string();
        let times = ended.times.get();
        page.times(&REQUEST_DURATION, &[&door, name], times);
        let ok = ended.ok.get();
        if ok > 0 {
            page.count(&REQUESTS, &[&door, name, OK], ok);
        }
        for (code, count) in ended.failed.all() {
            page.count(&REQUESTS, &[&door, name, code], count.get());
            *errors.entry((door.clone(), code)).or_default() += count.get();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::Format;
    use super::*;

    #[test]
    fn calls_of_what_is_not_there_have_one_name() {
        let calls = Calls::default();
        for _ in 0..1_000 {
            calls.ended(Channel::Rest, None, (Some("NX-2002"), Duration::from_millis(1)));
        }
        let mut page = Page::default();
        calls.show(&mut page);
        let text = page.render(Format::Open);
        let line = "nexus_requests_total{channel=\"rest\",workflow=\"_other\",status=\"NX-2002\"} 1000\n";
        assert!(text.contains(line), "{text}");
        assert!(
            text.contains("nexus_channel_errors_total{channel=\"rest\",code=\"NX-2002\"} 1000\n"),
            "{text}"
        );
        assert!(text.lines().count() < 40, "{text}");
    }
}
