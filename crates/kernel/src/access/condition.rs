//! Conditions: when a grant holds beside what and where, decided for each call.

use std::fmt;
use std::sync::Arc;

use crate::Json;

/// A condition on who calls, how, and with what. Cheap to clone. What cannot be decided does not hold.
#[derive(Clone)]
pub struct Condition {
    text: Arc<str>,
    decide: Arc<dyn Fn(&Json) -> bool + Send + Sync>,
}

impl Condition {
    /// A condition as people write it, and what decides it.
    pub fn new(text: &str, decide: impl Fn(&Json) -> bool + Send + Sync + 'static) -> Condition {
        Condition { text: text.into(), decide: Arc::new(decide) }
    }

    /// Whether it holds, given what is known of a call.
    pub fn holds(&self, facts: &Json) -> bool {
        (self.decide)(facts)
    }

    /// Both of two.
    #[must_use]
    pub fn and(&self, other: &Condition) -> Condition {
        let (left, right) = (self.clone(), other.clone());
        Condition::new(&format!("({left}) && ({right})"), move |facts| {
            left.holds(facts) && right.holds(facts)
        })
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Condition) -> bool {
        self.text == other.text
    }
}

impl Eq for Condition {}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({})", self.text)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
