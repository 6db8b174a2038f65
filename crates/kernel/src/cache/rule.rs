//! Rules: which calls have one answer, and for how long.

use std::sync::Arc;
use std::time::Duration;

use crate::Json;

/// What the author of an operation declares: that it is safe to answer a call as an equal one was answered before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheRule {
    /// How long an answer is as good as a new one.
    pub ttl: Duration,
    /// How long after that it is still given, while a new one is made.
    pub stale: Duration,
    /// Whether all callers share answers; otherwise each has their own.
    pub is_public: bool,
    /// Words under which answers are forgotten.
    pub tags: Vec<TagPattern>,
    /// JSON pointers to the parts of the input that matter; all of it when absent.
    pub key: Option<Vec<String>>,
    /// What stands for the code and the settings that make the answer: those of other code are other answers.
    pub code: Arc<str>,
}

/// A tag with places for parts of the input: `customer:{customer_id}`, `city:{/address/city}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A JSON pointer.
    Place(String),
}

impl TagPattern {
    /// Reads a pattern. Errors: what is wrong with it.
    pub fn parse(text: &str) -> Result<TagPattern, &'static str> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (place, after) = behind.split_once('}').ok_or("a { has no }")?;
            if before.contains('}') {
                return Err("a } has no {");
            }
            if place.is_empty() || place.contains('{') {
                return Err("between { and } is a field of the input, or a JSON pointer");
            }
            parts.extend((!before.is_empty()).then(|| Part::Text(before.to_owned())));
            let pointer = if place.starts_with('/') {
                place.to_owned()
            } else {
                format!("/{}", place.replace('~', "~0").replace('/', "~1"))
            };
            parts.push(Part::Place(pointer));
            rest = after;
        }
        if rest.contains('}') {
            return Err("a } has no {");
        }
        parts.extend((!rest.is_empty()).then(|| Part::Text(rest.to_owned())));
        if parts.is_empty() { Err("a tag is not empty") } else { Ok(TagPattern(parts)) }
    }

    /// The places of the input that it takes, as JSON pointers.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Place(pointer) => Some(pointer.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The tag of one input. Nothing when a place of it is empty: who has no customer is none of a customer's.
    pub fn fill(&self, input: &Json) -> Option<String> {
        let mut tag = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => tag.push_str(text),
                Part::Place(pointer) => match input.pointer(pointer)? {
                    Json::Null => return None,
                    Json::String(text) => tag.push_str(text),
                    other => tag.push_str(&other.to_string()),
                },
            }
        }
        Some(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_tag_is_filled_from_the_input() {
        let fill = |pattern: &str, input: &Json| TagPattern::parse(pattern).unwrap().fill(input);
        let input = json!({ "id": 7, "who": { "name": "ada" }, "a/b": true, "none": null });
        assert_eq!(fill("prices", &input).as_deref(), Some("prices"));
        assert_eq!(fill("customer:{id}", &input).as_deref(), Some("customer:7"));
        assert_eq!(fill("{/who/name}-{a/b}!", &input).as_deref(), Some("ada-true!"));
        assert_eq!(fill("x:{none}", &input), None);
        assert_eq!(fill("x:{missing}", &input), None);
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for bad in ["", "a{b", "a}b", "{}", "{a{b}", "{a}}"] {
            assert!(TagPattern::parse(bad).is_err(), "{bad}");
        }
        let places = TagPattern::parse("{a}:{/b/c}").unwrap();
        assert_eq!(places.places().collect::<Vec<_>>(), ["/a", "/b/c"]);
    }
}
