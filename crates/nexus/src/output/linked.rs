//! The timelines of runs that belong together, as one.

use nexus_kernel::Json;
use serde_json::json;

use super::timeline;

/// Runs that Nexus operations link.
#[derive(Debug, Default)]
pub(crate) struct Linked {
    /// Their histories.
    pub(crate) histories: Vec<Json>,
    /// What is linked as well and is not shown.
    pub(crate) hidden: Vec<Elsewhere>,
}

/// Something that is linked and not shown.
#[derive(Debug)]
pub(crate) struct Elsewhere {
    /// What it is called.
    pub(crate) what: String,
    /// Why it is not shown.
    pub(crate) why: String,
}

impl Linked {
    /// For programs.
    pub(crate) fn to_json(&self) -> Json {
        let hidden = self.hidden.iter().map(|it| json!({ "what": it.what, "why": it.why }));
        json!({ "histories": self.histories, "elsewhere": hidden.collect::<Vec<_>>() })
    }

    /// The lines: which letter stands for which run, then all their events in the order of time.
    pub(super) fn lines(&self, color: bool) -> Vec<String> {
        let mut named: Vec<(char, &Json)> = ('A'..='Z').chain('a'..='z').zip(&self.histories).collect();
        let start = named.iter().filter_map(|(_, history)| timeline::start(history)).min().unwrap_or(0);
        named.sort_by_key(|(_, history)| timeline::start(history));
        let mut lines: Vec<String> =
            named.iter().map(|(letter, history)| format!("{letter}  {}", timeline::head(history))).collect();
        lines.extend(self.hidden.iter().map(|it| format!("-  {} · {}", it.what, it.why)));
        lines.push(String::new());
        let events = named.iter().flat_map(|(letter, history)| {
            timeline::events(history).iter().map(move |event| (timeline::millis(event), *letter, event))
        });
        let mut events: Vec<_> = events.collect();
        // Equal times keep the order of each history, and the caller's events come first.
        events.sort_by_key(|(at, ..)| *at);
        lines.extend(
            events
                .iter()
                .map(|(_, letter, event)| format!("{letter} {}", timeline::line(event, start, color))),
        );
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_both_sides_are_in_the_order_of_time() {
        let event = |id: u64, ms: &str, kind: &str| json!({ "id": id, "time": format!("2026-01-01T00:00:00.{ms}Z"), "type": kind });
        let history = |run: &str, namespace: &str, events: Vec<Json>| {
            let started_at = events[0]["time"].clone();
            json!({
                "run_id": run, "namespace": namespace, "workflow_id": "w", "status": "completed",
                "started_at": started_at, "events": events,
            })
        };
        let linked = Linked {
            histories: vec![
                history(
                    "run_a",
                    "shop",
                    vec![
                        event(1, "000", "WorkflowExecutionStarted"),
                        event(2, "001", "NexusOperationScheduled"),
                        event(3, "090", "NexusOperationCompleted"),
                    ],
                ),
                history(
                    "run_b",
                    "bank",
                    vec![
                        event(1, "020", "WorkflowExecutionStarted"),
                        event(2, "080", "WorkflowExecutionCompleted"),
                    ],
                ),
            ],
            hidden: vec![Elsewhere { what: "token-1".into(), why: "it is carried out elsewhere".into() }],
        };
        insta::assert_snapshot!(linked.lines(false).join("\n"));
    }
}
