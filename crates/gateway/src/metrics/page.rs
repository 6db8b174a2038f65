//! A page of metrics: samples of the declared families, written as `OpenMetrics` 1.0 or as Prometheus text 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use nexus_kernel::meter::Times;

use super::declared::{ALL, Kind, Metric};

/// What a page is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `OpenMetrics` 1.0.
    Open,
    /// Prometheus text 0.0.4.
    Plain,
}

impl Format {
    /// The media type.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Format::Open => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// What a client asks for: the better one, unless it likes the other more. Whoever does not say gets the better one.
    pub(crate) fn asked(accept: &str) -> Format {
        let liked = |wanted: &str| {
            let fits = |range: &&str| range.split(';').next().is_some_and(|name| name.trim() == wanted);
            accept.split(',').filter(fits).map(quality).max()
        };
        match (liked("application/openmetrics-text"), liked("text/plain")) {
            (None, Some(_)) => Format::Plain,
            (Some(open), Some(plain)) if plain > open => Format::Plain,
            _ => Format::Open,
        }
    }
}

/// How much a media range is liked, in thousandths.
fn quality(range: &str) -> u32 {
    let given = range.split(';').skip(1).find_map(|parameter| parameter.trim().strip_prefix("q="));
    let Some(given) = given else { return 1_000 };
    let (whole, part) = given.split_once('.').unwrap_or((given, ""));
    let part: String = part.chars().chain("000".chars()).take(3).collect();
    whole.parse::<u32>().unwrap_or(0).min(1) * 1_000 + part.parse::<u32>().unwrap_or(0)
}

/// Samples by the names of their families.
#[derive(Debug, Default)]
pub struct Page {
    samples: BTreeMap<&'static str, Vec<Sample>>,
}

#[derive(Debug)]
struct Sample {
    labels: Vec<String>,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Count(u64),
    Amount(f64),
    Times(Times),
}

impl Page {
    /// A figure of a counter. Values of labels are in the order of the declaration.
    pub fn count(&mut self, metric: &'static Metric, labels: &[&str], value: u64) {
        self.add(metric, labels, Value::Count(value));
    }

    /// A figure that is no whole number, or no counter's.
    pub fn amount(&mut self, metric: &'static Metric, labels: &[&str], value: f64) {
        self.add(metric, labels, Value::Amount(value));
    }

    /// A figure of something that can be counted now.
    pub fn number(&mut self, metric: &'static Metric, labels: &[&str], value: usize) {
        self.count(metric, labels, u64::try_from(value).unwrap_or(u64::MAX));
    }

    /// A figure of a gauge.
    pub fn gauge(&mut self, metric: &'static Metric, labels: &[&str], value: i64) {
        self.count(metric, labels, u64::try_from(value).unwrap_or(0));
    }

    /// What a histogram has seen.
    pub fn times(&mut self, metric: &'static Metric, labels: &[&str], times: Times) {
        self.add(metric, labels, Value::Times(times));
    }

    fn add(&mut self, metric: &'static Metric, labels: &[&str], value: Value) {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self.samples.entry(metric.name).or_default().push(Sample { labels, value });
    }

    /// The page as text. Families without samples are left out.
    pub(crate) fn render(&mut self, format: Format) -> String {
        let mut text = String::with_capacity(16 * 1_024);
        for metric in ALL {
            let Some(mut samples) = self.samples.remove(metric.name) else { continue };
            samples.sort_by(|a, b| a.labels.cmp(&b.labels));
            head(&mut text, metric, format);
            for sample in samples {
                line(&mut text, metric, &sample);
            }
        }
        if format == Format::Open {
            text.push_str("# EOF\n");
        }
        text
    }
}

/// The lines before the samples of a family. The older format knows neither facts nor units, and names counters whole.
fn head(text: &mut String, metric: &Metric, format: Format) {
    let (name, kind) = match format {
        Format::Open => (metric.name.to_owned(), metric.kind),
        Format::Plain => (metric.sample(), if metric.kind == Kind::Info { Kind::Gauge } else { metric.kind }),
    };
    let _ = writeln!(text, "# TYPE {name} {}", kind.word()); // a string takes everything
    if format == Format::Open && !metric.unit.is_empty() {
        let _ = writeln!(text, "# UNIT {name} {}", metric.unit);
    }
    let _ = writeln!(text, "# HELP {name} {}", metric.help);
}

fn line(text: &mut String, metric: &Metric, sample: &Sample) {
    let name = metric.sample();
    match &sample.value {
        Value::Count(count) => {
            let _ = writeln!(text, "{name}{} {count}", labels(metric, sample, None));
        }
        Value::Amount(amount) => {
            let _ = writeln!(text, "{name}{} {amount}", labels(metric, sample, None));
        }
        Value::Times(times) => histogram(text, metric, sample, times),
    }
}

fn histogram(text: &mut String, metric: &Metric, sample: &Sample, times: &Times) {
    let mut all = 0;
    let bounds = times.bounds.iter().map(|micros| seconds(*micros)).chain(["+Inf".to_owned()]);
    for (bound, count) in bounds.zip(&times.counts) {
        all += count;
        let labels = labels(metric, sample, Some(&bound));
        let _ = writeln!(text, "{}_bucket{labels} {all}", metric.name);
    }
    let labels = labels(metric, sample, None);
    let _ = writeln!(text, "{}_count{labels} {all}", metric.name);
    let _ = writeln!(text, "{}_sum{labels} {}", metric.name, seconds(times.micros));
}

/// Microseconds as seconds, exactly. A bound without a fraction has one all the same, as the grammar wants it.
fn seconds(micros: u64) -> String {
    let (whole, part) = (micros / 1_000_000, micros % 1_000_000);
    let part = format!("{part:06}");
    let part = part.trim_end_matches('0');
    format!("{whole}.{}", if part.is_empty() { "0" } else { part })
}

fn labels(metric: &Metric, sample: &Sample, bound: Option<&str>) -> String {
    let own = metric.labels.iter().copied().zip(sample.labels.iter().map(String::as_str));
    let mut text = String::new();
    for (name, value) in own.chain(bound.map(|bound| ("le", bound))) {
        text.push(if text.is_empty() { '{' } else { ',' });
        let _ = write!(text, "{name}=\"");
        value.chars().for_each(|char| escape(&mut text, char));
        text.push('"');
    }
    if !text.is_empty() {
        text.push('}');
    }
    text
}

fn escape(text: &mut String, char: char) {
    match char {
        '\\' => text.push_str("\\\\"),
        '"' => text.push_str("\\\""),
        '\n' => text.push_str("\\n"),
        other if other.is_control() => text.push('_'),
        other => text.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::super::declared::{BUILD, REQUEST_DURATION, REQUESTS, RUNS_OPEN};
    use super::*;

    fn page() -> Page {
        let mut page = Page::default();
        page.number(&RUNS_OPEN, &[], 3);
        page.count(&REQUESTS, &["rest", "a\"b\\c\nd\u{1}", "ok"], 7);
        page.count(&BUILD, &["1.0"], 1);
        let times = Times { bounds: &[1_000, 2_500_000], counts: vec![1, 2, 3], micros: 60_000_001 };
        page.times(&REQUEST_DURATION, &["mcp", "W"], times);
        page
    }

    #[test]
    fn both_formats_are_written_as_their_documents_say() {
        insta::assert_snapshot!(page().render(Format::Open), @r##"
        # TYPE nexus_requests counter
        # HELP nexus_requests Calls that ended, by door, by workflow or operation, and by error code or ok.
        nexus_requests_total{channel="rest",workflow="a\"b\\c\nd_",status="ok"} 7
        # TYPE nexus_request_duration_seconds histogram
        # UNIT nexus_request_duration_seconds seconds
        # HELP nexus_request_duration_seconds How long calls took.
        nexus_request_duration_seconds_bucket{channel="mcp",workflow="W",le="0.001"} 1
        nexus_request_duration_seconds_bucket{channel="mcp",workflow="W",le="2.5"} 3
        nexus_request_duration_seconds_bucket{channel="mcp",workflow="W",le="+Inf"} 6
        nexus_request_duration_seconds_count{channel="mcp",workflow="W"} 6
        nexus_request_duration_seconds_sum{channel="mcp",workflow="W"} 60.000001
        # TYPE nexus_runs_open gauge
        # HELP nexus_runs_open Runs that have not closed.
        nexus_runs_open 3
        # TYPE nexus_build info
        # HELP nexus_build What is running.
        nexus_build_info{version="1.0"} 1
        # EOF
        "##);
        let plain = page().render(Format::Plain);
        assert!(plain.contains("# TYPE nexus_requests_total counter\n"), "{plain}");
        assert!(plain.contains("# TYPE nexus_build_info gauge\n"), "{plain}");
        assert!(!plain.contains("# UNIT") && !plain.contains("# EOF"), "{plain}");
    }

    #[test]
    fn a_client_gets_the_format_that_it_likes_more() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let older = "application/openmetrics-text;q=0.2,text/plain;q=0.7";
        for (accept, format) in [
            ("", Format::Open),
            ("*/*", Format::Open),
            ("text/html, */*", Format::Open),
            (prometheus, Format::Open),
            ("text/plain", Format::Plain),
            ("text/plain;version=0.0.4", Format::Plain),
            (older, Format::Plain),
        ] {
            assert_eq!(Format::asked(accept), format, "{accept}");
        }
    }

    #[test]
    fn names_follow_the_rules_of_the_format() {
        for metric in ALL {
            let unit = if metric.unit.is_empty() { String::new() } else { format!("_{}", metric.unit) };
            assert!(metric.name.ends_with(&unit), "{}: the unit is the end of the name", metric.name);
            assert!(!metric.name.ends_with("_total") && !metric.name.ends_with("_info"), "{}", metric.name);
            assert!(metric.help.ends_with('.') && !metric.help.contains(['\n', '\\']), "{}", metric.help);
            let same = ALL.iter().filter(|other| other.name == metric.name).count();
            assert_eq!(same, 1, "{} is declared once", metric.name);
        }
    }
}
