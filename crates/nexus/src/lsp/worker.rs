//! The thread that answers: requests in their order, checks only while nothing newer has been written.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};

use lsp_server::{ErrorCode, Request, Response, ResponseError};
use nexus_lang::ide::Analysis;

use super::STACK_BYTES;
use super::discover::Group;
use super::dispatch::Handler;
use super::main_loop::Event;
use super::snapshot::Snapshot;

/// Something to do.
pub(super) enum Job {
    /// Answer a request.
    Request { request: Request, handler: Handler, snapshot: Arc<Snapshot>, is_cancelled: Arc<AtomicBool> },
    /// Check a project.
    Check(Check),
}

/// A project to check.
pub(super) struct Check {
    pub(super) group: Group,
    pub(super) analysis: Arc<Analysis>,
    /// The state of the project that this is about.
    pub(super) generation: u64,
    /// The state it is in by now: an older one needs no check.
    pub(super) newest: Arc<AtomicU64>,
}

/// A project that has been checked.
pub(super) struct Diagnosed {
    pub(super) group: Group,
    pub(super) generation: u64,
    pub(super) analysis: Arc<Analysis>,
}

pub(super) struct Worker {
    jobs: Sender<Job>,
}

impl Worker {
    pub(super) fn start(events: Sender<Event>) -> io::Result<Worker> {
        let (jobs, inbox) = channel::<Job>();
        let work = move || {
            for job in inbox {
                let Some(event) = work(job) else { continue };
                if events.send(event).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("lsp-worker".to_owned()).stack_size(STACK_BYTES).spawn(work)?;
        Ok(Worker { jobs })
    }

    pub(super) fn send(&self, job: Job) {
        // The worker ends only with the session.
        let _ended = self.jobs.send(job);
    }
}

fn work(job: Job) -> Option<Event> {
    match job {
        Job::Request { request, handler, snapshot, is_cancelled } => {
            if is_cancelled.load(Ordering::Relaxed) {
                return None;
            }
            Some(Event::Answered(answer(request, handler, &snapshot)))
        }
        Job::Check(check) => {
            if check.newest.load(Ordering::Acquire) != check.generation {
                return None;
            }
            // The picture keeps what is found; a fault in a check leaves what was told before.
            catch_unwind(AssertUnwindSafe(|| check.analysis.diagnostics().len())).ok()?;
            let Check { group, analysis, generation, .. } = check;
            Some(Event::Diagnosed(Diagnosed { group, generation, analysis }))
        }
    }
}

/// A fault in one answer is told to the editor and ends nothing.
fn answer(request: Request, handler: Handler, snapshot: &Snapshot) -> Response {
    let outcome = catch_unwind(AssertUnwindSafe(|| handler(snapshot, request.params)));
    let response_result = outcome.unwrap_or_else(|_| {
        let message = format!("a fault in the language server while answering `{}`", request.method);
        Err(ResponseError { code: ErrorCode::InternalError as i32, message, data: None })
    });
    Response { id: request.id, response_result }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_fault_in_a_handler_is_an_answer() {
        let handler: Handler = |_, _| panic!("on purpose");
        let request = Request { id: 7.into(), method: "x".to_owned(), params: json!({}) };
        let response = answer(request, handler, &Snapshot::default());
        assert_eq!(response.response_result.unwrap_err().code, ErrorCode::InternalError as i32);
    }
}
