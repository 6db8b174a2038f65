//! Works on batches in the background until shutdown.

use std::collections::VecDeque;
use std::sync::Arc;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::RunId;
use nexus_kernel::task::{self, Shutdown};
use tokio::task::JoinHandle;

use crate::batch::book::Book;
use crate::batch::record::BatchFailure;
use crate::batch::{Batch, BatchState, BatchVerb, pages, verb};
use crate::engine::EngineHandle;
use crate::queue::RateLimit;
use crate::queue::rate::{Bucket, Rate};

/// Works on every batch that is not over, and on those that come.
pub(crate) async fn run(engine: EngineHandle, shutdown: Shutdown) {
    let book = Arc::clone(&engine.shared.batches);
    match book.all().await {
        Ok(all) => all.into_iter().filter(Batch::is_open).for_each(|batch| book.offer(batch.id)),
        Err(error) => tracing::error!(%error, "batches cannot be read"),
    }
    let mut working = Vec::new();
    loop {
        working.retain(|work: &JoinHandle<()>| !work.is_finished());
        for id in book.take() {
            working.push(task::spawn(work(engine.clone(), id, shutdown.clone())));
        }
        tokio::select! {
            biased;
            () = shutdown.begun() => break,
            () = book.arrived() => {}
        }
    }
    for work in working {
        let _ = work.await; // one that has panicked goes on with the next process
    }
}

async fn work(engine: EngineHandle, id: String, shutdown: Shutdown) {
    let book = Arc::clone(&engine.shared.batches);
    let worker = Worker { engine, shutdown, bucket: Bucket::full() };
    if let Err(error) = worker.go_on(&book, &id).await {
        tracing::error!(batch = id, %error, "a batch cannot go on");
    }
    book.release(&id);
}

/// Works on one batch.
struct Worker {
    engine: EngineHandle,
    shutdown: Shutdown,
    bucket: Bucket,
}

impl Worker {
    /// Works until the batch is over, or the process ends.
    async fn go_on(mut self, book: &Book, id: &str) -> Result<(), Error> {
        // What an earlier process had begun may have been done.
        let mut again = true;
        loop {
            let Some(mut batch) = book.read(id).await?.filter(Batch::is_open) else { return Ok(()) };
            if batch.page.is_empty() {
                again = false;
                batch = self.turn_page(book, &batch).await?;
            }
            if !batch.is_open() || self.shutdown.has_begun() {
                return Ok(());
            }
            let mut counted = self.work_on(book, &batch, again).await?;
            let deleted = counted.iter().any(|(_, failure)| failure.is_none());
            if deleted && batch.verb == BatchVerb::Delete {
                // A run that goes on from another one of this page can go when that one has gone.
                let waits = |it: &BatchFailure| it.code == code::RUN_OPEN.id;
                counted.retain(|(_, failure)| !failure.as_ref().is_some_and(waits));
            }
            book.change(id, |batch| {
                for (run, failure) in counted {
                    batch.count(&run, failure);
                }
            })
            .await?;
            again = false;
        }
    }

    /// Writes the next page down before anything is done to its runs; without one the batch is over.
    async fn turn_page(&self, book: &Book, batch: &Batch) -> Result<Batch, Error> {
        let next = pages::next(&self.engine, batch).await;
        let now = self.engine.shared.clock.now();
        let turned = book.change(&batch.id, |batch| match next {
            _ if !batch.is_open() => {}
            Ok((page, _)) if page.is_empty() => batch.end(BatchState::Completed, now, ""),
            Ok((page, target)) => (batch.page, batch.target) = (page, target),
            // A filter that no longer fits its attributes, say. A store that has failed takes no change.
            Err(error) => batch.end(BatchState::Failed, now, error.message()),
        });
        turned.await
    }

    /// Gives the runs of a page their turn, in order, until it is stopped. Tells who had it.
    async fn work_on(&mut self, book: &Book, batch: &Batch, again: bool) -> Result<Vec<Turn>, Error> {
        let shared = Arc::new(batch.clone());
        let (mut flying, mut counted) = (VecDeque::new(), Vec::new());
        for run in &batch.page {
            if flying.len() >= batch.concurrency {
                counted.extend(landed(flying.pop_front()).await?);
            }
            if !self.may_go(batch).await || !book.read(&batch.id).await?.is_some_and(|it| it.is_open()) {
                break;
            }
            let (engine, batch, run) = (self.engine.clone(), Arc::clone(&shared), run.clone());
            flying.push_back(task::spawn(async move {
                let outcome = verb::apply(&engine, &batch, &run, again).await;
                (run, outcome)
            }));
        }
        while let Some(flight) = flying.pop_front() {
            counted.extend(landed(Some(flight)).await?);
        }
        Ok(counted)
    }

    /// Waits for the rate; false when the process ends.
    async fn may_go(&mut self, batch: &Batch) -> bool {
        let clock = Arc::clone(&self.engine.shared.clock);
        let rate = Rate::of(&RateLimit { burst: Some(1), ..RateLimit::new(batch.per_second) }, 1.0);
        while !self.shutdown.has_begun() {
            if self.bucket.take(rate, clock.now()) {
                return true;
            }
            let Some(at) = self.bucket.ready_at(rate) else { return false };
            tokio::select! {
                biased;
                () = self.shutdown.begun() => {}
                () = clock.sleep_until(at) => {}
            }
        }
        false
    }
}

/// A run that had its turn, and why it could not be done to it.
type Turn = (RunId, Option<BatchFailure>);

type Flight = JoinHandle<(RunId, Result<(), Error>)>;

/// What came of a run's turn; nothing when the server stopped meanwhile: then it has its turn again.
async fn landed(flight: Option<Flight>) -> Result<Option<Turn>, Error> {
    let Some(flight) = flight else { return Ok(None) };
    let (run, outcome) = flight.await.map_err(|error| Error::internal(error.to_string()))?;
    match outcome {
        Ok(()) => Ok(Some((run, None))),
        Err(error) if is_of_the_server(&error) => Err(error),
        Err(error) => {
            let (code, message) = (error.code().id.to_owned(), error.message().to_owned());
            Ok(Some((run.clone(), Some(BatchFailure { run_id: run, code, message }))))
        }
    }
}

/// Whether an error is no fault of the run: the batch goes on when the server does.
fn is_of_the_server(error: &Error) -> bool {
    [&code::STOPPING, &code::STORE_FAILED, &code::DATA_IN_USE].contains(&error.code())
}
