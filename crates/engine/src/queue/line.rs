//! The order of the tasks of one queue: by priority and, within one, fairly.
//!
//! The most urgent priority goes first. Within one, every fairness key gets a share by its weight: each task is given a
//! turn that lies one step after the last one of its key, a step being the shorter the greater the weight, and the
//! earliest turn goes first. A key that has used up its rate is passed over until it has a token again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use nexus_kernel::time::Timestamp;

use crate::activity::record::Priority;
use crate::queue::rate::{Bucket, Rate};
use crate::queue::record::QueueConfig;

/// A step of the weight 1.
const STEP: f64 = 1_000_000.0;

/// Keys whose buckets are kept before the full ones are thrown away.
const BUCKETS_MIN: usize = 256;

type FairnessKey = Option<String>;

/// Tasks that can begin, in order.
#[derive(Debug, Default)]
pub(crate) struct Line {
    levels: BTreeMap<u32, Level>,
    /// Where each task stands.
    places: HashMap<u64, Place>,
    /// What keys have used of their rate; a key without an entry has a full bucket.
    buckets: HashMap<FairnessKey, Bucket>,
    /// How many buckets make it worth looking for full ones.
    crowded: usize,
}

/// One priority.
#[derive(Debug, Default)]
struct Level {
    /// The latest turn that was served.
    now: u64,
    /// Tasks by key, by turn and id.
    keys: HashMap<FairnessKey, BTreeSet<(u64, u64)>>,
    /// The first task of every key.
    heads: BTreeSet<(u64, u64, FairnessKey)>,
}

#[derive(Debug)]
struct Place {
    level: u32,
    key: FairnessKey,
    turn: u64,
    weight: f64,
}

impl Line {
    /// Puts a task into its place.
    pub(crate) fn add(&mut self, id: u64, priority: &Priority, config: &QueueConfig) {
        let weight = config.weight(priority);
        let key = priority.fairness_key.clone();
        let level = self.levels.entry(priority.key).or_default();
        let last = level.keys.get(&key).and_then(BTreeSet::last).map_or(0, |(turn, _)| *turn);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from a thousand to a billion"
        )]
        let turn = level.now.max(last).saturating_add((STEP / weight) as u64);
        level.insert(&key, (turn, id));
        self.places.insert(id, Place { level: priority.key, key, turn, weight });
    }

    /// Takes a task out, wherever it stands.
    pub(crate) fn remove(&mut self, id: u64) {
        let Some(place) = self.places.remove(&id) else { return };
        if let Some(level) = self.levels.get_mut(&place.level) {
            level.remove(&place.key, (place.turn, id));
            if level.keys.is_empty() {
                self.levels.remove(&place.level);
            }
        }
    }

    /// The task that goes next, and its priority.
    pub(crate) fn next(&self, config: &QueueConfig, now: Timestamp) -> Option<(u32, u64)> {
        let goes = |id: u64, key: &FairnessKey| match self.rate(id, config) {
            Some(rate) => self.bucket(key).is_ready(rate, now),
            None => true,
        };
        self.levels.iter().find_map(|(priority, level)| {
            level.heads.iter().find(|(_, id, key)| goes(*id, key)).map(|(_, id, _)| (*priority, *id))
        })
    }

    /// When the first of those that are held up by the rate of their key may go.
    pub(crate) fn wake(&self, config: &QueueConfig) -> Option<Timestamp> {
        let heads = self.levels.values().flat_map(|level| &level.heads);
        heads.filter_map(|(_, id, key)| self.bucket(key).ready_at(self.rate(*id, config)?)).min()
    }

    /// Takes a task out because it begins.
    pub(crate) fn serve(&mut self, id: u64, config: &QueueConfig, now: Timestamp) {
        let Some(place) = self.places.get(&id) else { return };
        let (level, turn, key, rate) = (place.level, place.turn, place.key.clone(), self.rate(id, config));
        if let Some(level) = self.levels.get_mut(&level) {
            level.now = level.now.max(turn);
        }
        if let Some(rate) = rate {
            if self.buckets.len() >= self.crowded.max(BUCKETS_MIN) {
                self.buckets.retain(|_, bucket| !bucket.is_full(now));
                self.crowded = self.buckets.len() * 2;
            }
            self.buckets.entry(key).or_insert_with(Bucket::full).take(rate, now);
        }
        self.remove(id);
    }

    /// Whether nobody stands in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Forgets what keys have used of their rate: another one holds now.
    pub(crate) fn forget_buckets(&mut self) {
        self.buckets.clear();
    }

    /// The rate of a task's key.
    fn rate(&self, id: u64, config: &QueueConfig) -> Option<Rate> {
        let limit = config.fairness_key_rate_limit.as_ref()?;
        let place = self.places.get(&id)?;
        let own = place.key.as_ref().and_then(|key| config.fairness_weights.get(key)).copied();
        Some(Rate::of(limit, own.unwrap_or(place.weight)))
    }

    fn bucket(&self, key: &FairnessKey) -> Bucket {
        self.buckets.get(key).copied().unwrap_or_else(Bucket::full)
    }
}

impl Level {
    fn insert(&mut self, key: &FairnessKey, (turn, id): (u64, u64)) {
        let line = self.keys.entry(key.clone()).or_default();
        line.insert((turn, id));
        // Turns of a key only grow: a newcomer is its head only when it is alone.
        if line.len() == 1 {
            self.heads.insert((turn, id, key.clone()));
        }
    }

    fn remove(&mut self, key: &FairnessKey, (turn, id): (u64, u64)) {
        let Some(line) = self.keys.get_mut(key) else { return };
        line.remove(&(turn, id));
        let was_head = self.heads.remove(&(turn, id, key.clone()));
        match line.first() {
            // What was served last is no later than the level's own time: nothing has to be remembered of the key.
            None => {
                self.keys.remove(key);
            }
            Some((turn, id)) if was_head => {
                self.heads.insert((*turn, *id, key.clone()));
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::record::RateLimit;
    use proptest::prelude::*;

    fn rank(key: u32, fairness_key: &str, fairness_weight: f64) -> Priority {
        Priority { key, fairness_key: Some(fairness_key.to_owned()), fairness_weight }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    /// Serves until nobody can go.
    fn served(line: &mut Line, config: &QueueConfig, now: Timestamp) -> Vec<u64> {
        let mut all = Vec::new();
        while let Some((_, id)) = line.next(config, now) {
            line.serve(id, config, now);
            all.push(id);
        }
        all
    }

    #[test]
    fn a_key_that_used_up_its_rate_is_passed_over() {
        let limit = RateLimit { burst: Some(1), ..RateLimit::new(1.0) };
        let config = QueueConfig { fairness_key_rate_limit: Some(limit), ..QueueConfig::default() };
        let mut line = Line::default();
        for id in 0..3 {
            line.add(id, &rank(3, "greedy", 1.0), &config);
        }
        line.add(3, &rank(3, "modest", 1.0), &config);
        line.add(4, &rank(5, "heavy", 2.0), &config);
        assert_eq!(served(&mut line, &config, at(0)), [0, 3, 4]);
        assert_eq!(line.wake(&config), Some(at(1_000)));
        assert_eq!(served(&mut line, &config, at(999)), [] as [u64; 0]);
        assert_eq!(served(&mut line, &config, at(1_000)), [1]);
        line.add(5, &rank(5, "heavy", 2.0), &config);
        assert_eq!(served(&mut line, &config, at(1_000)), [5], "twice the weight is twice the rate");
    }

    #[test]
    fn weights_that_operators_set_come_first() {
        let mut config = QueueConfig::default();
        config.fairness_weights.insert("vip".into(), 4.0);
        let mut line = Line::default();
        for id in 0..8 {
            line.add(id, &rank(3, "vip", 1.0), &config);
            line.add(100 + id, &rank(3, "rest", 1.0), &config);
        }
        let order = served(&mut line, &config, at(0));
        assert_eq!(order.iter().take(10).filter(|id| **id < 100).count(), 8, "{order:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// While every key has tasks waiting, each gets its share by weight, give or take one task.
        #[test]
        fn shares_follow_the_weights(weights in prop::collection::vec(1_u32..10, 2..6)) {
            let config = QueueConfig::default();
            let mut line = Line::default();
            let total: u32 = weights.iter().sum();
            let rounds = 20;
            for (key, weight) in weights.iter().enumerate() {
                for task in 0..rounds * weight {
                    let id = key as u64 * 10_000 + u64::from(task);
                    line.add(id, &rank(3, &key.to_string(), f64::from(*weight)), &config);
                }
            }
            let order = served(&mut line, &config, at(0));
            prop_assert!(line.is_empty() && line.levels.is_empty());
            #[expect(clippy::cast_precision_loss, reason = "small figures")]
            let keys = weights.len() as f64;
            for served in 1..order.len() {
                for (key, weight) in weights.iter().enumerate() {
                    let got = order[..served].iter().filter(|id| **id / 10_000 == key as u64).count();
                    #[expect(clippy::cast_precision_loss, reason = "small figures")]
                    let (got, due) = (got as f64, served as f64 * f64::from(*weight) / f64::from(total));
                    prop_assert!((got - due).abs() <= keys, "key {key}: {got} of {due}");
                }
            }
        }

        /// Who goes away leaves no trace, and nobody is served twice or lost.
        #[test]
        fn everybody_is_served_once_or_goes_away(
            tasks in prop::collection::vec((1_u32..6, 0_u32..4, any::<bool>()), 1..80),
        ) {
            let config = QueueConfig::default();
            let mut line = Line::default();
            for (id, (level, key, _)) in tasks.iter().enumerate() {
                line.add(id as u64, &rank(*level, &key.to_string(), 1.0), &config);
            }
            for (id, (.., leaves)) in tasks.iter().enumerate() {
                if *leaves {
                    line.remove(id as u64);
                }
            }
            let order = served(&mut line, &config, at(0));
            let levels: Vec<_> = order.iter().map(|id| tasks[usize::try_from(*id).unwrap()].0).collect();
            prop_assert!(levels.is_sorted(), "the urgent go first: {levels:?}");
            let mut all = order;
            all.sort_unstable();
            let stayed = tasks.iter().enumerate().filter(|(_, (.., leaves))| !leaves).map(|(id, _)| id as u64);
            prop_assert_eq!(all, stayed.collect::<Vec<_>>());
            prop_assert!(line.is_empty() && line.levels.is_empty());
        }
    }
}
