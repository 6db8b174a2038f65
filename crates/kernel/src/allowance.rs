//! Allowances: how a caller stands with the limits that a request was counted by.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How a caller stands with one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// What the limit is called.
    pub policy: &'static str,
    /// Requests in a window.
    pub limit: u32,
    /// The window.
    pub window: Duration,
    /// Requests that are left at the moment.
    pub remaining: u32,
    /// How long until there is one more.
    pub next: Duration,
    /// How long until all of them are there again.
    pub reset: Duration,
}

/// The mark of a request that was counted, so that the calls which it is made of are not counted again. Clones are the same
/// mark.
#[derive(Debug, Clone, Default)]
pub struct Toll(Arc<Paid>);

#[derive(Debug, Default)]
struct Paid {
    allowances: OnceLock<Vec<Allowance>>,
    /// The request around this one, where several messages came in it. It is told what they were counted by.
    around: Option<Toll>,
}

impl Toll {
    /// The mark of a message that came inside of a request, and is counted by itself.
    pub fn inside(around: &Toll) -> Toll {
        Toll(Arc::new(Paid { allowances: OnceLock::new(), around: Some(around.clone()) }))
    }

    /// Notes that the request was counted, and by which limits.
    pub fn pay(&self, allowances: Vec<Allowance>) {
        if let Some(around) = &self.0.around {
            around.pay(allowances.clone());
        }
        let _ = self.0.allowances.set(allowances); // the first count is the one that is told
    }

    /// What it was counted by. Nothing when it was not.
    pub fn paid(&self) -> Option<&[Allowance]> {
        self.0.allowances.get().map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_one_request_are_counted_one_by_one_and_told_together() {
        let request = Toll::default();
        let (first, second) = (Toll::inside(&request), Toll::inside(&request));
        let allowance = Allowance {
            policy: "caller",
            limit: 2,
            window: Duration::from_secs(1),
            remaining: 1,
            next: Duration::from_secs(1),
            reset: Duration::from_secs(1),
        };
        first.pay(vec![allowance]);
        assert_eq!(first.clone().paid(), Some(&[allowance][..]));
        assert_eq!(second.paid(), None);
        assert_eq!(request.paid(), Some(&[allowance][..]));
    }
}
