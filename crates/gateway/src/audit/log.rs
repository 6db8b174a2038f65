//! The log as the pipeline holds it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::kv::Kv;
use nexus_kernel::port::segments::SharedSegments;
use nexus_kernel::task;
use tokio::task::JoinHandle;

use super::chain::Head;
use super::open::open;
use super::queue::Queue;
use super::record::{CallLine, What};
use super::refusals::Refused;
use super::rules::Rules;
use super::writer::{Writer, anchor};
use crate::limits::{AUDIT_RETENTION_DAYS, AUDIT_SEGMENT_MIB};

/// What a log is made from beside its files.
#[derive(Debug, Clone, Copy)]
pub struct AuditOptions {
    /// What leaves lines.
    pub rules: Rules,
    /// How long lines are kept; for ever when absent.
    pub retention: Option<Duration>,
    /// Size at which a new file begins.
    pub segment_bytes: u64,
}

impl Default for AuditOptions {
    fn default() -> AuditOptions {
        AuditOptions {
            rules: Rules::default(),
            retention: Some(Duration::from_hours(24 * AUDIT_RETENTION_DAYS)),
            segment_bytes: AUDIT_SEGMENT_MIB << 20,
        }
    }
}

/// What the writer and everybody else share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) queue: Queue,
    head: Mutex<Option<Head>>,
    trouble: Mutex<Option<String>>,
}

impl Shared {
    /// The end of what is durable.
    pub(super) fn head(&self) -> Option<Head> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why nothing can be written at the moment.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn recover(&self, head: Head) {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = Some(head);
        if self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            tracing::info!("the audit log is written again");
        }
    }

    pub(super) fn fail(&self, why: &str) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.replace(why.to_owned()).is_none() {
            tracing::error!(why, "the audit log cannot be written");
        }
    }
}

/// The log. Cheap to clone; clones are the same log.
#[derive(Clone)]
pub struct AuditLog(Arc<Parts>);

struct Parts {
    shared: Arc<Shared>,
    rules: Rules,
    clock: SharedClock,
    writing: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl AuditLog {
    /// Goes on with the log in these files, and starts the task that writes it. Errors: it cannot be read or written.
    pub async fn open(
        segments: SharedSegments,
        store: Arc<dyn Kv>,
        clock: SharedClock,
        options: AuditOptions,
    ) -> Result<AuditLog, Error> {
        let known = anchor(&*store).await?;
        let opened = open(&*segments, known).await.map_err(|error| failed(&error.to_string()))?;
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            segments,
            store,
            clock: Arc::clone(&clock),
            shared: Arc::clone(&shared),
            options,
            head: opened.head,
            place: opened.place,
            anchored: clock.now(),
            swept: None,
        };
        let log = AuditLog(Arc::new(Parts {
            shared,
            rules: options.rules,
            clock,
            writing: tokio::sync::Mutex::new(Some(task::spawn(writer.run()))),
        }));
        for note in opened.notes {
            if matches!(note, What::Broken { .. } | What::Missing { .. }) {
                tracing::error!(
                    ?note,
                    "the audit log is not as it was written; `nexus audit verify` says more"
                );
            }
            log.0.shared.queue.push(log.0.clock.now(), note);
        }
        log.durably(What::Opened).await?;
        Ok(log)
    }

    /// Which calls leave lines.
    pub(crate) fn rules(&self) -> Rules {
        self.0.rules
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// A line that nobody waits for.
    pub(crate) fn note(&self, what: What) {
        self.0.shared.queue.push(self.0.clock.now(), what);
    }

    /// A line that is durable when this answers. Errors: it is not.
    pub(crate) async fn durably(&self, what: What) -> Result<(), Error> {
        let durable =
            self.0.shared.queue.push_awaited(self.0.clock.now(), what).map_err(|why| failed(&why))?;
        match durable.await {
            Ok(written) => written.map_err(|why| failed(&why)),
            Err(_) => Err(failed("the server is stopping")),
        }
    }

    /// A call that was refused: a line, or one more of many.
    pub(crate) fn refused(&self, address: Option<IpAddr>, status: &'static str, call: CallLine) {
        let refused = Refused::new(address, &call.caller, status);
        self.0.shared.queue.refuse(self.0.clock.now(), refused, || What::Refused(call));
    }

    /// Whether lines can be written, for `/health`.
    pub fn check(&self) -> Result<(), String> {
        self.0.shared.trouble().map_or(Ok(()), Err)
    }

    /// Writes what waits, and the end of the log into the store.
    pub async fn close(&self) {
        self.0.shared.queue.close();
        if let Some(writing) = self.0.writing.lock().await.take()
            && writing.await.is_err()
        {
            tracing::error!("the writer of the audit log stopped unexpectedly");
        }
    }
}

fn failed(why: &str) -> Error {
    Error::new(&code::AUDIT_FAILED, format!("the audit log cannot be written: {why}"))
        .help("nothing was done; free space or repair the disk of the data folder, then try again")
}
