//! Work for the sandbox's threads, in the order in which it is fair to do it.
//!
//! There are two lanes: what is expected to be quick, and what has been seen to compute for long at a stretch. In a lane
//! the classes of priority come in turn by weight, in a class the owners one after the other, and of one owner's work the
//! oldest first. Nobody's queue can grow without bound, and nobody's length delays another owner.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nexus_kernel::id::Namespace;

use crate::error::Overload;

/// Which lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Quick,
    Slow,
}

/// Who is served first when more waits than there are threads. Lower classes wait longer, never for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub enum Priority {
    /// Somebody looks at a screen and waits.
    High,
    /// The usual.
    #[default]
    Normal,
    /// Whenever there is time.
    Low,
}

/// Where a piece of work belongs.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) lane: Lane,
    pub(crate) owner: Namespace,
    pub(crate) priority: Priority,
    /// Whether it goes on with an execution that has begun: that is never turned away.
    pub(crate) goes_on: bool,
}

impl Place {
    /// Work of the sandbox itself: quick until it turns out not to be, and not turned away.
    pub(crate) fn of_ours() -> Place {
        let owner = Namespace::default();
        Place { lane: Lane::Quick, owner, priority: Priority::Normal, goes_on: true }
    }
}

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) all: usize,
    pub(crate) per_owner: usize,
}

/// All that waits.
pub(crate) struct Queue<T> {
    lanes: Mutex<Lanes<T>>,
    bounds: Bounds,
}

struct Lanes<T> {
    quick: Classes<T>,
    slow: Classes<T>,
    waiting: HashMap<Namespace, usize>,
    waiting_all: usize,
    closed: bool,
}

struct Waiting<T> {
    work: T,
    counted: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new(bounds: Bounds) -> Queue<T> {
        let lanes = Lanes {
            quick: Classes::default(),
            slow: Classes::default(),
            waiting: HashMap::new(),
            waiting_all: 0,
            closed: false,
        };
        Queue { lanes: Mutex::new(lanes), bounds }
    }

    /// Adds work, unless too much waits already: then it is given back.
    pub(crate) fn push(&self, place: Place, work: T) -> Result<(), (Overload, T)> {
        let Place { lane, owner, priority, goes_on } = place;
        let mut lanes = self.lock();
        if lanes.closed {
            return Err((Overload::Stopping, work));
        }
        if !goes_on && let Err(overload) = lanes.count(&owner, self.bounds) {
            return Err((overload, work));
        }
        lanes.lane(lane).push(owner, priority, Waiting { work, counted: !goes_on });
        Ok(())
    }

    /// Takes what is next in a lane.
    pub(crate) fn take(&self, lane: Lane) -> Option<T> {
        let mut lanes = self.lock();
        let (owner, Waiting { work, counted }) = lanes.lane(lane).take()?;
        if counted {
            lanes.uncount(&owner);
        }
        Some(work)
    }

    /// Takes nothing more; the answer is what was waiting.
    pub(crate) fn close(&self) -> Vec<T> {
        let mut lanes = self.lock();
        lanes.closed = true;
        let mut dropped = Vec::new();
        while let Some((_, waiting)) = lanes.quick.take().or_else(|| lanes.slow.take()) {
            dropped.push(waiting.work);
        }
        dropped
    }

    fn lock(&self) -> MutexGuard<'_, Lanes<T>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Lanes<T> {
    fn lane(&mut self, lane: Lane) -> &mut Classes<T> {
        match lane {
            Lane::Quick => &mut self.quick,
            Lane::Slow => &mut self.slow,
        }
    }

    fn count(&mut self, owner: &Namespace, bounds: Bounds) -> Result<(), Overload> {
        if self.waiting_all >= bounds.all {
            return Err(Overload::Queue);
        }
        match self.waiting.get_mut(owner) {
            Some(count) if *count >= bounds.per_owner => return Err(Overload::Owner),
            Some(count) => *count += 1,
            None if bounds.per_owner == 0 => return Err(Overload::Owner),
            None => drop(self.waiting.insert(owner.clone(), 1)),
        }
        self.waiting_all += 1;
        Ok(())
    }

    fn uncount(&mut self, owner: &Namespace) {
        self.waiting_all -= 1;
        if let Some(count) = self.waiting.get_mut(owner) {
            *count -= 1;
            if *count == 0 {
                self.waiting.remove(owner);
            }
        }
    }
}

/// Which class is asked first, turn by turn: of eight turns five begin with the high one, two with the normal one, and
/// one with the low one.
const TURNS: [[Priority; 3]; 8] = {
    const HIGH: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];
    const NORMAL: [Priority; 3] = [Priority::Normal, Priority::High, Priority::Low];
    const LOW: [Priority; 3] = [Priority::Low, Priority::Normal, Priority::High];
    [HIGH, HIGH, NORMAL, HIGH, HIGH, NORMAL, HIGH, LOW]
};

/// A lane: a round of owners for each class.
struct Classes<T> {
    high: Round<T>,
    normal: Round<T>,
    low: Round<T>,
    turn: usize,
}

impl<T> Default for Classes<T> {
    fn default() -> Classes<T> {
        Classes { high: Round::default(), normal: Round::default(), low: Round::default(), turn: 0 }
    }
}

impl<T> Classes<T> {
    fn class(&mut self, priority: Priority) -> &mut Round<T> {
        match priority {
            Priority::High => &mut self.high,
            Priority::Normal => &mut self.normal,
            Priority::Low => &mut self.low,
        }
    }

    fn push(&mut self, owner: Namespace, priority: Priority, work: Waiting<T>) {
        self.class(priority).push(owner, work);
    }

    fn take(&mut self) -> Option<(Namespace, Waiting<T>)> {
        let order = TURNS.get(self.turn % TURNS.len())?;
        let taken = order.iter().find_map(|priority| self.class(*priority).take())?;
        self.turn = self.turn.wrapping_add(1);
        Some(taken)
    }
}

/// Owners, one after the other.
struct Round<T> {
    /// Those who wait, in the order of their turns.
    order: VecDeque<Namespace>,
    of: HashMap<Namespace, VecDeque<Waiting<T>>>,
}

impl<T> Default for Round<T> {
    fn default() -> Round<T> {
        Round { order: VecDeque::new(), of: HashMap::new() }
    }
}

impl<T> Round<T> {
    fn push(&mut self, owner: Namespace, work: Waiting<T>) {
        if let Some(waiting) = self.of.get_mut(&owner) {
            return waiting.push_back(work);
        }
        self.of.insert(owner.clone(), VecDeque::from([work]));
        self.order.push_back(owner);
    }

    fn take(&mut self) -> Option<(Namespace, Waiting<T>)> {
        let owner = self.order.pop_front()?;
        let waiting = self.of.get_mut(&owner)?;
        let work = waiting.pop_front()?;
        if waiting.is_empty() {
            self.of.remove(&owner);
        } else {
            self.order.push_back(owner.clone());
        }
        Some((owner, work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { all: 100, per_owner: 50 };

    fn place(owner: &str, priority: Priority) -> Place {
        Place { lane: Lane::Quick, owner: Namespace::new(owner).unwrap(), priority, goes_on: false }
    }

    fn drain<T>(queue: &Queue<T>) -> Vec<T> {
        std::iter::from_fn(|| queue.take(Lane::Quick)).collect()
    }

    #[test]
    fn owners_take_turns_however_much_one_of_them_has() {
        let queue = Queue::new(BOUNDS);
        for number in 0..5 {
            queue.push(place("greedy", Priority::Normal), ('g', number)).unwrap();
        }
        for owner in ["a", "b"] {
            queue.push(place(owner, Priority::Normal), (owner.chars().next().unwrap(), 0)).unwrap();
        }
        queue.push(place("a", Priority::Normal), ('a', 1)).unwrap();
        let expected = [('g', 0), ('a', 0), ('b', 0), ('g', 1), ('a', 1), ('g', 2), ('g', 3), ('g', 4)];
        assert_eq!(drain(&queue), expected);
    }

    #[test]
    fn classes_are_served_by_weight_and_the_lowest_moves() {
        let queue = Queue::new(BOUNDS);
        for _ in 0..8 {
            for (name, priority) in [('h', Priority::High), ('n', Priority::Normal), ('l', Priority::Low)] {
                queue.push(place("a", priority), name).unwrap();
            }
        }
        let order: String = drain(&queue).into_iter().collect();
        assert_eq!(order, "hhnhhnhlhhnhnnnlnnllllll");
    }

    #[test]
    fn the_lanes_are_apart() {
        let queue = Queue::new(BOUNDS);
        queue.push(Place { lane: Lane::Slow, ..place("a", Priority::High) }, 1).unwrap();
        assert_eq!((queue.take(Lane::Quick), queue.take(Lane::Slow)), (None, Some(1)));
    }

    #[test]
    fn an_owner_and_all_together_are_bounded_and_what_has_begun_is_not() {
        let queue = Queue::new(Bounds { all: 3, per_owner: 2 });
        let push = |owner, goes_on| {
            let place = Place { goes_on, ..place(owner, Priority::Normal) };
            queue.push(place, ()).map_err(|(overload, ())| overload)
        };
        assert_eq!((push("a", false), push("a", false)), (Ok(()), Ok(())));
        assert_eq!(push("a", false), Err(Overload::Owner));
        assert_eq!(push("a", true), Ok(()));
        assert_eq!(push("b", false), Ok(()));
        assert_eq!(push("c", false), Err(Overload::Queue));
        assert!(queue.take(Lane::Quick).is_some());
        assert_eq!(push("a", false), Ok(()), "there is room again");
        assert_eq!(queue.close().len(), 4);
        assert_eq!(push("a", true), Err(Overload::Stopping));
    }
}
