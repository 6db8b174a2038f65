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
    /// Files that matter as well, wherever they lie.
    others: Vec<PathBuf>,
    seen: (Picture, Picture),
}

impl Watch {
    /// Compares with what the files are like now.
    pub fn new(root: &Path, clock: SharedClock) -> Watch {
        Watch { root: root.to_owned(), clock, others: Vec::new(), seen: (picture(root), Picture::new()) }
    }

    /// Looks at these files as well from now on, in place of those named before: what scripts import from elsewhere.
    /// What was known of a file stays known, so that a change in the meantime is seen.
    pub fn follow(&mut self, others: &[PathBuf]) {
        let before = std::mem::take(&mut self.seen.1);
        let known = |path: &PathBuf| Some((path.clone(), before.get(path).copied().or_else(|| facts(path))?));
        self.seen.1 = others.iter().filter_map(known).collect();
        self.others = others.to_vec();
    }

    /// Resolves when files have changed and then stayed as they are for one look, so that a half-saved project is
    /// not read.
    pub async fn changed(&mut self) {
        let mut last = self.seen.clone();
        loop {
            self.clock.sleep_until(self.clock.now().plus(LOOK_EVERY)).await;
            let others = self.others.iter().filter_map(|path| Some((path.clone(), facts(path)?)));
            let now = (picture(&self.root), others.collect());
            if now != self.seen && now == last {
                self.seen = now;
                return;
            }
            last = now;
        }
    }
}

/// Size and time of change of a file; nothing for what is none.
fn facts(path: &Path) -> Option<(u64, Option<SystemTime>)> {
    let meta = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    Some((meta.len(), meta.modified().ok()))
}

fn picture(root: &Path) -> Picture {
    let mut picture = Picture::new();
    let mut paths =
        vec![root.join(config::FILE), root.join("workflows"), root.join("activities"), root.join("prompts")];
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

    #[tokio::test]
    async fn what_changes_between_a_reload_and_the_next_look_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("workflows")).unwrap();
        let imported = folder.path().join("shared.json");
        std::fs::write(&imported, "1").unwrap();
        for change in ["workflows/new.twf", "shared.json"] {
            let clock = SimClock::default();
            let mut watch = Watch::new(folder.path(), Arc::new(clock.clone()));
            watch.follow(std::slice::from_ref(&imported));
            std::fs::write(folder.path().join(change), "more").unwrap();
            watch.follow(&[imported.clone(), folder.path().join("gone.ts")]);
            let changed = tokio::spawn(async move { watch.changed().await });
            for _ in 0..10 {
                tokio::task::yield_now().await;
                if clock.next_wake().is_some() {
                    clock.advance(LOOK_EVERY);
                }
            }
            assert!(changed.is_finished(), "{change} is never noticed");
        }
    }
}
