//! Activities as processes: JSON on standard input and output, one message a line. `docs/activities.md` is the protocol.

mod child;
mod group;
mod once;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::activity::{ActivityTask, Completion};
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::port::activity::SharedProgress;
use nexus_kernel::port::clock::SharedClock;
use tokio::sync::Semaphore;

use crate::activities::message::request;
use crate::config::activity::{ActivityConfig, Mode, PROCESSES_DEFAULT, expand};
use crate::config::hidden::Hidden;
use child::Child;

/// How to start a process. Activities with equal commands share a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    command: Vec<String>,
    directory: std::path::PathBuf,
    environment: Vec<(String, String)>,
    memory_mib_max: Option<u64>,
    processes_max: usize,
    mode: Mode,
}

impl Program {
    /// The program of an activity of the project in this folder; the configuration has been checked.
    pub(crate) fn new(project: &Path, config: &ActivityConfig) -> Program {
        let variable = |(name, value): (&String, &Hidden)| Some((name.clone(), expand(value.reveal()).ok()?));
        Program {
            command: config.command.clone(),
            directory: project.join(config.directory.as_deref().unwrap_or(".")),
            environment: config.environment.iter().filter_map(variable).collect(),
            memory_mib_max: config.memory_mib_max,
            processes_max: config.processes_max.unwrap_or(PROCESSES_DEFAULT),
            mode: config.mode.unwrap_or_default(),
        }
    }
}

/// Processes of one program.
#[derive(Debug)]
pub(crate) struct Pool {
    program: Program,
    places: Semaphore,
    /// Processes without work; the one used last is used next, so that the others may be let go of.
    idle: Mutex<Vec<Child>>,
}

impl Pool {
    /// A pool without processes: they are started when there is work.
    pub(crate) fn new(program: Program) -> Arc<Pool> {
        Arc::new(Pool { places: Semaphore::new(program.processes_max), program, idle: Mutex::default() })
    }

    /// The pool of an equal program, else a new one.
    pub(crate) fn of(program: Program, pools: &mut Vec<Arc<Pool>>) -> Arc<Pool> {
        if let Some(pool) = pools.iter().find(|pool| pool.program == program) {
            return Arc::clone(pool);
        }
        let pool = Pool::new(program);
        pools.push(Arc::clone(&pool));
        pool
    }

    /// How its processes are started.
    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    /// One attempt. Dropping the future kills the process that has it.
    async fn work(
        &self,
        task: &ActivityTask,
        input: Json,
        (progress, clock): (&SharedProgress, &SharedClock),
    ) -> Result<Completion, Failure> {
        let Ok(_place) = self.places.acquire().await else {
            return Err(Failure::new(FailureKind::Server, "Stopping", "the server is stopping"));
        };
        let request = request(task, input);
        if self.program.mode == Mode::Once {
            return once::run(&self.program, &request, clock).await.map(Completion::Done);
        }
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut child = match idle.filter(Child::is_alive) {
            Some(child) => child,
            None => Child::start(&self.program)?,
        };
        // A process that broke the protocol or died is not used again: dropping it kills it.
        let (end, keep) = child.work(task, &request, (progress, clock)).await;
        if keep {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(child);
        }
        end
    }
}

/// An activity that a pool's processes carry out.
#[derive(Debug, Clone)]
pub(crate) struct ProcessActivity {
    /// The processes.
    pub(crate) pool: Arc<Pool>,
    timeout_ms: Option<u64>,
    completes_async: bool,
}

impl ProcessActivity {
    /// An activity on a pool.
    pub(crate) fn new(pool: Arc<Pool>, config: &ActivityConfig) -> ProcessActivity {
        ProcessActivity { pool, timeout_ms: config.timeout_ms, completes_async: config.completes_async }
    }

    /// One attempt.
    pub(crate) async fn execute(
        &self,
        task: ActivityTask,
        input: Json,
        (progress, clock): (SharedProgress, &SharedClock),
    ) -> Result<Completion, Failure> {
        let work = self.pool.work(&task, input, (&progress, clock));
        let end = match self.timeout_ms {
            None => work.await,
            Some(timeout) => {
                let limit = clock.now().plus(Duration::from_millis(timeout));
                tokio::select! {
                    biased;
                    end = work => end,
                    () = clock.sleep_until(limit) => Err(too_slow(timeout)),
                }
            }
        };
        end.map(|end| if self.completes_async { Completion::Later } else { end })
    }
}

fn too_slow(timeout_ms: u64) -> Failure {
    let message = format!("the process did not answer within {timeout_ms} ms and was killed");
    Failure::new(FailureKind::Timeout, Failure::START_TO_CLOSE, message)
}
