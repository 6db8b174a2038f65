//! What happens to a schedule: pure, like the step of runs.

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, RunId};
use nexus_kernel::time::Timestamp;
use std::time::Duration;

use super::record::{
    BUFFER_MAX, Counts, Definition, Overlap, RECENT_MAX, Running, Schedule, Stop, Taken, Waiting,
};
use super::spec::Compiled;

/// Moments that one transition deals with; the rest follow in the next.
const MOMENTS_MAX: usize = 1_000;

/// How long a schedule stays that will never act again.
const IDLE: Duration = Duration::from_hours(7 * 24);

/// What an operator asks for.
#[derive(Debug, Clone)]
pub enum Request {
    /// Make it.
    Create {
        id: String,
        definition: Box<Definition>,
        paused: bool,
        note: String,
        remaining_actions: Option<u64>,
    },
    /// Say anew what it does; only when it is at this version, if one is given.
    Update { definition: Box<Definition>, version: Option<u64> },
    /// Do nothing until further notice, or go on.
    Pause { paused: bool, note: String },
    /// Act now.
    Trigger { overlap: Option<Overlap> },
    /// Act for the moments between two.
    Backfill { from: Timestamp, to: Timestamp, overlap: Option<Overlap> },
    /// Remove it. Its runs go on.
    Delete,
    /// Tell what is known.
    Show,
}

/// What happens to it.
#[derive(Debug, Clone)]
pub enum Happening {
    /// Somebody asks for something.
    Request(Request),
    /// A time has come.
    Due,
    /// A run was started, or could not be.
    Started { seq: u64, outcome: Result<(Key, RunId), Failure> },
    /// A run was told to stop.
    Stopped { seq: u64 },
    /// A run has ended.
    Ended { seq: u64, outcome: Result<Json, Failure> },
}

/// Something to be done about a run. Repeating it does no harm.
#[derive(Debug, Clone, PartialEq)]
pub enum Errand {
    /// Start the run of this action.
    Start { seq: u64, workflow_id: String },
    /// Stop the run of this action.
    Stop { seq: u64, run: (Key, RunId), terminate: bool },
}

/// Decides what becomes of a schedule. Nothing when nothing changes; an error refuses a request.
pub(crate) fn step(
    schedule: Option<&Schedule>,
    happening: Happening,
    now: Timestamp,
    fresh: impl FnOnce() -> RunId,
) -> Result<Option<Schedule>, Error> {
    if let Happening::Request(Request::Create { id, definition, paused, note, remaining_actions }) = happening
    {
        if schedule.is_some() {
            return Err(Error::new(&code::SCHEDULE_EXISTS, format!("there is a schedule {id:?} already"))
                .help("update it, or delete it first"));
        }
        let mut new = created(id, *definition, now, fresh());
        (new.paused, new.note, new.remaining_actions) = (paused, note, remaining_actions);
        new.understood()?;
        new.settle(now);
        return Ok(Some(new));
    }
    let Some(schedule) = schedule else {
        return match happening {
            Happening::Request(_) => Err(unknown()),
            // News for a schedule that is gone.
            _ => Ok(None),
        };
    };
    let mut next = schedule.clone();
    match happening {
        Happening::Request(request) => next.request(request, now)?,
        Happening::Due => next.due(now),
        Happening::Started { seq, outcome } => next.started(seq, outcome, now),
        Happening::Stopped { seq } => next.stopped(seq),
        Happening::Ended { seq, outcome } => next.ended(seq, outcome, now),
    }
    next.settle(now);
    Ok((next != *schedule).then_some(next))
}

fn unknown() -> Error {
    Error::new(&code::SCHEDULE_UNKNOWN, "there is no schedule of this id in this namespace")
        .help("`nexus schedule list` shows the schedules")
}

fn created(id: String, definition: Definition, now: Timestamp, instance: RunId) -> Schedule {
    Schedule {
        id,
        version: 1,
        instance,
        definition,
        paused: false,
        note: String::new(),
        remaining_actions: None,
        created_at: now,
        updated_at: now,
        processed: now,
        next_seq: 1,
        running: Vec::new(),
        waiting: Vec::new(),
        recent: Vec::new(),
        counts: Counts::default(),
        last_result: Json::Null,
        last_failure: None,
        remove_at: None,
        removed: false,
    }
}

/// When a schedule has to be looked at again.
pub(crate) fn wake(schedule: &Schedule) -> Option<Timestamp> {
    let spec = schedule.definition.spec.compile().ok()?;
    let next = schedule.next_moment(&spec).filter(|_| !schedule.paused).map(|(_, at)| at);
    next.into_iter().chain(schedule.remove_at).min()
}

impl Schedule {
    /// What is to be done about its runs: everything that has not been acknowledged.
    pub(crate) fn errands(&self) -> Vec<Errand> {
        let mut all = Vec::new();
        for running in &self.running {
            match (&running.run, running.stop) {
                (None, _) => {
                    let workflow_id = running.workflow_id.clone();
                    all.push(Errand::Start { seq: running.seq, workflow_id });
                }
                (Some(run), Some(stop @ (Stop::Cancel | Stop::Terminate))) => {
                    let terminate = stop == Stop::Terminate;
                    all.push(Errand::Stop { seq: running.seq, run: run.clone(), terminate });
                }
                _ => {}
            }
        }
        all
    }

    /// The spec, when it makes sense and the catch-up window too.
    fn understood(&self) -> Result<Compiled, Error> {
        let wrong = |why: String| {
            Error::new(&code::SCHEDULE_INVALID, why)
                .help("`nexus explain NX-2102` shows what a schedule is made of")
        };
        let spec = self.definition.spec.compile().map_err(wrong)?;
        self.definition.policies.catchup_ms().map_err(wrong)?;
        if let Some(text) = &self.definition.action.run_timeout {
            super::spec::duration("run_timeout", text).map_err(wrong)?;
        }
        if spec.after(self.processed).is_none() {
            return Err(wrong(
                "no moment that is still to come fits this schedule: it would never act".into(),
            ));
        }
        Ok(spec)
    }

    /// The first moment that has not been dealt with, and when its action is taken. Nothing when there is none, or nothing
    /// would be done.
    fn next_moment(&self, spec: &Compiled) -> Option<(Timestamp, Timestamp)> {
        if self.removed || self.remaining_actions == Some(0) {
            return None;
        }
        let nominal = spec.after(self.processed)?;
        Some((nominal, spec.with_jitter(nominal, self.seed())))
    }

    fn request(&mut self, request: Request, now: Timestamp) -> Result<(), Error> {
        match request {
            Request::Create { .. } | Request::Show => return Ok(()),
            Request::Update { definition, version } => {
                if version.is_some_and(|version| version != self.version) {
                    let message =
                        format!("the schedule is at version {}, not at the one you saw", self.version);
                    return Err(Error::new(&code::SCHEDULE_CHANGED, message)
                        .help("show it, make your change again and send the version you see"));
                }
                self.definition = *definition;
                self.processed = now;
                self.understood()?;
            }
            Request::Pause { paused, note } => {
                (self.paused, self.note) = (paused, note);
                // What came while it was paused is not made up for.
                self.processed = now;
                self.go_on(now);
            }
            Request::Trigger { overlap } => self.act(now, overlap, now),
            Request::Backfill { from, to, overlap } => return self.backfill((from, to), overlap, now),
            Request::Delete => self.removed = true,
        }
        self.version += 1;
        self.updated_at = now;
        Ok(())
    }

    fn backfill(
        &mut self,
        (from, to): (Timestamp, Timestamp),
        overlap: Option<Overlap>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let spec = self.understood()?;
        let first = Timestamp::from_millis(from.millis() - 1);
        let moments = std::iter::successors(spec.after(first), |at| spec.after(*at));
        let moments: Vec<_> = moments.take_while(|at| *at <= to).take(BUFFER_MAX + 1).collect();
        if moments.len() > BUFFER_MAX {
            let message = format!("more than {BUFFER_MAX} moments lie between {from} and {to}");
            return Err(Error::new(&code::SCHEDULE_INVALID, message).help("backfill it piece by piece"));
        }
        for nominal in moments {
            self.act(nominal, overlap, now);
        }
        Ok(())
    }

    /// Deals with every moment that has come.
    fn due(&mut self, now: Timestamp) {
        if self.remove_at.is_some_and(|at| at <= now) {
            self.removed = true;
            return;
        }
        let (Ok(spec), Ok(catchup)) = (self.definition.spec.compile(), self.definition.policies.catchup_ms())
        else {
            return;
        };
        for _ in 0..MOMENTS_MAX {
            let Some((nominal, at)) = self.next_moment(&spec).filter(|(_, at)| *at <= now) else { return };
            self.processed = nominal;
            if self.paused {
                continue;
            }
            if now.millis() - at.millis() > catchup {
                self.counts.missed_catchup_window += 1;
            } else {
                self.act(nominal, None, now);
            }
        }
    }

    /// Takes the action of a moment, as far as its policy lets it.
    fn act(&mut self, nominal: Timestamp, overlap: Option<Overlap>, now: Timestamp) {
        let overlap = overlap.unwrap_or(self.definition.policies.overlap);
        if self.running.is_empty() || overlap == Overlap::AllowAll {
            return self.start(nominal, now);
        }
        match overlap {
            Overlap::Skip => self.counts.overlap_skipped += 1,
            Overlap::BufferOne if !self.waiting.is_empty() => self.counts.overlap_skipped += 1,
            Overlap::CancelOther | Overlap::TerminateOther => {
                let stop = if overlap == Overlap::CancelOther { Stop::Cancel } else { Stop::Terminate };
                for running in self.running.iter_mut().filter(|it| it.stop.is_none()) {
                    running.stop = Some(stop);
                }
                // Only the last of several is worth starting: the others would be stopped for it.
                self.waiting = vec![Waiting { nominal }];
            }
            _ if self.waiting.len() >= BUFFER_MAX => self.counts.buffer_dropped += 1,
            _ => self.waiting.push(Waiting { nominal }),
        }
    }

    fn start(&mut self, nominal: Timestamp, now: Timestamp) {
        match &mut self.remaining_actions {
            Some(0) => return,
            Some(left) => *left -= 1,
            None => {}
        }
        let workflow_id = self.workflow_id(nominal);
        let seq = self.next_seq;
        self.next_seq += 1;
        self.counts.actions += 1;
        self.recent.push(Taken {
            seq,
            nominal,
            at: now,
            workflow_id: workflow_id.clone(),
            run: None,
            failure: None,
        });
        let surplus = self.recent.len().saturating_sub(RECENT_MAX);
        self.recent.drain(..surplus);
        self.running.push(Running { seq, nominal, workflow_id, run: None, stop: None });
    }

    fn started(&mut self, seq: u64, outcome: Result<(Key, RunId), Failure>, now: Timestamp) {
        // A short run may have ended before the news of its start is here.
        let running = self.running.iter_mut().find(|it| it.seq == seq && it.run.is_none());
        let taken = self.recent.iter_mut().find(|it| it.seq == seq);
        match outcome {
            Ok((key, run)) => {
                if let Some(taken) = taken {
                    taken.run = Some(run.clone());
                }
                if let Some(running) = running {
                    running.run = Some((key, run));
                }
            }
            Err(_) if running.is_none() => {}
            Err(failure) => {
                if let Some(taken) = taken {
                    taken.failure = Some(failure.clone());
                }
                self.counts.not_started += 1;
                self.running.retain(|it| it.seq != seq);
                self.failed(failure);
                self.go_on(now);
            }
        }
    }

    fn stopped(&mut self, seq: u64) {
        for running in self.running.iter_mut().filter(|it| it.seq == seq) {
            running.stop = Some(Stop::Told);
        }
    }

    fn ended(&mut self, seq: u64, outcome: Result<Json, Failure>, now: Timestamp) {
        let before = self.running.len();
        let stopped = self.running.iter().any(|it| it.seq == seq && it.stop.is_some());
        self.running.retain(|it| it.seq != seq);
        if self.running.len() == before {
            return;
        }
        match outcome {
            Ok(result) => (self.last_result, self.last_failure) = (result, None),
            // A run that was stopped for the next one has not failed.
            Err(_) if stopped => {}
            Err(failure) => self.failed(failure),
        }
        self.go_on(now);
    }

    fn failed(&mut self, failure: Failure) {
        if self.definition.policies.pause_on_failure && !self.paused {
            self.paused = true;
            self.note = format!("paused because a run failed: {}", failure.message);
            self.version += 1;
        }
        self.last_failure = Some(failure);
    }

    /// Starts what waited for a run to end.
    fn go_on(&mut self, now: Timestamp) {
        if self.running.is_empty() && !self.waiting.is_empty() && !self.paused {
            let next = self.waiting.remove(0);
            self.start(next.nominal, now);
        }
    }

    /// A schedule that will never act again is removed some time after.
    fn settle(&mut self, now: Timestamp) {
        let acts = self.definition.spec.compile().is_ok_and(|spec| self.next_moment(&spec).is_some());
        let is_idle = !acts && self.running.is_empty() && self.waiting.is_empty();
        match (is_idle, self.remove_at) {
            (true, None) => self.remove_at = Some(now.plus(IDLE)),
            (false, Some(_)) => self.remove_at = None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
