//! A process that writes until it is killed: this test binary, started again with the name of one test.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use nexus_kernel::id::Partition;
use nexus_kernel::port::log::Log as _;
use nexus_kernel::port::{SharedStore, StoreError};

use super::fixture::{fresh, open, wait};
use super::kept::{Acknowledged, key, verify, work};

const FOLDER: &str = "NEXUS_STORE_TEST_FOLDER";
const WORKERS: u64 = 8;

/// All workers at once on one store. Gives the first error.
async fn work_all(store: SharedStore, until: u64) -> Result<(), StoreError> {
    let epoch = store.acquire(0..Partition::COUNT, "child").await?;
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..WORKERS {
        let store = Arc::clone(&store);
        workers.spawn(async move { work(&*store, worker, epoch, until).await });
    }
    workers.join_all().await.into_iter().collect()
}

/// Without a folder in the environment this is an ordinary test of the workers; with one it is the child.
#[test]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return work_a_little() };
    let store = open(Path::new(&folder)).unwrap();
    let error = wait(work_all(Arc::new(store.clone()), u64::MAX)).unwrap_err();
    println!("failed: {error}");
    // Whatever is asked afterwards gets the same answer, reads too.
    let again = wait(store.append(Vec::new())).unwrap_err();
    assert_eq!(again.to_string(), error.to_string());
    let read = wait(store.read(&key(0), 0)).unwrap_err();
    assert_eq!(read.to_string(), error.to_string());
    println!("still failed");
}

fn work_a_little() {
    let fresh = fresh();
    wait(work_all(Arc::new(fresh.store.clone()), 20)).unwrap();
    let all = |number| (0..WORKERS).map(|worker| (worker, number)).collect();
    let acknowledged = Acknowledged { sequences: all(20), counters: all(20) };
    wait(verify(&fresh.store, &acknowledged));
    assert_eq!(fresh.stats().records, 20 * WORKERS);
}

/// A running child and its report.
pub(crate) struct Writer {
    pub(crate) process: Child,
    pub(crate) lines: Lines<BufReader<ChildStdout>>,
}

impl Writer {
    /// Starts a child on a folder; `shell` is a script that ends by executing its arguments.
    pub(crate) fn start(folder: &Path, shell: Option<&str>) -> Writer {
        let this = std::env::current_exe().unwrap();
        let arguments = ["child::writer", "--exact", "--nocapture"].map(OsStr::new);
        let mut command = match shell {
            None => Command::new(&this),
            Some(script) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", script, "sh"]).arg(&this);
                shell
            }
        };
        command.args(arguments).env(FOLDER, folder).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Writer { process, lines }
    }

    /// Notes acknowledgements until there are so many.
    pub(crate) fn wait_for(&mut self, count: usize, acknowledged: &mut Acknowledged) {
        let mut left = count;
        while left > 0 {
            let line = self.lines.next().expect("the child works until it is killed").unwrap();
            left -= usize::from(acknowledged.note(&line));
        }
    }

    /// Kills the child without a warning and notes what it reported before.
    pub(crate) fn kill(mut self, acknowledged: &mut Acknowledged) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        for line in self.lines {
            acknowledged.note(&line.unwrap());
        }
    }
}
