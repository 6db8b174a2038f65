//! Notices that a project's files have changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nexus_kernel::port::clock::SharedClock;

use crate::config;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Path, size and time of change of every file.
type Picture = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// Looks at a project's files now and then: a few hundred files cost less than a millisecond, on every platform and
/// file system alike.
pub struct Watch {
    root: PathBuf,
    clock: SharedClock,
    /// Files outside of the project's own folders that matter as well.
    others: Vec<PathBuf>,
    seen: Picture,
}

impl Watch {
    /// Compares with what the files are like now.
    pub fn new(root: &Path, clock: SharedClock) -> Watch {
        Watch { root: root.to_owned(), clock, others: Vec::new(), seen: picture(root, &[]) }
    }

    /// Looks at these files as well from now on, in place of those named before: what scripts import from elsewhere.
    pub fn follow(&mut self, others: &[PathBuf]) {
        if self.others != others {
            self.others = others.to_vec();
            // What changes while the project is read is seen by its own folders, or at the next change.
            let now = picture(&self.root, &self.others);
            self.seen.retain(|path, _| now.contains_key(path));
            for (path, facts) in now {
                self.seen.entry(path).or_insert(facts);
            }
        }
    }

    /// Resolves when files have changed and then stayed as they are for one look, so that a half-saved project is
    /// not read.
    pub async fn changed(&mut self) {
        let mut last = self.seen.clone();
        loop {
            self.clock.sleep_until(self.clock.now().plus(LOOK_EVERY)).await;
            let now = picture(&self.root, &self.others);
            if now != self.seen && now == last {
                self.seen = now;
                return;
            }
            last = now;
        }
    }
}

fn picture(root: &Path, others: &[PathBuf]) -> Picture {
    let mut picture = Picture::new();
    let mut paths = vec![root.join(config::FILE), root.join("workflows"), root.join("activities")];
    paths.extend(others.iter().filter(|path| !path.is_dir()).cloned());
    while let Some(path) = paths.pop() {
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() {
            let entries = std::fs::read_dir(&path).into_iter().flatten().filter_map(Result::ok);
            paths.extend(entries.map(|entry| entry.path()));
        } else {
            picture.insert(path, (meta.len(), meta.modified().ok()));
        }
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_kernel::memory::clock::SimClock;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_change_is_noticed_once_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("workflows")).unwrap();
        let clock = SimClock::default();
        let mut watch = Watch::new(folder.path(), Arc::new(clock.clone()));
        std::fs::write(folder.path().join("workflows/a.twf"), "x").unwrap();
        let changed = tokio::spawn(async move { watch.changed().await });
        let mut looks = 0;
        while !changed.is_finished() {
            tokio::task::yield_now().await;
            if clock.next_wake().is_some() {
                clock.advance(LOOK_EVERY);
                looks += 1;
            }
            assert!(looks < 10, "the change is never noticed");
        }
        assert_eq!(looks, 2, "one look to see it, one to see that it has settled");
    }
}
