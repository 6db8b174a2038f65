//! Lists and counts over a million runs in the embedded store.

use anyhow::{Context, Result, anyhow};
use nexus_kernel::id::{Key, Namespace, Partition, RunId, WorkflowId};
use nexus_kernel::memory::rng::SeededRng;
use nexus_kernel::port::log::{Append, Epoch, Log};
use nexus_kernel::port::rng::Rng;
use nexus_kernel::port::runs::{HistorySize, RunRow, RunStatus, Runs};
use nexus_kernel::time::Timestamp;
use nexus_kernel::visibility::{
    AttributeType, AttributeValue, RunCount, RunQuery, Schema, count_query, list_query,
};
use nexus_store::{Options, SqliteStore};

use crate::measure::{Stopwatch, millis, quantile};
use crate::out;

/// Runs in the list.
const RUNS: u64 = 1_000_000;

/// Records of one append.
const BATCH: u64 = 500;

/// Each question is asked so often.
const ROUNDS: usize = 15;

const LISTS: [&str; 13] = [
    "",
    "ExecutionStatus = 'Running'",
    "ExecutionStatus = 'Failed' AND WorkflowType = 'Checkout'",
    "WorkflowType = 'Refund'",
    "WorkflowId = 'order-777777'",
    "WorkflowId STARTS_WITH 'order-77777'",
    "Customer = 'customer-4242'",
    "Tier = 'gold'",
    "Tier = 'gold' AND ExecutionStatus = 'Failed'",
    "Amount > 99.9",
    "StartTime > '2026-01-11T00:00:00Z' ORDER BY StartTime",
    "CloseTime BETWEEN '2026-01-05T00:00:00Z' AND '2026-01-05T00:01:00Z'",
    "Tags = 'rare'",
];

const COUNTS: [&str; 5] = [
    "",
    "GROUP BY ExecutionStatus",
    "Customer = 'customer-4242'",
    "Tier = 'gold' GROUP BY ExecutionStatus",
    "StartTime > '2026-01-11T00:00:00Z'",
];

/// Prints the figures.
pub(crate) async fn run() -> Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    let store = SqliteStore::open(&Options::new(folder.path())).map_err(|error| anyhow!("{error}"))?;
    let watch = Stopwatch::start();
    fill(&store).await?;
    let bytes = folder.path().join("nexus.db").metadata()?.len();
    out(&format!(
        "{RUNS} runs written in {:.0} s, {} bytes each with four attributes and one record",
        watch.seconds(),
        bytes / RUNS
    ));
    let schema = schema();
    for text in LISTS {
        let query = list_query(text, &schema).map_err(|error| anyhow!("{error}"))?;
        let query = RunQuery { namespace: Some(Namespace::default()), ..query };
        let mut samples = Vec::new();
        let mut rows = 0;
        for _ in 0..ROUNDS {
            let watch = Stopwatch::start();
            rows = store.runs(query.clone()).await?.len();
            samples.push(watch.elapsed());
        }
        told("list", text, rows as u64, &mut samples);
    }
    for text in COUNTS {
        let count = count_query(text, &schema).map_err(|error| anyhow!("{error}"))?;
        let count = RunCount { namespace: Some(Namespace::default()), ..count };
        let mut samples = Vec::new();
        let mut total = 0;
        for _ in 0..3 {
            let watch = Stopwatch::start();
            total = store.count(count.clone()).await?.iter().map(|group| group.count).sum();
            samples.push(watch.elapsed());
        }
        told("count", text, total, &mut samples);
    }
    store.close();
    Ok(())
}

fn told(what: &str, text: &str, found: u64, samples: &mut [std::time::Duration]) {
    let (median, worst) = (quantile(samples, 0.5), quantile(samples, 1.0));
    out(&format!("{what:5} {found:>8}  {:>9.2} ms, worst {:>9.2}  {text}", millis(median), millis(worst)));
}

fn schema() -> Schema {
    let mut schema = Schema::new();
    schema.declare("Customer", AttributeType::Keyword);
    schema.declare("Tier", AttributeType::Keyword);
    schema.declare("Amount", AttributeType::Double);
    schema.declare("Tags", AttributeType::KeywordList);
    schema
}

async fn fill(store: &SqliteStore) -> Result<()> {
    let epoch = store.acquire(0..Partition::COUNT, "bench").await?;
    let rng = SeededRng::new(1);
    for batch in 0..RUNS / BATCH {
        let appends = (batch * BATCH..(batch + 1) * BATCH).map(|number| append(number, epoch, &rng));
        let answers = store.append(appends.collect::<Result<_>>()?).await?;
        answers.into_iter().collect::<Result<Vec<_>, _>>().context("an append was refused")?;
    }
    Ok(())
}

fn append(number: u64, epoch: Epoch, rng: &SeededRng) -> Result<Append> {
    let row = row(number, rng)?;
    let record = vec![b'x'; 300];
    Ok(Append {
        key: row.key.clone(),
        expected: 0,
        epoch,
        record,
        live: row.status.is_open(),
        rows: vec![row],
    })
}

/// One run a second from the first of January on; one in fifty is open, one in twenty of the others failed.
fn row(number: u64, rng: &SeededRng) -> Result<RunRow> {
    let chance = rng.next_u64();
    let at = Timestamp::from_millis(1_767_225_600_000 + i64::try_from(number)? * 1_000);
    let workflow_id = WorkflowId::new(&format!("order-{number}"))?;
    let key = Key { namespace: Namespace::default(), workflow_id };
    let workflow = if chance.is_multiple_of(10) { "Refund" } else { "Checkout" };
    let mut row = RunRow::started(key, RunId::generate(at, rng), workflow, at);
    "orders".clone_into(&mut row.task_queue);
    if !chance.is_multiple_of(50) {
        row.status = if chance.is_multiple_of(19) { RunStatus::Failed } else { RunStatus::Completed };
        row.closed_at = Some(at.plus(std::time::Duration::from_millis(chance % 60_000)));
        row.history = Some(HistorySize { events: 12, bytes: 1_200, transitions: 3 });
    }
    let customer = AttributeValue::Keyword(format!("customer-{}", chance % 100_000));
    row.attributes.set("Customer", customer);
    let tier = if chance.is_multiple_of(3) { "gold" } else { "silver" };
    row.attributes.set("Tier", AttributeValue::Keyword(tier.into()));
    row.attributes
        .set("Amount", AttributeValue::Double(f64::from(u32::try_from(chance % 100_000)?) / 1_000.0));
    let tags = if number.is_multiple_of(200_000) { vec!["rare".into()] } else { vec!["usual".into()] };
    row.attributes.set("Tags", AttributeValue::KeywordList(tags));
    Ok(row)
}
