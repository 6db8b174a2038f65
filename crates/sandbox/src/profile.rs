//! Where the time of one call went: for people who write a function, never for decisions.
//!
//! A call that nobody watches pays one comparison for each step. Times of a thread are processor times, in which waiting
//! for a busy machine costs nothing; what passes between two turns is measured by the clock.

use std::sync::{Arc, Mutex, PoisonError};

use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::time::Timestamp;
use serde::Serialize;

use crate::mem::thread_cpu_ns;

/// A step of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waiting for the engine, and for the right to an instance.
    Admit,
    /// Waiting for a thread of the sandbox.
    Queue,
    /// Making the instance from the snapshot, and seeding it.
    Instantiate,
    /// Copying the bytecode in and running the top level of the file.
    Load,
    /// The function itself, with the host calls that do not wait.
    Run,
    /// Reading the result.
    Answer,
    /// Keeping the difference from the snapshot, when the instance is given back for a wait.
    Spill,
    /// Waiting for operations.
    Wait,
    /// Making the instance again from what was kept.
    Restore,
    /// Wiping the instance.
    Wipe,
}

impl Phase {
    /// What it is, in a few words.
    pub fn text(self) -> &'static str {
        match self {
            Phase::Admit => "waiting for an instance",
            Phase::Queue => "waiting for a thread",
            Phase::Instantiate => "instantiating the snapshot",
            Phase::Load => "loading the file",
            Phase::Run => "running",
            Phase::Answer => "reading the result",
            Phase::Spill => "spilling",
            Phase::Wait => "waiting for operations",
            Phase::Restore => "restoring",
            Phase::Wipe => "wiping the instance",
        }
    }
}

/// How often a step was taken, and how long it took altogether.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PhaseFigures {
    /// The step.
    pub phase: Phase,
    /// How often.
    pub times: u64,
    /// By the clock, in microseconds.
    pub wall_us: u64,
    /// Processor time in nanoseconds; zero for steps that wait.
    pub cpu_ns: u64,
}

/// What one kind of host call took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallFigures {
    /// Its name.
    pub name: String,
    /// How often it was called.
    pub count: u64,
    /// How many of these failed.
    pub failed: u64,
    /// Bytes of all arguments.
    pub sent_bytes: u64,
    /// Bytes of all answers.
    pub received_bytes: u64,
    /// Time until the answers, by the clock, in microseconds. Calls under way at the same time count each.
    pub wall_us: u64,
}

/// Where the time of one call went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// Steps, in the order in which a call takes them.
    pub phases: Vec<PhaseFigures>,
    /// Host calls, by name.
    pub calls: Vec<CallFigures>,
}

/// Writes a profile. Cheap to clone; see [`crate::Invocation::recorder`].
#[derive(Clone)]
pub struct Recorder(Arc<Recording>);

struct Recording {
    clock: SharedClock,
    profile: Mutex<Profile>,
}

/// One host call that has been answered.
pub(crate) struct Call<'a> {
    pub(crate) name: &'a str,
    pub(crate) failed: bool,
    pub(crate) sent_bytes: usize,
    pub(crate) received_bytes: usize,
    pub(crate) began: Timestamp,
}

impl Recorder {
    /// A recorder that takes time from this clock.
    pub fn new(clock: SharedClock) -> Recorder {
        Recorder(Arc::new(Recording { clock, profile: Mutex::default() }))
    }

    /// What has been written so far.
    pub fn profile(&self) -> Profile {
        self.with(|profile| profile.clone())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// A step that began then and has ended now.
    fn phase(&self, phase: Phase, began: Timestamp, cpu_ns: u64) {
        let took = self.now().since(began);
        let step =
            PhaseFigures { phase, times: 1, wall_us: u64::try_from(took.as_micros()).unwrap_or(0), cpu_ns };
        self.with(|profile| match profile.phases.binary_search_by_key(&phase, |found| found.phase) {
            Ok(at) => {
                if let Some(sum) = profile.phases.get_mut(at) {
                    sum.times += 1;
                    sum.wall_us += step.wall_us;
                    sum.cpu_ns += step.cpu_ns;
                }
            }
            Err(at) => profile.phases.insert(at, step),
        });
    }

    pub(crate) fn call(&self, call: &Call<'_>) {
        let took = self.now().since(call.began);
        self.with(|profile| {
            let at = match profile.calls.binary_search_by(|found| found.name.as_str().cmp(call.name)) {
                Ok(at) => at,
                Err(at) => {
                    let name = call.name.to_owned();
                    let none = CallFigures {
                        name,
                        count: 0,
                        failed: 0,
                        sent_bytes: 0,
                        received_bytes: 0,
                        wall_us: 0,
                    };
                    profile.calls.insert(at, none);
                    at
                }
            };
            let Some(sum) = profile.calls.get_mut(at) else { return };
            sum.count += 1;
            sum.failed += u64::from(call.failed);
            sum.sent_bytes += call.sent_bytes as u64;
            sum.received_bytes += call.received_bytes as u64;
            sum.wall_us += u64::try_from(took.as_micros()).unwrap_or(0);
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut Profile) -> T) -> T {
        work(&mut self.0.profile.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Goes along with an execution and tells the recorder, when there is one, where it has come.
#[derive(Default)]
pub(crate) struct Watch(Option<Running>);

struct Running {
    recorder: Recorder,
    wall: Timestamp,
    cpu_ns: u64,
}

impl Watch {
    /// A watch that runs from now on.
    pub(crate) fn start(recorder: Option<Recorder>) -> Watch {
        Watch(recorder.map(|recorder| Running { wall: recorder.now(), cpu_ns: 0, recorder }))
    }

    pub(crate) fn recorder(&self) -> Option<&Recorder> {
        self.0.as_ref().map(|running| &running.recorder)
    }

    /// A wait ends here; what follows is work of this thread.
    pub(crate) fn waited(&mut self, phase: Phase) {
        let Some(running) = &mut self.0 else { return };
        running.recorder.phase(phase, running.wall, 0);
        running.wall = running.recorder.now();
        running.cpu_ns = thread_cpu_ns();
    }

    /// A step of this thread ends here.
    pub(crate) fn lap(&mut self, phase: Phase) {
        let Some(running) = &mut self.0 else { return };
        let cpu_ns = thread_cpu_ns();
        running.recorder.phase(phase, running.wall, cpu_ns.saturating_sub(running.cpu_ns));
        running.wall = running.recorder.now();
        running.cpu_ns = cpu_ns;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nexus_kernel::memory::clock::SimClock;

    use super::*;

    #[test]
    fn steps_and_calls_add_up_in_order() {
        let clock = SimClock::default();
        let recorder = Recorder::new(Arc::new(clock.clone()));
        let mut watch = Watch::start(Some(recorder.clone()));
        for _ in 0..2 {
            clock.advance(Duration::from_micros(30));
            watch.waited(Phase::Queue);
            watch.lap(Phase::Run);
        }
        clock.advance(Duration::from_micros(5));
        watch.waited(Phase::Admit);
        for name in ["kv.put", "kv.get", "kv.put"] {
            let began = recorder.now();
            let failed = name == "kv.get";
            recorder.call(&Call { name, failed, sent_bytes: 3, received_bytes: 4, began });
        }
        let profile = recorder.profile();
        let phases: Vec<_> = profile.phases.iter().map(|it| (it.phase, it.times, it.wall_us)).collect();
        assert_eq!(phases, [(Phase::Admit, 1, 5), (Phase::Queue, 2, 60), (Phase::Run, 2, 0)]);
        let calls: Vec<_> = profile.calls.iter().map(|it| (it.name.as_str(), it.count, it.failed)).collect();
        assert_eq!(calls, [("kv.get", 1, 1), ("kv.put", 2, 0)]);
        assert_eq!(profile.calls[1].sent_bytes, 6);
    }
}
