//! One process of a pool and its conversation.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::activity::{ActivityTask, Completion};
use nexus_kernel::doer::Doer;
use nexus_kernel::failure::Failure;
use nexus_kernel::limits::PAYLOAD_BYTES_MAX;
use nexus_kernel::port::activity::SharedProgress;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::task;
use nexus_sandbox::LogLevel;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::activities::message::Told;
use crate::activities::process::Program;
use crate::activities::process::group::Group;

/// Longest line of a process, in bytes: a result and what is around it.
const LINE_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 64 * 1024;
/// Longest line of standard error that is logged, in bytes.
const STDERR_LINE_BYTES_MAX: usize = 8 * 1024;
/// What is kept of standard error for the failure of a process that dies, in bytes.
const STDERR_KEPT_BYTES: usize = 2 * 1024;
/// How long to wait for the last words of a process that has ended.
const LAST_WORDS_WAIT: Duration = Duration::from_millis(500);

/// A process. Dropping it kills it, with everything that it has started.
#[derive(Debug)]
pub(crate) struct Child {
    process: Group,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    last_words: LastWords,
}

/// What a process wrote to standard error last.
#[derive(Debug)]
pub(crate) struct LastWords {
    kept: Arc<Mutex<String>>,
    listener: JoinHandle<()>,
}

/// A message of a process. Every one but a log line names the attempt that it is about.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    token: Option<String>,
    #[serde(default, deserialize_with = "present")]
    result: Option<Json>,
    failure: Option<Json>,
    #[serde(default, deserialize_with = "present")]
    heartbeat: Option<Json>,
    later: Option<bool>,
    log: Option<Log>,
}

/// A field that is there is something, even when it is null.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    level: Option<String>,
    message: String,
}

/// What one message means for the attempt.
enum Next {
    /// Read on.
    More,
    /// The process is alive and says how far it has come.
    Beat(Json),
    /// The attempt has ended.
    End(Result<Completion, Failure>),
}

/// The command of a program, with its limits.
pub(crate) fn command(program: &Program) -> Command {
    let (first, rest) = program.command.split_first().map_or(("", [].as_slice()), |(a, b)| (a.as_str(), b));
    let mut command = match program.memory_mib_max {
        None => {
            let mut command = Command::new(first);
            command.args(rest);
            command
        }
        Some(mib) => {
            // The shell sets the limit and becomes the program.
            let mut command = Command::new("/bin/sh");
            let kib = mib.saturating_mul(1024).to_string();
            command.args(["-c", "ulimit -v \"$0\" && exec \"$@\"", &kib, first]).args(rest);
            command
        }
    };
    command
        .current_dir(&program.directory)
        .envs(program.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Why a program could not be started; it may be there when the next attempt begins.
pub(crate) fn not_started(program: &Program, error: &std::io::Error) -> Failure {
    let name = program.command.first().map_or("", String::as_str);
    Failure::application("ProcessNotStarted", format!("{name} cannot be started: {error}"))
}

impl LastWords {
    /// Logs every line of standard error and keeps the last ones.
    pub(crate) fn listen(from: impl AsyncRead + Unpin + Send + 'static, program: &Program) -> LastWords {
        let kept = Arc::new(Mutex::new(String::new()));
        let (words, name) = (Arc::clone(&kept), program.command.join(" "));
        let listener = task::spawn(async move {
            let mut from = BufReader::new(from);
            while let Ok(Some(line)) = read_line(&mut from, STDERR_LINE_BYTES_MAX).await {
                let line = String::from_utf8_lossy(&line);
                tracing::info!(target: "nexus::activity", process = name, "{line}");
                keep(&words, &line);
            }
        });
        LastWords { kept, listener }
    }

    /// Waits for the last words of a process that has ended; not for long, because a process that it started may go on
    /// with its standard error.
    pub(crate) async fn complete(&mut self, clock: &SharedClock) {
        tokio::select! {
            biased;
            _ = &mut self.listener => {}
            () = clock.sleep_until(clock.now().plus(LAST_WORDS_WAIT)) => {}
        }
    }

    /// The failure of a process that ended in another way than by an answer.
    pub(crate) fn failure(&self, type_name: &str, why: &str) -> Failure {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.trim();
        let message = if kept.is_empty() { why.to_owned() } else { format!("{why}; it wrote: {kept}") };
        Failure::application(type_name, message)
    }
}

fn keep(words: &Mutex<String>, line: &str) {
    let mut kept = words.lock().unwrap_or_else(PoisonError::into_inner);
    kept.push_str(line);
    kept.push('\n');
    let start = kept.len().saturating_sub(STDERR_KEPT_BYTES);
    let start = (start..=kept.len()).find(|at| kept.is_char_boundary(*at)).unwrap_or(0);
    kept.drain(..start);
}

impl Child {
    /// Starts a process.
    pub(crate) fn start(program: &Program) -> Result<Child, Failure> {
        let (process, pipes) =
            Group::start(command(program)).map_err(|error| not_started(program, &error))?;
        let Some((to, from, errors)) = pipes else {
            return Err(Failure::application("ProcessNotStarted", "the process has no standard streams"));
        };
        let last_words = LastWords::listen(errors, program);
        Ok(Child { process, to, from: BufReader::new(from), last_words })
    }

    /// Whether it has not ended.
    pub(crate) fn is_alive(child: &Child) -> bool {
        // Its end is seen when it is next talked to, at the latest.
        child.process.is_alive()
    }

    /// One attempt: how it ended, and whether the process can be used again.
    pub(crate) async fn work(
        &mut self,
        task: &ActivityTask,
        request: &Json,
        (progress, clock): (&SharedProgress, &SharedClock),
    ) -> (Result<Completion, Failure>, bool) {
        match self.talk(task, request, (progress, clock)).await {
            Ok(end) => (end, true),
            Err(failure) => (Err(failure), false),
        }
    }

    /// The error is that of a process that cannot be used any more.
    async fn talk(
        &mut self,
        task: &ActivityTask,
        request: &Json,
        (progress, clock): (&SharedProgress, &SharedClock),
    ) -> Result<Result<Completion, Failure>, Failure> {
        let token = task.token().to_string();
        self.send(&json!({ "task": request }), clock).await?;
        loop {
            let line = match read_line(&mut self.from, LINE_BYTES_MAX).await {
                Ok(Some(line)) => line,
                Ok(None) => return Err(self.ended(clock).await),
                Err(error) => return Err(self.last_words.failure("ProtocolError", &error.to_string())),
            };
            match self.understand(&line, &token, task)? {
                Next::More => {}
                Next::End(end) => return Ok(end),
                Next::Beat(details) => {
                    let answer = match progress.beat(details).await {
                        Ok(answer) => nexus_engine::activity::operations::answer(answer),
                        Err(error) => json!({ "gone": true, "reason": error.message() }),
                    };
                    self.send(&json!({ "heartbeat": answer }), clock).await?;
                }
            }
        }
    }

    async fn send(&mut self, message: &Json, clock: &SharedClock) -> Result<(), Failure> {
        let mut line = message.to_string().into_bytes();
        line.push(b'\n');
        let sent = async {
            self.to.write_all(&line).await?;
            self.to.flush().await
        };
        if sent.await.is_err() {
            return Err(self.ended(clock).await);
        }
        Ok(())
    }

    /// Why a process that closed its output cannot be used any more.
    async fn ended(&mut self, clock: &SharedClock) -> Failure {
        self.process.kill(); // it has ended already, as a rule
        let how = match self.process.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        self.last_words.complete(clock).await;
        self.last_words.failure("ProcessCrashed", &format!("the process ended before it answered ({how})"))
    }

    fn understand(&self, line: &[u8], token: &str, task: &ActivityTask) -> Result<Next, Failure> {
        let broken = |why: &str| self.last_words.failure("ProtocolError", why);
        let said: Said = serde_json::from_slice(line)
            .map_err(|error| broken(&format!("the process wrote a line that is no message: {error}")))?;
        if let Some(log) = said.log {
            write_log(task, &log);
            return Ok(Next::More);
        }
        if said.token.as_deref() != Some(token) {
            return Err(broken("the process answered for another attempt: `token` must be that of the task"));
        }
        Ok(match (said.result, said.failure, said.heartbeat, said.later) {
            (Some(result), None, None, None) => Next::End(Ok(Completion::Done(result))),
            (None, Some(failure), None, None) => Next::End(Err(told(failure))),
            (None, None, Some(details), None) => Next::Beat(details),
            (None, None, None, Some(true)) => Next::End(Ok(Completion::Later)),
            _ => return Err(broken("a message has one of result, failure, heartbeat, later and log")),
        })
    }
}

/// A failure as a process says it.
pub(crate) fn told(failure: Json) -> Failure {
    let usual = Failure::application("ActivityFailed", "");
    Told::read(failure).unwrap_or_default().failure(usual)
}

fn write_log(task: &ActivityTask, log: &Log) {
    let level = match log.level.as_deref() {
        Some("debug") => LogLevel::Debug,
        Some("warn") => LogLevel::Warn,
        Some("error") => LogLevel::Error,
        _ => LogLevel::Info,
    };
    crate::activities::log(&Doer::of(task), level, &log.message);
}

/// A line without its end; nothing when there is none. A line that is too long is an error, and so is no end to it.
async fn read_line(from: &mut (impl AsyncBufRead + Unpin), limit: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    loop {
        let available = from.fill_buf().await?;
        if available.is_empty() {
            return Ok(if line.is_empty() { None } else { Some(line) });
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let (taken, used) = end.map_or((available.len(), available.len()), |end| (end, end + 1));
        if line.len() + taken > limit {
            let message = format!("the process wrote a line of more than {limit} bytes");
            return Err(std::io::Error::other(message));
        }
        line.extend_from_slice(available.get(..taken).unwrap_or_default());
        from.consume(used);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_bounded() {
        let mut text: &[u8] = b"one\n\ntwo";
        let mut next =
            async || read_line(&mut text, 3).await.unwrap().map(|line| String::from_utf8(line).unwrap());
        assert_eq!(next().await.as_deref(), Some("one"));
        assert_eq!(next().await.as_deref(), Some(""));
        assert_eq!(next().await.as_deref(), Some("two"));
        assert_eq!(next().await, None);
        let mut long: &[u8] = b"four\n";
        assert!(read_line(&mut long, 3).await.unwrap_err().to_string().contains("more than 3"));
    }

    #[test]
    fn a_null_result_is_a_result() {
        let said: Said = serde_json::from_str(r#"{"token":"t","result":null}"#).unwrap();
        assert_eq!(said.result, Some(Json::Null));
        assert!(said.heartbeat.is_none());
    }
}
