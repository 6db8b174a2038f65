//! The main loop: one event after another.

use std::collections::HashMap;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender};

use gen_lsp_types::{InitializeParams, PublishDiagnosticsParams};
use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use serde_json::Value as Json;

use super::state::{State, Wanted};
use super::worker::{Diagnosed, Job, Worker};
use super::{capabilities, dispatch, document, transport};

/// Everything that can happen.
pub(super) enum Event {
    /// The editor says something.
    Message(Message),
    /// The editor says something that is no message.
    Malformed(String),
    /// The editor says nothing any more.
    Closed,
    /// A request has been answered.
    Answered(Response),
    /// A project has been checked.
    Diagnosed(Diagnosed),
}

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As the protocol wants it: `shutdown`, then `exit`.
    Orderly,
    /// The editor left without `shutdown`.
    Abrupt,
}

/// How far the session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before `initialize`.
    New,
    /// Requests are answered.
    Ready,
    /// After `shutdown`.
    Stopped,
}

pub(super) struct MainLoop<W> {
    events: Receiver<Event>,
    output: W,
    worker: Worker,
    state: State,
    phase: Phase,
    /// Requests that wait for their answer, with the word that stops them.
    pending: HashMap<RequestId, Arc<AtomicBool>>,
}

impl<W: Write> MainLoop<W> {
    pub(super) fn new(sender: Sender<Event>, events: Receiver<Event>, output: W) -> io::Result<MainLoop<W>> {
        Ok(MainLoop {
            events,
            output,
            worker: Worker::start(sender)?,
            state: State::default(),
            phase: Phase::New,
            pending: HashMap::new(),
        })
    }

    /// Until the editor leaves.
    pub(super) fn run(mut self) -> Ending {
        let ending = |phase| if phase == Phase::Stopped { Ending::Orderly } else { Ending::Abrupt };
        while let Ok(event) = self.events.recv() {
            let result = match event {
                Event::Closed => return ending(self.phase),
                Event::Message(Message::Notification(it)) if it.method == "exit" => {
                    return ending(self.phase);
                }
                Event::Message(message) => self.message(message),
                Event::Malformed(what) => transport::write_parse_error(&mut self.output, &what),
                Event::Answered(response) => self.answered(response),
                Event::Diagnosed(diagnosed) => self.diagnosed(&diagnosed),
            };
            // Nobody reads the answers any more.
            if result.is_err() {
                return ending(self.phase);
            }
        }
        ending(self.phase)
    }

    fn message(&mut self, message: Message) -> io::Result<()> {
        match message {
            Message::Request(request) => self.request(request),
            Message::Notification(it) => {
                // A fault in one notification must not take the session with it.
                let outcome = catch_unwind(AssertUnwindSafe(|| self.notification(it)));
                outcome.unwrap_or(Ok(()))
            }
            // Answers to what we ask of the editor change nothing.
            Message::Response(_) => Ok(()),
        }
    }

    fn request(&mut self, request: Request) -> io::Result<()> {
        match (self.phase, request.method.as_str()) {
            (Phase::New, "initialize") => self.initialize(request),
            (Phase::New, _) => {
                self.refuse(request.id, ErrorCode::ServerNotInitialized, "`initialize` comes first")
            }
            (Phase::Ready, "shutdown") => {
                self.phase = Phase::Stopped;
                self.send(Response::new_ok(request.id, Json::Null).into())
            }
            (Phase::Ready, "initialize") | (Phase::Stopped, _) => {
                let why = if self.phase == Phase::Stopped {
                    "the server is shut down"
                } else {
                    "this is done already"
                };
                self.refuse(request.id, ErrorCode::InvalidRequest, why)
            }
            (Phase::Ready, _) => self.ask(request),
        }
    }

    /// Hands a request to the worker, with a picture of the files as they are now.
    fn ask(&mut self, request: Request) -> io::Result<()> {
        let Some(handler) = dispatch::find(&request.method) else {
            let why = format!("there is no method `{}`", request.method);
            return self.refuse(request.id, ErrorCode::MethodNotFound, &why);
        };
        let is_cancelled = Arc::new(AtomicBool::new(false));
        self.pending.insert(request.id.clone(), is_cancelled.clone());
        let snapshot = self.state.snapshot();
        self.worker.send(Job::Request { request, handler, snapshot, is_cancelled });
        Ok(())
    }

    fn initialize(&mut self, request: Request) -> io::Result<()> {
        let params = match serde_json::from_value::<InitializeParams>(request.params) {
            Ok(params) => params,
            Err(error) => return self.refuse(request.id, ErrorCode::InvalidParams, &error.to_string()),
        };
        self.state.configure(&params);
        self.phase = Phase::Ready;
        let result = capabilities::initialize_result(self.state.encoding());
        match serde_json::to_value(result) {
            Ok(result) => self.send(Response { id: request.id, response_result: Ok(result) }.into()),
            Err(error) => self.refuse(request.id, ErrorCode::InternalError, &error.to_string()),
        }
    }

    fn notification(&mut self, it: Notification) -> io::Result<()> {
        if it.method == "$/cancelRequest" {
            return self.cancel(&it.params);
        }
        if self.phase != Phase::Ready {
            return Ok(());
        }
        if it.method == "initialized" {
            self.state.load();
            self.watch_files()?;
        } else {
            document::notified(&mut self.state, &it.method, it.params);
        }
        self.check_changed()
    }

    fn cancel(&mut self, params: &Json) -> io::Result<()> {
        let Some(id) = params.get("id").and_then(|id| serde_json::from_value::<RequestId>(id.clone()).ok())
        else {
            return Ok(());
        };
        let Some(is_cancelled) = self.pending.remove(&id) else { return Ok(()) };
        is_cancelled.store(true, std::sync::atomic::Ordering::Relaxed);
        self.refuse(id, ErrorCode::RequestCanceled, "cancelled by the editor")
    }

    /// Asks the editor to tell of files that others change.
    fn watch_files(&mut self) -> io::Result<()> {
        if !self.state.can_watch() {
            return Ok(());
        }
        let params = capabilities::watch_registration();
        let request =
            Request { id: "watch".to_owned().into(), method: "client/registerCapability".to_owned(), params };
        self.send(request.into())
    }

    /// Has every project checked that changed, and closes the books on those that are gone.
    fn check_changed(&mut self) -> io::Result<()> {
        for wanted in self.state.take_changed() {
            match wanted {
                Wanted::Check(check) => self.worker.send(Job::Check(check)),
                Wanted::Clear(uris) => {
                    for uri in uris {
                        self.publish(&PublishDiagnosticsParams {
                            uri: uri.as_str().into(),
                            version: None,
                            diagnostics: Vec::new(),
                        })?;
                    }
                }
            }
        }
        Ok(())
    }

    fn diagnosed(&mut self, diagnosed: &Diagnosed) -> io::Result<()> {
        for params in self.state.published(diagnosed) {
            self.publish(&params)?;
        }
        Ok(())
    }

    fn publish(&mut self, params: &PublishDiagnosticsParams) -> io::Result<()> {
        let params = serde_json::to_value(params)?;
        self.send(Notification { method: "textDocument/publishDiagnostics".to_owned(), params }.into())
    }

    fn answered(&mut self, response: Response) -> io::Result<()> {
        // One that was cancelled has its answer.
        match self.pending.remove(&response.id) {
            Some(_) => self.send(response.into()),
            None => Ok(()),
        }
    }

    fn refuse(&mut self, id: RequestId, code: ErrorCode, why: &str) -> io::Result<()> {
        self.send(Response::new_err(id, code as i32, why.to_owned()).into())
    }

    fn send(&mut self, message: Message) -> io::Result<()> {
        transport::write(&mut self.output, &message)
    }
}
