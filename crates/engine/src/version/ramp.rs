//! A version that takes the place of the current one step by step: a part of all workflow ids gets it (language page,
//! section 15.13).

mod record;

use std::sync::Arc;

use nexus_kernel::id::Key;
use nexus_kernel::port::blob::Hash;

pub use record::{Percentage, Ramp};

use crate::definition::Definition;

/// Which definition the runs of a key get.
#[derive(Debug, Clone)]
pub struct Routing {
    /// That of the current version.
    pub current: Arc<Definition>,
    /// That of the version that ramps, and for how many workflow ids.
    pub ramp: Option<(Arc<Definition>, Percentage)>,
}

impl Routing {
    /// All keys get this one.
    pub fn to(current: Arc<Definition>) -> Routing {
        Routing { current, ramp: None }
    }

    /// The definition of a key's new runs, and the other one while a version ramps.
    pub fn of(&self, key: &Key) -> (&Arc<Definition>, Option<&Arc<Definition>>) {
        match &self.ramp {
            None => (&self.current, None),
            Some((ramping, percentage)) if is_within(*percentage, &ramping.hash, key) => {
                (ramping, Some(&self.current))
            }
            Some((ramping, _)) => (&self.current, Some(ramping)),
        }
    }

    /// All definitions that new runs may get, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Definition>> {
        std::iter::once(&self.current).chain(self.ramp.as_ref().map(|(ramping, _)| ramping))
    }

    /// Whether new runs get the same.
    pub fn is(&self, other: &Routing) -> bool {
        let ramp =
            |it: &Routing| it.ramp.as_ref().map(|(ramping, percentage)| (ramping.hash.clone(), *percentage));
        self.current.hash == other.current.hash && ramp(self) == ramp(other)
    }
}

/// Whether a key is among those that get a version. One that is stays so when the part grows; other versions begin with
/// other keys, so that it is not always the same ones who come first.
fn is_within(percentage: Percentage, definition: &Hash, key: &Key) -> bool {
    let place = Hash::of(format!("{definition}/{}/{}", key.namespace, key.workflow_id).as_bytes());
    let digits = place.as_str().get(..8).unwrap_or_default();
    let drawn = u32::from_str_radix(digits, 16).unwrap_or(0);
    percentage.reaches(drawn)
}

#[cfg(test)]
mod tests {
    use nexus_kernel::id::{Namespace, WorkflowId};

    use super::*;

    fn key(number: u32) -> Key {
        let workflow_id = WorkflowId::new(&format!("order-{number}")).unwrap();
        Key { namespace: Namespace::default(), workflow_id }
    }

    fn within(percentage: f64, version: &str) -> Vec<u32> {
        let (percentage, hash) = (Percentage::new(percentage).unwrap(), Hash::of(version.as_bytes()));
        (0..10_000).filter(|number| is_within(percentage, &hash, &key(*number))).collect()
    }

    #[test]
    fn a_part_is_as_large_as_it_says_and_only_grows() {
        let mut before = within(0.0, "v2");
        assert!(before.is_empty());
        for percentage in [0.5, 5.0, 25.0, 50.0, 99.0] {
            let now = within(percentage, "v2");
            assert!(before.iter().all(|number| now.contains(number)), "{percentage}");
            let (found, expected) = (f64::from(u32::try_from(now.len()).unwrap()), percentage * 100.0);
            assert!((found - expected).abs() <= 3.0 * expected.sqrt() + 1.0, "{percentage}: {found}");
            before = now;
        }
        assert_eq!(within(100.0, "v2").len(), 10_000);
    }

    #[test]
    fn another_version_begins_with_other_keys() {
        let (second, third) = (within(10.0, "v2"), within(10.0, "v3"));
        let both = second.iter().filter(|number| third.contains(number)).count();
        assert!((60..=140).contains(&both), "about a tenth of a tenth: {both}");
    }
}
