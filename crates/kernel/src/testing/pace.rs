//! Who goes on when: tasks that were started through [`crate::task::spawn`] ask a pace before every step.
//!
//! On a runtime with one thread and without a clock of its own, the order of all steps then follows from the pace alone:
//! a seed repeats it, and every point at which a task waits is a point at which another may overtake it.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::BoxFuture;

/// What a task does next.
pub enum Step {
    /// It goes on.
    Go,
    /// Others go first.
    Yield,
    /// It waits for this.
    Wait(BoxFuture<'static, ()>),
}

/// Decides. Asked before every step of every task.
pub trait Pace: Send + Sync {
    /// What the task that asks does next.
    fn step(&self) -> Step;
}

thread_local! {
    static PACE: RefCell<Option<Arc<dyn Pace>>> = const { RefCell::new(None) };
}

/// The pace of this thread, if it has one.
pub fn current() -> Option<Arc<dyn Pace>> {
    PACE.with_borrow(Clone::clone)
}

/// Sets the pace of this thread until the guard is dropped.
pub fn set(pace: Arc<dyn Pace>) -> Guard {
    PACE.set(Some(pace));
    Guard(())
}

/// Takes the pace away when dropped.
pub struct Guard(());

impl Drop for Guard {
    fn drop(&mut self) {
        PACE.set(None);
    }
}

/// A task that keeps to a pace.
pub struct Paced<F> {
    pace: Arc<dyn Pace>,
    waits_for: Option<BoxFuture<'static, ()>>,
    part: Pin<Box<F>>,
}

impl<F> Paced<F> {
    /// The task, kept to the pace.
    pub fn new(pace: Arc<dyn Pace>, part: F) -> Paced<F> {
        Paced { pace, waits_for: None, part: Box::pin(part) }
    }
}

impl<F: Future> Future for Paced<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        loop {
            if let Some(waits_for) = &mut self.waits_for {
                if waits_for.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                self.waits_for = None;
                return self.part.as_mut().poll(context);
            }
            match self.pace.step() {
                Step::Go => return self.part.as_mut().poll(context),
                Step::Yield => {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Step::Wait(until) => self.waits_for = Some(until),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Lets every other task go first, once.
    struct Swap(Mutex<bool>);

    impl Pace for Swap {
        fn step(&self) -> Step {
            let mut turn = self.0.lock().unwrap();
            *turn = !*turn;
            if *turn { Step::Yield } else { Step::Go }
        }
    }

    #[tokio::test]
    async fn the_pace_decides_who_is_first() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let part = |name: &'static str| {
            let order = Arc::clone(&order);
            async move { order.lock().unwrap().push(name) }
        };
        let paced = set(Arc::new(Swap(Mutex::new(false))));
        let (first, second) = (crate::task::spawn(part("first")), crate::task::spawn(part("second")));
        drop(paced);
        let third = crate::task::spawn(part("third"));
        for task in [first, second, third] {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), ["second", "third", "first"]);
    }
}
