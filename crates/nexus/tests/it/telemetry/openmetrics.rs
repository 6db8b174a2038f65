//! The grammar of `OpenMetrics` 1.0, as strict as its document: whatever is not said there is an error here.

use std::collections::{BTreeMap, BTreeSet};

/// A page that has been read.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Kind, unit and help by family.
    pub(super) families: BTreeMap<String, Family>,
    /// Value by name and labels.
    pub(super) samples: BTreeMap<(String, Labels), f64>,
}

/// Labels in order of their names.
pub(super) type Labels = Vec<(String, String)>;

#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) kind: String,
    unit: Option<String>,
    help: Option<String>,
}

impl Page {
    /// The sum of all samples of a name whose labels have these values.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |own: &Labels| {
            labels.iter().all(|(name, value)| own.iter().any(|(n, v)| n == name && v == value))
        };
        let all = self.samples.iter().filter(|((sample, own), _)| sample == name && fits(own));
        all.map(|(_, value)| value).sum()
    }

    /// All values of a label.
    pub(super) fn values(&self, name: &str, label: &str) -> BTreeSet<&str> {
        let own = self.samples.keys().filter(|(sample, _)| sample == name);
        own.flat_map(|(_, labels)| labels.iter().filter(|(name, _)| name == label))
            .map(|(_, value)| value.as_str())
            .collect()
    }
}

/// Reads a page, or panics at the first line that is not as it must be.
pub(super) fn read(text: &str) -> Page {
    let body = text.strip_suffix("# EOF\n").expect("the page ends with # EOF and a line feed");
    assert!(!text.contains('\r') && !body.contains("# EOF"), "one end, and no carriage returns");
    let mut reader = Reader::default();
    body.lines().for_each(|line| reader.line(line));
    assert!(body.is_empty() || body.ends_with('\n'));
    for (name, labels, bounds) in &reader.histograms {
        whole(&reader.page, name, labels, bounds);
    }
    reader.page
}

#[derive(Default)]
struct Reader {
    page: Page,
    current: String,
    /// Whether the current family has samples: its metadata is over then.
    has_samples: bool,
    /// Samples of one metric are together, so labels that were left do not come back.
    left: BTreeSet<Labels>,
    now: Option<Labels>,
    histograms: Vec<(String, Labels, Vec<f64>)>,
}

impl Reader {
    fn line(&mut self, line: &str) {
        match line.strip_prefix("# ") {
            Some(said) => self.metadata(said, line),
            None => self.sample(line),
        }
    }

    fn metadata(&mut self, said: &str, line: &str) {
        let mut words = said.splitn(3, ' ');
        let (word, name, value) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or(""));
        assert!(is_name(name), "{line}");
        if name != self.current {
            assert!(!self.page.families.contains_key(name), "a family comes once: {line}");
            assert_eq!(word, "TYPE", "the type comes first: {line}");
            (self.current, self.has_samples) = (name.to_owned(), false);
            (self.left, self.now) = (BTreeSet::new(), None);
        }
        assert!(!self.has_samples, "metadata come before samples: {line}");
        let family = self.page.families.entry(name.to_owned()).or_default();
        match word {
            "TYPE" => {
                assert!(["counter", "gauge", "histogram", "info"].contains(&value), "{line}");
                assert!(family.kind.is_empty(), "one type: {line}");
                value.clone_into(&mut family.kind);
            }
            "UNIT" => {
                assert!(family.unit.is_none() && name.ends_with(&format!("_{value}")), "{line}");
                family.unit = Some(value.to_owned());
            }
            "HELP" => {
                assert!(family.help.is_none() && !value.is_empty(), "{line}");
                family.help = Some(unescaped(value));
            }
            other => panic!("{other:?} is no metadata: {line}"),
        }
    }

    fn sample(&mut self, line: &str) {
        let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("{line}"));
        let (name, rest) = line.split_at(end);
        let (labels, rest) = if rest.starts_with('{') { labels(rest) } else { (Vec::new(), rest) };
        let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("one space: {line}"));
        assert!(!value.contains(' '), "no time, no exemplar: {line}");
        let value = number(value).unwrap_or_else(|| panic!("a number: {line}"));
        let family = self.page.families.get(&self.current).unwrap_or_else(|| panic!("of no family: {line}"));
        let kind = family.kind.clone();
        let suffix = name.strip_prefix(&self.current).unwrap_or_else(|| panic!("of another family: {line}"));
        let own = match (kind.as_str(), suffix) {
            ("counter", "_total") | ("gauge", "") | ("histogram", "_count" | "_sum") => labels.clone(),
            ("info", "_info") => {
                assert!((value - 1.0).abs() < f64::EPSILON, "{line}");
                labels.clone()
            }
            ("histogram", "_bucket") => self.bucket(&labels, line),
            (kind, suffix) => panic!("a {kind} has no {suffix:?}: {line}"),
        };
        if kind != "gauge" {
            assert!(value >= 0.0 && !value.is_nan(), "{line}");
        }
        if self.now.as_ref() != Some(&own) {
            assert!(!self.left.contains(&own), "samples of one metric are together: {line}");
            self.left.extend(self.now.replace(own));
        }
        self.has_samples = true;
        let before = self.page.samples.insert((name.to_owned(), labels), value);
        assert!(before.is_none(), "a sample comes once: {line}");
    }

    fn bucket(&mut self, labels: &Labels, line: &str) -> Labels {
        let bound = labels.iter().find(|(name, _)| name == "le").unwrap_or_else(|| panic!("{line}"));
        assert!(bound.1 == "+Inf" || bound.1.contains(['.', 'e']), "a bound is a real number: {line}");
        let bound = number(&bound.1).unwrap();
        let own: Labels = labels.iter().filter(|it| it.0 != "le").cloned().collect();
        match self.histograms.last_mut().filter(|(name, known, _)| *name == self.current && *known == own) {
            Some((_, _, bounds)) => {
                assert!(bounds.last().is_none_or(|before| *before < bound), "in order: {line}");
                bounds.push(bound);
            }
            None => self.histograms.push((self.current.clone(), own.clone(), vec![bound])),
        }
        own
    }
}

/// Buckets do not shrink, the last is that of everything, and the count is what it says.
fn whole(page: &Page, name: &str, labels: &Labels, bounds: &[f64]) {
    assert_eq!(bounds.last(), Some(&f64::INFINITY), "{name} {labels:?}");
    let of = |suffix: &str| page.samples.get(&(format!("{name}{suffix}"), labels.clone())).copied();
    let buckets = page.samples.iter().filter(|((sample, own), _)| {
        let own: Labels = own.iter().filter(|it| it.0 != "le").cloned().collect();
        *sample == format!("{name}_bucket") && own == *labels
    });
    let mut counts: Vec<f64> = buckets.map(|(_, value)| *value).collect();
    counts.sort_by(f64::total_cmp);
    assert_eq!(counts.len(), bounds.len());
    let inf = counts.last().copied();
    assert_eq!(of("_count"), inf, "{name} {labels:?}");
    assert!(of("_sum").is_some());
    let value = |bound: f64| {
        let bound = if bound.is_infinite() { "+Inf".to_owned() } else { bound.to_string() };
        page.samples.iter().find_map(|((sample, own), value)| {
            let is_own = own.iter().filter(|it| it.0 != "le").eq(labels.iter());
            let le = own.iter().find(|it| it.0 == "le")?;
            let is_bound = le.1 == bound || number(&le.1) == number(&bound);
            (*sample == format!("{name}_bucket") && is_own && is_bound).then_some(*value)
        })
    };
    let in_order: Vec<f64> = bounds.iter().map(|bound| value(*bound).unwrap()).collect();
    assert_eq!(in_order, counts, "{name} {labels:?}: buckets do not shrink");
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_' || byte == b':')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
}

/// `{name="value",…}` and what is behind it.
fn labels(text: &str) -> (Labels, &str) {
    let mut rest = text.strip_prefix('{').unwrap();
    let mut all: Labels = Vec::new();
    loop {
        let (name, behind) = rest.split_once("=\"").unwrap_or_else(|| panic!("{text}"));
        assert!(is_name(name) && !name.contains(':') && !name.starts_with("__"), "{text}");
        let end = closing_quote(behind).unwrap_or_else(|| panic!("{text}"));
        assert!(!all.iter().any(|(known, _)| known == name), "a label comes once: {text}");
        all.push((name.to_owned(), unescaped(&behind[..end])));
        rest = &behind[end + 1..];
        match rest.as_bytes() {
            [b',', ..] => rest = &rest[1..],
            [b'}', ..] => break,
            _ => panic!("{text}"),
        }
    }
    all.sort();
    (all, &rest[1..])
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })
}

fn unescaped(text: &str) -> String {
    let mut chars = text.chars();
    let mut plain = String::new();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some('n') => plain.push('\n'),
                Some(other @ ('\\' | '"')) => plain.push(other),
                other => panic!("an escape {other:?} in {text}"),
            },
            other => plain.push(other),
        }
    }
    plain
}

fn number(text: &str) -> Option<f64> {
    let fits = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e'));
    match text {
        "+Inf" => Some(f64::INFINITY),
        "NaN" => Some(f64::NAN),
        _ if fits => text.parse().ok(),
        _ => None,
    }
}

#[test]
fn what_is_not_as_the_document_says_is_refused() {
    let good = "# TYPE a counter\n# HELP a A.\na_total{x=\"1\"} 2\n# EOF\n";
    assert!((read(good).sum("a_total", &[]) - 2.0).abs() < f64::EPSILON);
    for bad in [
        good.replace("# EOF\n", ""),
        good.replace("a_total{", "a{"),
        good.replace("# TYPE a counter\n", ""),
        good.replace("x=\"1\"", "x=\"1\",x=\"2\""),
        good.replace("x=\"1\"", "x=1"),
        good.replace("} 2", "}  2"),
        good.replace("} 2", "} two"),
        good.replace("} 2\n", "} 2\na_total{x=\"1\"} 3\n"),
        good.replace("counter", "timer"),
        good.replace("counter", "histogram"),
        good.replace("A.\n", "A.\n# UNIT a seconds\n"),
        good.replace("x=\"1\"", "x=\"\\t\""),
    ] {
        assert!(std::panic::catch_unwind(|| read(&bad)).is_err(), "{bad}");
    }
}
