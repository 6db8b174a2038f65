//! The job that peers do as well (`benches/peers`): a workflow of three steps, each of which appends a line to a file.
//!
//! Figures are printed as tab-separated lines: callers, runs per second, p50 and p99 in milliseconds.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;

use anyhow::Result;
use nexus_kernel::activity::{ActivityTask, Completion};
use nexus_kernel::failure::Failure;
use nexus_kernel::port::activity::{Activities, SharedProgress};
use nexus_kernel::{BoxFuture, Json};
use serde_json::json;

use crate::engine::{World, load};
use crate::measure::{Stopwatch, millis, quantile};
use crate::{out, store};

/// Appends a line, and adds one.
struct Lines(File);

impl Activities for Lines {
    fn is_bound(&self, _: &str) -> bool {
        true
    }

    fn execute(
        &self,
        task: ActivityTask,
        _: SharedProgress,
    ) -> BoxFuture<'static, Result<Completion, Failure>> {
        let n = task.input.first().and_then(Json::as_i64).unwrap_or(0);
        let line = format!("{} {n}\n", task.run_id);
        let written = (&self.0).write_all(line.as_bytes());
        let outcome = written.map_err(|error| Failure::application("WriteFailed", error.to_string()));
        Box::pin(std::future::ready(outcome.map(|()| json!(n + 1).into())))
    }
}

/// Prints the figures.
pub(crate) async fn run() -> Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    out("# the disk alone: append 4 KiB and fdatasync");
    store::raw(folder.path(), 1, 2_000)?;
    out("# nexus: SQLite, WAL, synchronous=FULL, in the process of its callers");
    for (callers, runs) in [(1, 1_000), (8, 4_000), (64, 16_000)] {
        let file = File::options().create(true).append(true).open(folder.path().join("lines"))?;
        let world = World::with(&folder.path().join(callers.to_string()), Arc::new(Lines(file))).await?;
        load(&world.handle, "Three", callers, runs / 10).await?;
        let watch = Stopwatch::start();
        let mut waits = load(&world.handle, "Three", callers, runs).await?;
        #[expect(clippy::cast_precision_loss, reason = "counts of a measurement")]
        let rate = runs as f64 / watch.seconds();
        let (p50, p99) = (millis(quantile(&mut waits, 0.5)), millis(quantile(&mut waits, 0.99)));
        out(&format!("{callers}\t{rate:.1}\t{p50:.2}\t{p99:.2}"));
        world.close().await?;
    }
    Ok(())
}
