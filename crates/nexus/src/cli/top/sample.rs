//! A page of metrics as numbers by name and labels.

use std::collections::{BTreeMap, BTreeSet};

/// What a server said at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    all: Vec<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Sample {
    /// Reads a page of our own server; lines that are none are passed over.
    pub(super) fn read(text: &str) -> Sample {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Sample { all: lines.filter_map(line).collect() }
    }

    /// The sum of all samples of a name whose labels have these values.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        // The sum of nothing is less than nothing for floats, and shows.
        self.of(name, labels).fold(0.0, |sum, line| sum + line.value)
    }

    /// All values of a label.
    pub(super) fn values<'a>(&'a self, name: &'a str, label: &'a str) -> BTreeSet<&'a str> {
        self.of(name, &[]).filter_map(|line| line.labels.get(label)).map(String::as_str).collect()
    }

    /// Counts by the upper bounds of a histogram, added up over all other labels, in order.
    pub(super) fn buckets(&self, name: &str, labels: &[(&str, &str)]) -> Vec<(f64, f64)> {
        let mut all: Vec<(f64, f64)> = Vec::new();
        for line in self.of(&format!("{name}_bucket"), labels) {
            let Some(bound) = line.labels.get("le").and_then(|bound| bound.parse::<f64>().ok()) else {
                continue;
            };
            match all.iter_mut().find(|(known, _)| known.total_cmp(&bound).is_eq()) {
                Some((_, count)) => *count += line.value,
                None => all.push((bound, line.value)),
            }
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all
    }

    fn of(&self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = &Line> {
        let fits = move |line: &&Line| {
            line.name == name
                && labels.iter().all(|(name, value)| line.labels.get(*name).is_some_and(|it| it == value))
        };
        self.all.iter().filter(fits)
    }
}

fn line(text: &str) -> Option<Line> {
    let (head, value) = text.rsplit_once(' ')?;
    let (name, labels) = match head.split_once('{') {
        Some((name, labels)) => (name, read_labels(labels.strip_suffix('}')?)),
        None => (head, BTreeMap::new()),
    };
    Some(Line { name: name.to_owned(), labels, value: value.parse().ok()? })
}

fn read_labels(text: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut rest = text;
    while let Some((name, behind)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut chars = behind.chars();
        while let Some(char) = chars.next() {
            match char {
                '"' => break,
                '\\' => value.extend(chars.next().map(|next| if next == 'n' { '\n' } else { next })),
                other => value.push(other),
            }
        }
        all.insert(name.trim_start_matches(',').to_owned(), value);
        rest = chars.as_str();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_numbers_by_name_and_labels() {
        let sample = Sample::read(
            "# TYPE a counter\na_total{x=\"1\",y=\"q\\\"}\\n\"} 2\na_total{x=\"2\",y=\"\"} 3.5\nb 7\n\
             h_bucket{x=\"1\",le=\"0.5\"} 1\nh_bucket{x=\"1\",le=\"+Inf\"} 2\nh_bucket{x=\"2\",le=\"0.5\"} 4\n# EOF\n",
        );
        assert!((sample.sum("a_total", &[]) - 5.5).abs() < 1e-9);
        assert!((sample.sum("a_total", &[("x", "2")]) - 3.5).abs() < 1e-9);
        assert_eq!(sample.values("a_total", "y"), BTreeSet::from(["q\"}\n", ""]));
        assert_eq!(sample.buckets("h", &[]), [(0.5, 5.0), (f64::INFINITY, 2.0)]);
    }
}
