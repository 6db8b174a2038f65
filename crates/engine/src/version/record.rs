//! The stored list of versions, and what deploying, promoting and rolling back do to it.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_kernel::port::blob::Hash;
use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::ramp::{Percentage, Ramp};

/// The newest versions that are kept although no run needs them.
pub const UNUSED_KEPT: usize = 20;

/// How long a version is kept at least after another one took its place: starts that are on their way may need it.
pub const UNUSED_KEPT_FOR: Duration = Duration::from_hours(1);

/// How many steps back a rollback without a number can go.
const TRAIL_MAX: usize = 50;

/// The fewest digits that a build id may be cut down to.
const BUILD_ID_DIGITS_MIN: usize = 4;

/// All versions of a project that are still known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Number of the version that new runs get; 0 when nothing was deployed.
    pub current: u32,
    /// Number of the version that the project's files were when they were read last.
    pub files: u32,
    /// The highest number that was ever given.
    pub last: u32,
    /// Whether changed files do not take the place of the current version.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// The version that takes the current one's place step by step. Changed files wait until that is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Ramp>,
    /// Versions that were current before, the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trail: Vec<u32>,
    /// In order of their numbers.
    pub versions: Vec<Version>,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// From 1, in the order of the first deployment.
    pub number: u32,
    /// Its definition.
    pub definition: Hash,
    /// When it was deployed first.
    pub deployed_at: Timestamp,
    /// When it became current last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted_at: Option<Timestamp>,
    /// When another version took its place, unless it is current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_at: Option<Timestamp>,
    /// What is different from the files that were deployed before.
    #[serde(default, skip_serializing_if = "Changes::is_none")]
    pub changes: Changes,
}

/// Which source files differ between two versions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Files that were not there before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// Files with another text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// Files that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
}

/// What a deployment was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployed {
    /// Files that were never deployed before.
    New,
    /// Changed files, which are those of an earlier version.
    Again,
    /// The files of the deployment before.
    Unchanged,
}

impl Changes {
    /// What is different between two sets of texts by path.
    pub fn between(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Changes {
        let mut changes = Changes::default();
        for (path, text) in after {
            match before.get(path) {
                None => changes.added.push(path.clone()),
                Some(old) if old != text => changes.changed.push(path.clone()),
                Some(_) => {}
            }
        }
        changes.removed.extend(before.keys().filter(|path| !after.contains_key(*path)).cloned());
        changes
    }

    fn is_none(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

impl Version {
    /// The first digits of its definition's hash, by which runs are searched.
    pub fn build_id(&self) -> &str {
        self.definition.short()
    }
}

impl Ledger {
    /// The version that new runs get.
    pub fn current(&self) -> Option<&Version> {
        self.get(self.current)
    }

    /// A version by its number.
    pub fn get(&self, number: u32) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }

    /// The version of a definition.
    pub fn of(&self, definition: &Hash) -> Option<&Version> {
        self.versions.iter().find(|version| version.definition == *definition)
    }

    /// The version that somebody names by its number, or by its build id or the beginning of it.
    pub fn find(&self, name: &str) -> Option<&Version> {
        let number: Option<u32> = name.strip_prefix('v').unwrap_or(name).parse().ok();
        if let Some(version) = number.and_then(|number| self.get(number)) {
            return Some(version);
        }
        let mut fits = self.versions.iter().filter(|version| {
            name.len() >= BUILD_ID_DIGITS_MIN && version.definition.as_str().starts_with(name)
        });
        fits.next().filter(|_| fits.next().is_none())
    }

    /// Takes in the project's files. New files become current, unless the current version is held or another one ramps;
    /// files that are what they were change nothing, so that a rollback outlives a restart.
    pub fn deploy(&mut self, definition: &Hash, changes: Changes, at: Timestamp) -> Deployed {
        let known = self.of(definition).map(|version| version.number);
        if known == Some(self.files) {
            return Deployed::Unchanged;
        }
        let number = known.unwrap_or_else(|| {
            self.last += 1;
            self.versions.push(Version {
                number: self.last,
                definition: definition.clone(),
                deployed_at: at,
                promoted_at: None,
                replaced_at: Some(at),
                changes,
            });
            self.last
        });
        self.files = number;
        if (!self.held && self.ramp.is_none()) || self.current == 0 {
            self.promote(number, at);
        }
        if known.is_some() { Deployed::Again } else { Deployed::New }
    }

    /// Gives all new runs a version.
    pub fn promote(&mut self, number: u32, at: Timestamp) {
        self.ramp = None;
        let before = std::mem::replace(&mut self.current, number);
        if before != number && before != 0 {
            self.trail.push(before);
            let surplus = self.trail.len().saturating_sub(TRAIL_MAX);
            self.trail.drain(..surplus);
        }
        self.note(before, at);
    }

    /// Gives a part of the workflow ids a version that is not the current one.
    pub fn begin_ramp(&mut self, version: u32, percentage: Percentage, at: Timestamp) {
        self.ramp = Some(Ramp { version, percentage, since: at });
    }

    /// How many workflow ids get a version that ramps.
    pub fn ramping(&self, number: u32) -> Option<Percentage> {
        self.ramp.as_ref().filter(|ramp| ramp.version == number).map(|ramp| ramp.percentage)
    }

    /// The version that was current before the one that is.
    pub fn previous(&self) -> Option<u32> {
        self.trail.iter().rev().copied().find(|number| self.get(*number).is_some())
    }

    /// Gives new runs an earlier version again. A further rollback goes further back.
    pub fn roll_back(&mut self, number: u32, at: Timestamp) {
        self.ramp = None;
        let before = std::mem::replace(&mut self.current, number);
        match self.trail.iter().rposition(|earlier| *earlier == number) {
            Some(place) => self.trail.truncate(place),
            None => self.trail.retain(|earlier| *earlier < number),
        }
        self.note(before, at);
    }

    fn note(&mut self, before: u32, at: Timestamp) {
        let current = self.current;
        for version in &mut self.versions {
            if version.number == current && before != current {
                (version.promoted_at, version.replaced_at) = (Some(at), None);
            } else if version.number == before && before != current {
                version.replaced_at = Some(at);
            }
        }
    }

    /// Versions that nobody can want any more unless a run does: neither current nor the files', not among the newest,
    /// and replaced long enough ago.
    pub fn unwanted(&self, now: Timestamp) -> Vec<Version> {
        let old = self.versions.len().saturating_sub(UNUSED_KEPT);
        let is_over = |version: &&Version| {
            let replaced = version.replaced_at.is_some_and(|at| at.plus(UNUSED_KEPT_FOR) <= now);
            let is_in_use = [self.current, self.files].contains(&version.number)
                || self.ramping(version.number).is_some();
            replaced && !is_in_use
        };
        self.versions.iter().take(old).filter(is_over).cloned().collect()
    }

    /// Forgets a version.
    pub fn remove(&mut self, number: u32) {
        self.versions.retain(|version| version.number != number);
        self.trail.retain(|earlier| *earlier != number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(name: &str) -> Hash {
        Hash::of(name.as_bytes())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    fn deployed(names: &[&str]) -> Ledger {
        let mut ledger = Ledger::default();
        for (second, name) in (1..).zip(names) {
            ledger.deploy(&hash(name), Changes::default(), at(second));
        }
        ledger
    }

    #[test]
    fn new_files_are_current_and_unchanged_files_keep_a_rollback() {
        let mut ledger = deployed(&["a", "b", "c"]);
        assert_eq!((ledger.current, ledger.files, ledger.last), (3, 3, 3));
        ledger.roll_back(ledger.previous().unwrap(), at(4));
        assert_eq!(ledger.deploy(&hash("c"), Changes::default(), at(5)), Deployed::Unchanged);
        assert_eq!((ledger.current, ledger.files), (2, 3));
        assert_eq!(ledger.deploy(&hash("d"), Changes::default(), at(6)), Deployed::New);
        assert_eq!((ledger.current, ledger.files), (4, 4));
        assert_eq!(ledger.deploy(&hash("a"), Changes::default(), at(7)), Deployed::Again);
        assert_eq!((ledger.current, ledger.last, ledger.versions.len()), (1, 4, 4));
    }

    #[test]
    fn a_held_version_stays_although_files_change() {
        let mut ledger = deployed(&["a", "b"]);
        ledger.roll_back(1, at(3));
        ledger.held = true;
        assert_eq!(ledger.deploy(&hash("c"), Changes::default(), at(4)), Deployed::New);
        assert_eq!((ledger.current, ledger.files), (1, 3));
    }

    #[test]
    fn files_wait_while_a_version_ramps() {
        let mut ledger = deployed(&["a", "b"]);
        ledger.roll_back(1, at(3));
        ledger.begin_ramp(2, Percentage::new(10.0).unwrap(), at(4));
        assert_eq!((ledger.ramping(1), ledger.ramping(2)), (None, Percentage::new(10.0)));
        ledger.deploy(&hash("c"), Changes::default(), at(5));
        assert_eq!((ledger.current, ledger.files), (1, 3));
        let kept: Ledger = serde_json::from_value(serde_json::json!(ledger)).unwrap();
        assert_eq!(kept, ledger);
        ledger.promote(2, at(6));
        assert_eq!((ledger.current, ledger.ramp.clone()), (2, None));
        ledger.deploy(&hash("d"), Changes::default(), at(7));
        assert_eq!(ledger.current, 4, "files count again");
    }

    #[test]
    fn a_version_that_ramps_is_never_unwanted() {
        let names: Vec<String> = (0..25).map(|number| number.to_string()).collect();
        let mut ledger = deployed(&names.iter().map(String::as_str).collect::<Vec<_>>());
        ledger.begin_ramp(2, Percentage::new(1.0).unwrap(), at(30));
        let unwanted: Vec<_> = ledger.unwanted(at(10_000)).iter().map(|version| version.number).collect();
        assert_eq!(unwanted, [1, 3, 4, 5]);
    }

    #[test]
    fn rollbacks_go_back_step_by_step() {
        let mut ledger = deployed(&["a", "b", "c"]);
        ledger.roll_back(2, at(4));
        assert_eq!(ledger.previous(), Some(1));
        ledger.roll_back(1, at(5));
        assert_eq!(ledger.previous(), None);
        ledger.promote(3, at(6));
        assert_eq!(ledger.previous(), Some(1));
        assert_eq!(ledger.get(1).unwrap().replaced_at, Some(at(6)));
        assert_eq!(ledger.get(3).unwrap().replaced_at, None);
    }

    #[test]
    fn versions_are_found_by_number_and_by_build_id() {
        let ledger = deployed(&["a", "b"]);
        let second = ledger.get(2).unwrap();
        for name in ["2", "v2", second.build_id(), &second.build_id()[..6], second.definition.as_str()] {
            assert_eq!(ledger.find(name), Some(second), "{name}");
        }
        for name in ["3", "", "zzzz", &second.build_id()[..2]] {
            assert_eq!(ledger.find(name), None, "{name}");
        }
    }

    #[test]
    fn old_versions_that_nobody_needs_are_unwanted_after_a_while() {
        let names: Vec<String> = (0..25).map(|number| number.to_string()).collect();
        let mut ledger = deployed(&names.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(ledger.unwanted(at(100)).is_empty(), "an hour is not over");
        let unwanted: Vec<_> = ledger.unwanted(at(10_000)).iter().map(|version| version.number).collect();
        assert_eq!(unwanted, [1, 2, 3, 4, 5]);
        ledger.roll_back(3, at(10_000));
        ledger.remove(1);
        let unwanted: Vec<_> = ledger.unwanted(at(10_001)).iter().map(|version| version.number).collect();
        assert_eq!(unwanted, [2, 4, 5]);
    }

    #[test]
    fn changes_name_files() {
        let texts = |files: &[(&str, &str)]| {
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
        };
        let changes = Changes::between(
            &texts(&[("a", "1"), ("b", "1"), ("c", "1")]),
            &texts(&[("a", "1"), ("b", "2"), ("d", "1")]),
        );
        assert_eq!((changes.added, changes.changed), (vec!["d".to_owned()], vec!["b".to_owned()]));
        assert_eq!(changes.removed, ["c"]);
    }
}
