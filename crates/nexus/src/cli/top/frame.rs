//! One picture of a server: what two looks at its metrics say about the time between them.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::time::Timestamp;
use serde_json::json;

use super::sample::Sample;

/// Rows of each list; the rest is told as a number.
const ROWS_MAX: usize = 15;

/// What is shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    version: String,
    requests: Calls,
    in_flight: f64,
    runs: Runs,
    activities: Activities,
    process: Process,
    operations: Vec<(String, Calls)>,
    queues: Vec<Queue>,
}

/// Calls of one operation, or of all.
#[derive(Debug, Clone, PartialEq)]
struct Calls {
    per_second: f64,
    errors_per_second: f64,
    p50: Option<f64>,
    p99: Option<f64>,
    total: f64,
}

#[derive(Debug, Clone, PartialEq)]
struct Runs {
    open: f64,
    started_per_second: f64,
    closed_per_second: f64,
}

#[derive(Debug, Clone, PartialEq)]
struct Activities {
    in_flight: f64,
    attempts_per_second: f64,
    failures_per_second: f64,
}

#[derive(Debug, Clone, PartialEq)]
struct Process {
    memory_bytes: f64,
    processors: f64,
    files: f64,
    store_bytes: f64,
    commits_per_second: f64,
}

#[derive(Debug, Clone, PartialEq)]
struct Queue {
    namespace: String,
    name: String,
    backlog: f64,
    running: f64,
}

/// Two looks, and the time between them.
struct Looks<'a> {
    before: &'a Sample,
    now: &'a Sample,
    seconds: f64,
}

impl Frame {
    /// Averages since the server began.
    pub(super) fn since_start(now: &Sample, at: Timestamp) -> Frame {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds are exact until the year 287396")]
        let seconds = at.millis() as f64 / 1e3 - now.sum("process_start_time_seconds", &[]);
        Frame::of(&Looks { before: &Sample::default(), now, seconds: seconds.max(0.001) })
    }

    /// What happened between two looks.
    pub(super) fn between(before: &Sample, now: &Sample, between: Duration) -> Frame {
        Frame::of(&Looks { before, now, seconds: between.as_secs_f64().max(0.001) })
    }

    fn of(looks: &Looks<'_>) -> Frame {
        let now = looks.now;
        let number = |name| now.sum(name, &[]);
        let mut operations: Vec<(String, Calls)> = now
            .values("nexus_requests_total", "workflow")
            .into_iter()
            .map(|name| (name.to_owned(), looks.calls(&[("workflow", name)])))
            .collect();
        operations.sort_by(|(_, a), (_, b)| {
            b.per_second.total_cmp(&a.per_second).then(b.total.total_cmp(&a.total))
        });
        Frame {
            version: now
                .values("nexus_build_info", "version")
                .first()
                .copied()
                .unwrap_or_default()
                .to_owned(),
            requests: looks.calls(&[]),
            in_flight: number("nexus_requests_in_flight"),
            runs: Runs {
                open: number("nexus_runs_open"),
                started_per_second: looks.rate("nexus_runs_started_total", &[]),
                closed_per_second: looks.rate("nexus_runs_closed_total", &[]),
            },
            activities: looks.activities(),
            process: Process {
                memory_bytes: number("process_resident_memory_bytes"),
                processors: looks.rate("process_cpu_seconds_total", &[]),
                files: number("process_open_fds"),
                store_bytes: number("nexus_store_bytes"),
                commits_per_second: looks.rate("nexus_store_commits_total", &[]),
            },
            operations,
            queues: queues(now),
        }
    }

    /// The picture for programs.
    pub(super) fn to_json(&self) -> Json {
        let operations = self.operations.iter().map(|(name, calls)| {
            let mut shown = calls.to_json();
            if let Some(fields) = shown.as_object_mut() {
                fields.insert("operation".into(), name.as_str().into());
            }
            shown
        });
        let queues = self.queues.iter().map(|queue| {
            json!({
                "namespace": queue.namespace, "queue": queue.name,
                "backlog": queue.backlog, "running": queue.running,
            })
        });
        json!({
            "version": self.version,
            "requests": self.requests.to_json(),
            "requests_in_flight": self.in_flight,
            "runs": {
                "open": self.runs.open,
                "started_per_second": self.runs.started_per_second,
                "closed_per_second": self.runs.closed_per_second,
            },
            "activities": {
                "in_flight": self.activities.in_flight,
                "attempts_per_second": self.activities.attempts_per_second,
                "failures_per_second": self.activities.failures_per_second,
            },
            "process": {
                "memory_bytes": self.process.memory_bytes,
                "processors": self.process.processors,
                "open_files": self.process.files,
                "store_bytes": self.process.store_bytes,
                "commits_per_second": self.process.commits_per_second,
            },
            "operations": operations.collect::<Json>(),
            "queues": queues.collect::<Json>(),
        })
    }

    /// The picture for people.
    pub(super) fn lines(&self, server: &str) -> Vec<String> {
        let Frame { requests, runs, activities, process, .. } = self;
        let mut lines = vec![
            format!("nexus {} at {server}", self.version),
            format!(
                "requests    {:>9.1}/s  errors {:>8.1}/s  in flight {:>6.0}  p50 {:>8}  p99 {:>8}",
                requests.per_second,
                requests.errors_per_second,
                self.in_flight,
                time(requests.p50),
                time(requests.p99),
            ),
            format!(
                "runs        {:>9.1}/s  closed {:>8.1}/s  open {:>11.0}",
                runs.started_per_second, runs.closed_per_second, runs.open,
            ),
            format!(
                "activities  {:>9.1}/s  failed {:>8.1}/s  in flight {:>6.0}",
                activities.attempts_per_second, activities.failures_per_second, activities.in_flight,
            ),
            format!(
                "process     {:>7.0} % of a processor  memory {}  files {:.0}  store {}  commits {:.1}/s",
                process.processors * 100.0,
                size(process.memory_bytes),
                process.files,
                size(process.store_bytes),
                process.commits_per_second,
            ),
            String::new(),
            format!(
                "{:<40} {:>9} {:>9} {:>9} {:>9} {:>11}",
                "OPERATION", "PER S", "ERRORS/S", "P50", "P99", "ALL"
            ),
        ];
        lines.extend(self.operations.iter().take(ROWS_MAX).map(|(name, calls)| calls.row(name)));
        lines.extend(beyond(self.operations.len()));
        if !self.queues.is_empty() {
            lines.push(String::new());
            lines.push(format!("{:<40} {:>9} {:>9}", "QUEUE", "WAITING", "RUNNING"));
            let row = |queue: &Queue| {
                let name = short(&format!("{}/{}", queue.namespace, queue.name));
                format!("{name:<40} {:>9.0} {:>9.0}", queue.backlog, queue.running)
            };
            lines.extend(self.queues.iter().take(ROWS_MAX).map(row));
            lines.extend(beyond(self.queues.len()));
        }
        lines
    }
}

impl Calls {
    fn to_json(&self) -> Json {
        json!({
            "per_second": self.per_second, "errors_per_second": self.errors_per_second,
            "p50_seconds": self.p50, "p99_seconds": self.p99, "total": self.total,
        })
    }

    fn row(&self, name: &str) -> String {
        format!(
            "{:<40} {:>9.1} {:>9.1} {:>9} {:>9} {:>11.0}",
            short(name),
            self.per_second,
            self.errors_per_second,
            time(self.p50),
            time(self.p99),
            self.total,
        )
    }
}

impl Looks<'_> {
    /// How many a second. A server that began anew meanwhile counts from nothing.
    fn rate(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let (before, now) = (self.before.sum(name, labels), self.now.sum(name, labels));
        (if now < before { now } else { now - before }) / self.seconds
    }

    fn calls(&self, labels: &[(&str, &str)]) -> Calls {
        let name = "nexus_requests_total";
        let with = |status| [labels, &[("status", status)]].concat();
        let per_second = self.rate(name, labels);
        let earlier = self.before.buckets("nexus_request_duration_seconds", labels);
        let mut buckets = self.now.buckets("nexus_request_duration_seconds", labels);
        for (bound, count) in &mut buckets {
            let before = earlier.iter().find(|(known, _)| known.total_cmp(bound).is_eq());
            *count -= before.map_or(0.0, |(_, before)| *before).min(*count);
        }
        Calls {
            per_second,
            errors_per_second: (per_second - self.rate(name, &with("ok"))).max(0.0),
            p50: quantile(&buckets, 0.5),
            p99: quantile(&buckets, 0.99),
            total: self.now.sum(name, labels),
        }
    }

    fn activities(&self) -> Activities {
        let name = "nexus_activity_attempts_total";
        let of = |outcome| self.rate(name, &[("outcome", outcome)]);
        Activities {
            in_flight: self.now.sum("nexus_activities_in_flight", &[]),
            attempts_per_second: self.rate(name, &[]),
            failures_per_second: of("failed") + of("timed_out"),
        }
    }
}

fn queues(now: &Sample) -> Vec<Queue> {
    let mut all = Vec::new();
    for namespace in now.values("nexus_queue_backlog", "namespace") {
        for name in now.values("nexus_queue_backlog", "queue") {
            let labels = [("namespace", namespace), ("queue", name)];
            let (backlog, running) =
                (now.sum("nexus_queue_backlog", &labels), now.sum("nexus_queue_running", &labels));
            if backlog + running > 0.0 {
                all.push(Queue { namespace: namespace.to_owned(), name: name.to_owned(), backlog, running });
            }
        }
    }
    all.sort_by(|a, b| (b.backlog + b.running).total_cmp(&(a.backlog + a.running)));
    all
}

/// The time that this part of all calls took at most, as the classes of the histogram say it; between two bounds in
/// proportion, as Prometheus has it.
fn quantile(buckets: &[(f64, f64)], part: f64) -> Option<f64> {
    let all = buckets.last().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
    let rank = part * all;
    let at = buckets.iter().position(|(_, count)| *count >= rank)?;
    let (upper, count) = *buckets.get(at)?;
    let (lower, before) = at.checked_sub(1).and_then(|at| buckets.get(at)).copied().unwrap_or((0.0, 0.0));
    if upper.is_infinite() {
        return Some(lower);
    }
    Some(lower + (upper - lower) * ((rank - before) / (count - before).max(f64::MIN_POSITIVE)).min(1.0))
}

fn time(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(seconds) if seconds < 0.001 => format!("{:.0} µs", seconds * 1e6),
        Some(seconds) if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        Some(seconds) => format!("{seconds:.1} s"),
    }
}

fn size(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / (1024.0 * 1024.0))
}

fn short(name: &str) -> String {
    if name.chars().count() <= 40 { name.to_owned() } else { name.chars().take(39).chain(['…']).collect() }
}

fn beyond(all: usize) -> Option<String> {
    all.checked_sub(ROWS_MAX).filter(|more| *more > 0).map(|more| format!("and {more} more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_between_the_bounds_of_its_class() {
        let buckets = [(0.001, 50.0), (0.01, 99.0), (f64::INFINITY, 100.0)];
        let near = |part: f64, expected: f64| {
            let found = quantile(&buckets, part).unwrap();
            assert!((found - expected).abs() < 1e-9, "{part}: {found}");
        };
        near(0.5, 0.001);
        near(0.25, 0.0005);
        near(0.99, 0.01);
        near(1.0, 0.01);
        assert_eq!(quantile(&[(0.1, 0.0), (f64::INFINITY, 0.0)], 0.5), None);
    }

    #[test]
    fn a_frame_tells_of_the_time_between_two_looks() {
        let page = |count: u64, ok: u64| {
            format!(
                "nexus_requests_total{{channel=\"rest\",workflow=\"Take\",status=\"ok\"}} {ok}\n\
                 nexus_requests_total{{channel=\"rest\",workflow=\"Take\",status=\"NX-2001\"}} {}\n\
                 nexus_request_duration_seconds_bucket{{channel=\"rest\",workflow=\"Take\",le=\"0.001\"}} {count}\n\
                 nexus_request_duration_seconds_bucket{{channel=\"rest\",workflow=\"Take\",le=\"+Inf\"}} {count}\n\
                 nexus_build_info{{version=\"1.2.3\"}} 1\n",
                count - ok
            )
        };
        let (before, now) = (Sample::read(&page(100, 100)), Sample::read(&page(140, 130)));
        let frame = Frame::between(&before, &now, Duration::from_secs(2));
        insta::assert_snapshot!(frame.lines("http://127.0.0.1:8000").join("\n"), @r"
        nexus 1.2.3 at http://127.0.0.1:8000
        requests         20.0/s  errors      5.0/s  in flight      0  p50   500 µs  p99   990 µs
        runs              0.0/s  closed      0.0/s  open           0
        activities        0.0/s  failed      0.0/s  in flight      0
        process           0 % of a processor  memory 0.0 MiB  files 0  store 0.0 MiB  commits 0.0/s

        OPERATION                                    PER S  ERRORS/S       P50       P99         ALL
        Take                                          20.0       5.0    500 µs    990 µs         140
        ");
        // A server that began anew counts from nothing.
        let anew = Frame::between(&now, &Sample::read(&page(10, 10)), Duration::from_secs(1));
        assert!((anew.requests.per_second - 10.0).abs() < 1e-9);
    }
}
