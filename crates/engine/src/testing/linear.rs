//! Linearizability: whether answers that callers got at the same time could have been given one after the other.
//!
//! The search is Wing and Gong's: of the operations that had not ended before another began, each is tried as the next
//! one, against a model of one key that knows nothing of the engine. Places that were reached before in the same state
//! are not searched again.

use std::collections::{BTreeMap, HashSet};

/// What was asked of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Start a run, under this request id.
    Start(u64),
    /// Send this number.
    Signal(i64),
    /// Add this number; the answer is the list.
    Update(i64),
    /// End this run.
    Terminate(String),
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// This run was started by the request.
    Started(String),
    /// Done.
    Done,
    /// The numbers of the run, in order.
    Numbers(Vec<i64>),
    /// Not possible as things are.
    Refused,
}

/// One operation of a history. Times only have to be ordered.
#[derive(Debug, Clone)]
pub struct Operation {
    /// When it was asked.
    pub asked_at: u64,
    /// When the answer came.
    pub answered_at: u64,
    /// What was asked.
    pub asked: Asked,
    /// What was answered.
    pub answered: Answered,
}

/// A key as its callers know it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Model {
    open: Option<String>,
    numbers: Vec<i64>,
    requests: BTreeMap<u64, String>,
}

impl Model {
    /// The key after an operation, when the operation could have been answered so.
    fn after(&self, operation: &Operation) -> Option<Model> {
        let mut next = self.clone();
        let fits = match (&operation.asked, &operation.answered) {
            (Asked::Start(request), Answered::Started(run)) => match self.requests.get(request) {
                Some(known) => known == run,
                None => {
                    next.requests.insert(*request, run.clone());
                    next.numbers.clear();
                    next.open.replace(run.clone()).is_none()
                }
            },
            (Asked::Start(request), Answered::Refused) => {
                self.open.is_some() && !self.requests.contains_key(request)
            }
            (Asked::Signal(number), Answered::Done) => {
                next.numbers.push(*number);
                self.open.is_some()
            }
            (Asked::Update(number), Answered::Numbers(numbers)) => {
                next.numbers.push(*number);
                self.open.is_some() && next.numbers == *numbers
            }
            (Asked::Terminate(run), Answered::Done) => next.open.take().as_ref() == Some(run),
            (Asked::Terminate(run), Answered::Refused) => self.open.as_ref() != Some(run),
            (Asked::Signal(_) | Asked::Update(_), Answered::Refused) => self.open.is_none(),
            _ => false,
        };
        fits.then_some(next)
    }
}

/// Whether a history of one key, at most 64 operations, could have happened one operation at a time.
pub fn is_linearizable(history: &[Operation]) -> bool {
    let all = if history.len() >= 64 { u64::MAX } else { (1 << history.len()) - 1 };
    let (mut seen, mut open) = (HashSet::new(), vec![(0_u64, Model::default())]);
    while let Some((done, model)) = open.pop() {
        if done == all {
            return true;
        }
        if !seen.insert((done, model.clone())) {
            continue;
        }
        let left = || history.iter().enumerate().filter(|(at, _)| done >> at & 1 == 0);
        // Whatever comes next was asked before the first answer among those that are left.
        let horizon = left().map(|(_, operation)| operation.answered_at).min().unwrap_or(0);
        for (at, operation) in left().filter(|(_, operation)| operation.asked_at <= horizon) {
            open.extend(model.after(operation).map(|next| (done | 1 << at, next)));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(times: (u64, u64), asked: Asked, answered: Answered) -> Operation {
        Operation { asked_at: times.0, answered_at: times.1, asked, answered }
    }

    fn started() -> Operation {
        at((0, 1), Asked::Start(1), Answered::Started("a".to_owned()))
    }

    #[test]
    fn operations_of_the_same_time_may_have_any_order() {
        let first = at((2, 6), Asked::Update(1), Answered::Numbers(vec![2, 1]));
        let second = at((3, 5), Asked::Update(2), Answered::Numbers(vec![2]));
        assert!(is_linearizable(&[started(), first, second]));
    }

    #[test]
    fn operations_after_one_another_have_one_order() {
        let first = at((2, 3), Asked::Update(1), Answered::Numbers(vec![2, 1]));
        let second = at((4, 5), Asked::Update(2), Answered::Numbers(vec![2]));
        assert!(!is_linearizable(&[started(), first, second]));
    }

    #[test]
    fn lost_and_doubled_messages_are_seen() {
        let sent = at((2, 3), Asked::Signal(7), Answered::Done);
        let look = |numbers: &[i64]| at((4, 5), Asked::Update(1), Answered::Numbers(numbers.to_vec()));
        assert!(is_linearizable(&[started(), sent.clone(), look(&[7, 1])]));
        assert!(!is_linearizable(&[started(), sent.clone(), look(&[1])]));
        assert!(!is_linearizable(&[started(), sent, look(&[7, 7, 1])]));
    }

    #[test]
    fn a_request_is_one_run_and_a_key_has_one() {
        let again = at((2, 3), Asked::Start(1), Answered::Started("b".to_owned()));
        assert!(!is_linearizable(&[started(), again]));
        let other = at((2, 3), Asked::Start(2), Answered::Started("b".to_owned()));
        assert!(!is_linearizable(&[started(), other.clone()]));
        let ended = at((1, 4), Asked::Terminate("a".to_owned()), Answered::Done);
        assert!(is_linearizable(&[started(), other, ended]));
    }
}
