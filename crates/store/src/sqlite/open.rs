//! From a data folder to a running store.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use nexus_kernel::error::Error;
use rusqlite::Connection;
use rusqlite::hooks::Wal;

use super::checkpoint::{Checkpointer, Gauge, Wake};
use super::connection::{self, Purpose};
use super::create::create;
use super::fault::Fault;
use super::health::Health;
use super::job::Job;
use super::kv::KvWriter;
use super::leases::Leases;
use super::lock::{FolderLock, refused};
use super::log::LogWriter;
use super::readers::{self, Readers, Tasks};
use super::stats::Counters;
use super::store::{Inner, Running};
use super::usage::UsageWriter;
use super::writer::Writer;
use super::{FILE_NAME, Options, SqliteStore, inspect, migration, wal};

/// What the threads share.
#[derive(Clone)]
struct Shared {
    path: PathBuf,
    health: Arc<Health>,
    counters: Arc<Counters>,
    gauge: Arc<Gauge>,
}

/// Opens the store of a data folder; see [`SqliteStore::open`].
pub(crate) fn open(options: &Options) -> Result<SqliteStore, Error> {
    let folder = prepare_folder(&options.folder)?;
    let lock = FolderLock::take(&folder)?;
    let path = folder.join(FILE_NAME);
    let connection = open_file(&path)?;
    let (wake, woken) = channel();
    let gauge = Arc::new(Gauge::new(wake.clone()));
    let shared = Shared { path, health: Arc::default(), counters: Arc::default(), gauge };
    let (jobs, jobs_in) = channel();
    let (readers, tasks) = Readers::new(Arc::clone(&shared.health));
    let writer = writer(&shared, connection, jobs_in)?;
    let checkpointer = checkpointer(&shared, woken)?;
    let running = Running {
        readers: start_readers(&shared, options.readers.max(1), &tasks)?,
        checkpointer: spawn(&shared.path, "store-checkpoint", move || checkpointer.run())?,
        writer: spawn(&shared.path, "store-write", move || writer.run())?,
        lock,
    };
    tracing::info!(path = %shared.path.display(), "the store is open");
    let Shared { health, counters, .. } = shared;
    Ok(SqliteStore::new(Inner { health, counters, jobs, wake, readers, running: Mutex::new(Some(running)) }))
}

/// Only its owner may look into a data folder: it holds inputs and results of every run.
fn prepare_folder(folder: &Path) -> Result<PathBuf, Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| refused(folder, &error))?;
    // An absolute path cannot be mistaken for one of SQLite's `file:` addresses.
    folder.canonicalize().map_err(|error| refused(folder, &error))
}

/// The write connection to a file that was found in order, or created.
fn open_file(path: &Path) -> Result<Connection, Error> {
    let exists = path.try_exists().map_err(|error| refused(path, &error))?;
    if exists {
        inspect::header(path)?;
    } else if wal::path_of(path).metadata().is_ok_and(|log| log.len() > 0) {
        return Err(inspect::damaged(path, "it is gone, but its write-ahead log is there"));
    } else {
        create(path)?;
    }
    let told = |fault: Fault| inspect::told(path, fault);
    let mut connection = connection::open(path, Purpose::Write).map_err(|error| told(error.into()))?;
    inspect::contents(path, &connection)?;
    migration::migrate(&mut connection).map_err(told)?;
    // A shell may have changed the mode; in another one readers would block the writer.
    connection.pragma_update(None, "journal_mode", "WAL").map_err(|error| told(error.into()))?;
    Ok(connection)
}

fn writer(shared: &Shared, mut connection: Connection, jobs: Receiver<Job>) -> Result<Writer, Error> {
    let told = |fault: Fault| inspect::told(&shared.path, fault);
    let leases = Leases::load(&connection).map_err(told)?;
    let kv = KvWriter::load(&connection).map_err(told)?;
    let gauge = Arc::clone(&shared.gauge);
    let grown = move |_: &mut Wal, pages: i32| {
        gauge.grown(pages.into());
        Ok(())
    };
    connection.wal_hook(Some(grown)).map_err(|error| told(error.into()))?;
    Ok(Writer {
        connection,
        jobs,
        leases,
        log: LogWriter::new(),
        kv,
        usage: UsageWriter::default(),
        health: Arc::clone(&shared.health),
        counters: Arc::clone(&shared.counters),
        gauge: Arc::clone(&shared.gauge),
    })
}

fn checkpointer(shared: &Shared, wake: Receiver<Wake>) -> Result<Checkpointer, Error> {
    Ok(Checkpointer {
        connection: connect(&shared.path, Purpose::Checkpoint)?,
        wake,
        gauge: Arc::clone(&shared.gauge),
        health: Arc::clone(&shared.health),
        counters: Arc::clone(&shared.counters),
    })
}

fn start_readers(shared: &Shared, count: usize, tasks: &Tasks) -> Result<Vec<JoinHandle<()>>, Error> {
    let start = |number| {
        let connection = connect(&shared.path, Purpose::Read)?;
        let tasks = Arc::clone(tasks);
        spawn(&shared.path, &format!("store-read-{number}"), move || readers::work(connection, tasks))
    };
    (0..count).map(start).collect()
}

fn connect(path: &Path, purpose: Purpose) -> Result<Connection, Error> {
    connection::open(path, purpose).map_err(|error| inspect::told(path, error.into()))
}

fn spawn(path: &Path, name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    thread::Builder::new().name(name.to_owned()).spawn(body).map_err(|error| refused(path, &error))
}
