//! A process and everything that it starts: one group, which is killed as a whole.

use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};

/// A process at the head of a group of its own. Dropping it kills the group.
#[derive(Debug)]
pub(crate) struct Group {
    process: tokio::process::Child,
    /// The group, which has the number of its first process and keeps it while any of its processes lives.
    id: Option<Pid>,
}

/// The standard streams of a process.
pub(crate) type Pipes = (ChildStdin, ChildStdout, ChildStderr);

impl Group {
    /// Starts a process with its streams; without them when it has none.
    pub(crate) fn start(mut command: Command) -> std::io::Result<(Group, Option<Pipes>)> {
        let mut process = command.process_group(0).kill_on_drop(true).spawn()?;
        let id = process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let pipes = match pipes {
            (Some(to), Some(from), Some(errors)) => Some((to, from, errors)),
            _ => None,
        };
        Ok((Group { process, id }, pipes))
    }

    /// Whether the first process has not ended, as far as anybody has looked.
    pub(crate) fn is_alive(&self) -> bool {
        self.process.id().is_some()
    }

    /// Kills what is left of the group.
    pub(crate) fn kill(&self) {
        if let Some(id) = self.id {
            // An error says that nothing is left.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }

    /// Waits for the end of the first process. What it leaves behind does not outlive it.
    pub(crate) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        let status = self.process.wait().await;
        self.kill();
        // From now on the number may belong to somebody else.
        self.id = None;
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
