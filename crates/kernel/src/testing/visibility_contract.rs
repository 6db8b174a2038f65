//! What every store promises about the list of runs: filters, orders, pages, counts, and what deleting leaves behind.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test body fails by panicking")]
#![expect(
    clippy::cognitive_complexity,
    reason = "assertions in a row count as branches, and are read in a row"
)]

use serde_json::json;

use crate::Json;
use crate::id::{Namespace, Partition};
use crate::port::Store;
use crate::port::blob::Hash;
use crate::port::event::{Fact, Prune};
use crate::port::kv::KvWrite;
use crate::port::log::{Append, Epoch, Refused, Trim};
use crate::port::runs::{HistorySize, RunRef, RunRow, RunStatus};
use crate::testing::event_contract::fact;
use crate::testing::store_contract::{append, append_one, key, row};
use crate::time::Timestamp;
use crate::visibility::{
    AttributeType, AttributeValue, Cursor, Group, RunCount, RunQuery, Scalar, Schema, count_query, list_query,
};

/// The attributes that the rows of this contract have.
pub fn schema() -> Schema {
    let mut schema = Schema::new();
    for kind in AttributeType::ALL {
        schema.declare(format!("My{}", kind.as_str()), kind);
    }
    schema
}

/// A row that lacks nothing. Every third one is open; attributes differ from row to row, and some rows have none.
pub fn full_row(number: i64) -> RunRow {
    let at = usize::try_from(number).unwrap();
    let mut full = row(number, ["default", "team"][at % 2], ["ship", "pay", "refund"][at % 3]);
    full.status = RunStatus::ALL[(at * 3) % 7];
    full.execution_at = full.started_at.plus(std::time::Duration::from_secs(number.unsigned_abs() % 4));
    if !full.status.is_open() {
        full.closed_at = Some(Timestamp::from_millis((number * 7_919) % 100_000 + 100_000));
        full.history = Some(HistorySize { events: 3 + at as u64, bytes: 1_000 * at as u64, transitions: 2 });
    }
    ["orders", "mail"][at % 2].clone_into(&mut full.task_queue);
    full.memo = json!({ "note": format!("it's {number}"), "deep": [1, null] });
    if at % 4 == 1 {
        let parent = row(number + 1_000, "default", "parent");
        let parent = RunRef { workflow_id: parent.key.workflow_id, run_id: parent.run_id };
        (full.parent, full.root) = (Some(parent.clone()), Some(parent));
    }
    if at % 5 != 4 {
        attribute(&mut full, at);
    }
    full
}

fn attribute(full: &mut RunRow, at: usize) {
    let texts = ["The quick brown fox", "a lazy dog", "no animals; 'quoted' ä ß", ""];
    let lists: [&[&str]; 3] = [&["red", "green"], &["blue"], &["red"]];
    let number = i64::try_from(at).unwrap() - 5;
    let list = lists[at % 3].iter().map(|text| (*text).to_owned()).collect();
    let values = [
        AttributeValue::Text(texts[at % 4].to_owned()),
        AttributeValue::Keyword(["gold", "go", "silver", "g%_'\"", "é\u{10ffff}x"][(at / 2) % 5].to_owned()),
        AttributeValue::Int([number, i64::MIN, i64::MAX, 0][at % 4]),
        AttributeValue::Double([0.5, -0.0, 1e300, -2.25][at % 4]),
        AttributeValue::Bool(at.is_multiple_of(2)),
        AttributeValue::Datetime(Timestamp::from_millis(number * 1_000)),
        AttributeValue::KeywordList(list),
    ];
    for (place, value) in values.into_iter().enumerate() {
        if !(at + place).is_multiple_of(6) {
            full.attributes.set(format!("My{}", value.kind().as_str()), value);
        }
    }
    // A value of another type under a name is kept, but no filter of the schema's type sees it.
    if at.is_multiple_of(11) {
        full.attributes.set("MyInt", AttributeValue::Keyword("not a number".to_owned()));
    }
}

async fn filled(store: &dyn Store, count: i64) -> Vec<RunRow> {
    store.acquire(0..Partition::COUNT, "me").await.unwrap();
    let rows: Vec<_> = (1..=count).map(full_row).collect();
    append_one(store, Append { rows: rows.clone(), ..append("a", 0, "x") }).await.unwrap();
    rows
}

/// Nothing of a row is lost, also when another takes its place.
pub async fn rows_keep_everything(store: &dyn Store) {
    for row in filled(store, 30).await {
        assert_eq!(store.run(&row.run_id).await.unwrap(), Some(row));
    }
    let mut changed = full_row(1);
    changed.attributes = crate::visibility::Attributes::default();
    changed.attributes.set("MyKeyword", AttributeValue::Keyword("changed".into()));
    changed.memo = json!(null);
    append_one(store, Append { rows: vec![changed.clone()], ..append("a", 1, "x") }).await.unwrap();
    assert_eq!(store.run(&changed.run_id).await.unwrap(), Some(changed.clone()));
    let query = list_query("MyKeyword = 'changed' AND MyInt IS NULL", &schema()).unwrap();
    assert_eq!(store.runs(query).await.unwrap(), [changed]);
    let former = list_query("RunId = 'x' OR MyKeyword = 'gold' AND WorkflowId = 'pay-1'", &schema()).unwrap();
    assert!(store.runs(former).await.unwrap().is_empty(), "what a row no longer has is not found");
}

/// Filters of every operator and type, some of which fit nothing.
pub const FILTERS: &[&str] = &[
    "WorkflowId = 'ship-3'",
    "WorkflowId STARTS_WITH 'ship-1'",
    "WorkflowType IN ('ship', 'none') AND ExecutionStatus != 'Running'",
    "ExecutionStatus IN ('Failed', 'TimedOut', 'Completed')",
    "ExecutionStatus NOT IN ('Failed') AND Namespace = 'team'",
    "StartTime > '1970-01-01T00:00:10Z' AND StartTime <= 20000000000",
    "CloseTime IS NULL",
    "CloseTime BETWEEN '1970-01-01T00:02:00Z' AND '1970-01-01T00:03:00Z'",
    "CloseTime NOT BETWEEN '1970-01-01T00:02:00Z' AND '1970-01-01T00:03:00Z'",
    "NOT CloseTime BETWEEN '1970-01-01T00:02:00Z' AND '1970-01-01T00:03:00Z'",
    "ExecutionDuration >= '100s' OR HistoryLength < 9",
    "HistorySizeBytes BETWEEN 2000 AND 9000 AND StateTransitionCount = 2",
    "TaskQueue = 'mail' AND ParentWorkflowId IS NOT NULL",
    "ParentRunId IS NULL AND RootWorkflowId STARTS_WITH 'pay'",
    "MyText = 'fox dog'",
    "MyText != 'fox'",
    "MyText = '...'",
    "MyText IS NULL",
    "MyKeyword = 'g%_''\"'",
    "MyKeyword STARTS_WITH 'go'",
    "MyKeyword STARTS_WITH 'é\u{10ffff}'",
    "MyKeyword STARTS_WITH ''",
    "MyKeyword NOT STARTS_WITH 'go'",
    "MyKeyword > 'go' AND MyKeyword <= 'silver'",
    "MyKeyword NOT IN ('gold', 'silver')",
    "MyKeyword BETWEEN 'g' AND 'gold'",
    "MyInt = 9223372036854775807 OR MyInt = -9223372036854775808",
    "MyInt NOT BETWEEN 0 AND 10",
    "MyInt IS NULL OR MyInt IN (0, 3)",
    "MyDouble = 0 OR MyDouble > 1e299",
    "MyDouble < 0.5",
    "MyBool = true AND NOT MyBool = false",
    "NOT MyBool = true",
    "MyDatetime >= '1970-01-01T00:00:00Z'",
    "MyKeywordList = 'red'",
    "MyKeywordList != 'red'",
    "MyKeywordList IN ('blue', 'green') AND NOT MyKeywordList NOT IN ('blue')",
    "(MyInt > 3 OR MyKeyword = 'gold') AND NOT (ExecutionStatus = 'Running' AND MyBool = true)",
    "TemporalScheduledById IS NULL AND TemporalSchedulePaused IS NOT NULL",
    "",
];

/// A filter lists exactly the rows that the typed filter fits.
pub async fn filters_find_what_fits(store: &dyn Store) {
    let rows = filled(store, 60).await;
    let mut found_any = 0;
    for text in FILTERS {
        for namespace in [None, Some(Namespace::default())] {
            let query = list_query(text, &schema()).unwrap();
            let query = RunQuery { namespace: namespace.clone(), limit: 1_000, ..query };
            let fits = |row: &&RunRow| {
                namespace.as_ref().is_none_or(|namespace| row.key.namespace == *namespace)
                    && query.filter.as_ref().is_none_or(|filter| filter.fits(row))
            };
            let mut expected: Vec<_> = rows.iter().filter(fits).cloned().collect();
            expected.sort_by(|left, right| {
                query.order.compare(&query.order.cursor(left), &query.order.cursor(right))
            });
            found_any += usize::from(!expected.is_empty() && expected.len() < rows.len());
            let count = RunCount { namespace, filter: query.filter.clone(), group: None };
            let figures = store.count(count).await.unwrap();
            assert_eq!(figures, [Group { value: None, count: expected.len() as u64 }], "{text}");
            assert_eq!(store.runs(query).await.unwrap(), expected, "{text}");
        }
    }
    assert!(found_any > 60, "{found_any} filters told rows apart");
}

/// Open runs first, closed ones by their time of closing; or whatever is asked for, runs without a value last when
/// descending.
pub async fn lists_have_the_order_that_is_asked_for(store: &dyn Store) {
    filled(store, 40).await;
    for order in [
        "",
        "ORDER BY StartTime",
        "ORDER BY WorkflowType DESC, StartTime ASC",
        "ORDER BY CloseTime, RunId DESC",
        "ORDER BY CloseTime DESC",
        "ORDER BY MyInt DESC, MyKeyword",
        "ORDER BY MyDouble, MyBool DESC, MyDatetime",
        "ORDER BY ExecutionDuration DESC, RootWorkflowId",
    ] {
        let query = RunQuery { limit: 100, ..list_query(order, &schema()).unwrap() };
        let all = store.runs(query.clone()).await.unwrap();
        let is_sorted = all.windows(2).all(|pair| {
            query.order.compare(&query.order.cursor(&pair[0]), &query.order.cursor(&pair[1])).is_lt()
        });
        assert!(is_sorted && all.len() == 40, "{order}");
        assert_eq!(paged(store, query, 7).await, all, "{order}");
    }
    let first = store.runs(RunQuery::default()).await.unwrap();
    let open = first.iter().take_while(|row| row.status.is_open()).count();
    assert!(open > 0 && first[open..].windows(2).all(|pair| pair[0].closed_at >= pair[1].closed_at));
}

/// Everything, page by page, every page through its token.
async fn paged(store: &dyn Store, query: RunQuery, limit: usize) -> Vec<RunRow> {
    let mut query = RunQuery { limit, ..query };
    let mut seen = Vec::new();
    loop {
        let page = store.runs(query.clone()).await.unwrap();
        let Some(last) = page.last() else { return seen };
        let token = query.order.cursor(last).token(&query);
        query.after = Some(Cursor::read(&token, &query).unwrap());
        seen.extend(page);
    }
}

/// Runs that start between two pages neither move nor repeat what is still to be listed.
pub async fn pages_are_stable_under_inserts(store: &dyn Store) {
    let rows = filled(store, 30).await;
    let mut query = RunQuery { limit: 4, ..RunQuery::default() };
    let (mut seen, mut next, mut head) = (Vec::new(), 1_000, 1);
    loop {
        let page = store.runs(query.clone()).await.unwrap();
        let Some(last) = page.last() else { break };
        query.after = Some(query.order.cursor(last));
        seen.extend(page.into_iter().map(|row| row.run_id));
        let late = RunRow { closed_at: None, ..row(next, "default", "late") };
        append_one(store, Append { rows: vec![late], ..append("a", head, "x") }).await.unwrap();
        (next, head) = (next + 1, head + 1);
    }
    let mut ids: Vec<_> = rows.into_iter().map(|row| row.run_id).collect();
    let listed = seen.len();
    ids.sort();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), listed, "nothing twice");
    assert_eq!(seen, ids, "everything that was there from the beginning");
}

/// The largest group first, and runs without the attribute are a group, too.
pub async fn counts_are_grouped(store: &dyn Store) {
    let rows = filled(store, 40).await;
    for text in ["GROUP BY ExecutionStatus", "MyBool = true GROUP BY MyKeyword", "GROUP BY Namespace"] {
        let count = count_query(text, &schema()).unwrap();
        let groups = store.count(count.clone()).await.unwrap();
        assert!(groups.windows(2).all(|pair| pair[0].count >= pair[1].count), "{text}");
        for group in &groups {
            let value = |row: &RunRow| {
                crate::visibility::filter::scalars(row, count.group.as_ref().unwrap())
                    .and_then(|mut it| it.pop())
            };
            let fits = |row: &&RunRow| {
                count.filter.as_ref().is_none_or(|filter| filter.fits(row)) && value(row) == group.value
            };
            assert_eq!(group.count, rows.iter().filter(fits).count() as u64, "{text} {group:?}");
        }
        let total: u64 = groups.iter().map(|group| group.count).sum();
        let fitting = rows.iter().filter(|row| count.filter.as_ref().is_none_or(|filter| filter.fits(row)));
        assert_eq!(total, fitting.count() as u64);
    }
    let nothing = count_query("WorkflowId = 'none' GROUP BY ExecutionStatus", &schema()).unwrap();
    assert!(store.count(nothing).await.unwrap().is_empty());
    let status = count_query("GROUP BY ExecutionStatus", &schema()).unwrap();
    let groups = store.count(status).await.unwrap();
    assert!(groups.iter().any(|group| group.value == Some(Scalar::Text("running".to_owned()))));
}

/// The first type under a name stays the name's type, namespace by namespace.
pub async fn attribute_types_are_those_of_the_first_use(store: &dyn Store) {
    store.acquire(0..Partition::COUNT, "me").await.unwrap();
    let with = |number, namespace, value| {
        let mut run = row(number, namespace, "ship");
        run.attributes.set("Tier", value);
        run
    };
    let rows = vec![
        with(1, "default", AttributeValue::Keyword("gold".into())),
        with(2, "default", AttributeValue::Int(1)),
        with(3, "team", AttributeValue::Int(1)),
    ];
    append_one(store, Append { rows, ..append("a", 0, "x") }).await.unwrap();
    let types = store.attribute_types().await.unwrap();
    let (default, team) = (Namespace::default(), Namespace::new("team").unwrap());
    let expected =
        [(default, "Tier".to_owned(), AttributeType::Keyword), (team, "Tier".to_owned(), AttributeType::Int)];
    assert_eq!(types, expected);
}

/// Deleting records and rows deletes these and nothing else, and the next record does not get an old number.
pub async fn trimmed_records_are_gone_and_sequences_go_on(store: &dyn Store) {
    let epoch = store.acquire(0..Partition::COUNT, "me").await.unwrap();
    let rows = vec![full_row(1), full_row(2)];
    append_one(store, Append { rows: rows.clone(), ..append("a", 0, "1") }).await.unwrap();
    append_one(store, append("a", 1, "2")).await.unwrap();
    append_one(store, Append { live: false, ..append("a", 2, "3") }).await.unwrap();
    let trim = |epoch, sequences: &[u64], runs: &[&RunRow]| Trim {
        key: key("a"),
        epoch,
        sequences: sequences.to_vec(),
        runs: runs.iter().map(|row| row.run_id.clone()).collect(),
    };
    assert_eq!(store.trim(trim(epoch, &[1, 3], &[&rows[0]])).await.unwrap(), Ok(()));
    assert_eq!(store.run(&rows[0].run_id).await.unwrap(), None);
    assert_eq!(store.run(&rows[1].run_id).await.unwrap(), Some(rows[1].clone()));
    let left: Vec<_> = store.read(&key("a"), 0).await.unwrap().iter().map(|it| it.sequence).collect();
    assert_eq!(left, [2]);
    assert_eq!(append_one(store, append("a", 2, "x")).await, Err(Refused::Conflict { actual: 3 }));
    assert_eq!(append_one(store, append("a", 3, "4")).await, Ok(4));
    let found = list_query("MyKeywordList IS NOT NULL", &schema()).unwrap();
    assert_eq!(
        store.runs(found).await.unwrap().len(),
        usize::from(rows[1].attributes.get("MyKeywordList").is_some())
    );
    assert_eq!(store.trim(trim(Epoch(0), &[2], &[])).await.unwrap(), Err(Refused::StaleEpoch));
    assert_eq!(store.trim(trim(epoch, &[2, 4, 9], &[&rows[1]])).await.unwrap(), Ok(()));
    assert!(store.read(&key("a"), 0).await.unwrap().is_empty());
    assert!(store.live(0, 10).await.unwrap().is_empty(), "a key without records is forgotten");
    assert_eq!(append_one(store, append("a", 0, "again")).await, Ok(1));
    assert_eq!(store.trim(Trim { key: key("never"), ..trim(epoch, &[1], &[]) }).await.unwrap(), Ok(()));
}

/// A definition is kept for as long as a run is pinned to it.
pub async fn blobs_of_listed_runs_are_not_released(store: &dyn Store) {
    let epoch = store.acquire(0..Partition::COUNT, "me").await.unwrap();
    let used = store.blob_put(b"used".to_vec()).await.unwrap();
    let free = store.blob_put(b"free".to_vec()).await.unwrap();
    let run = RunRow { definition: Some(used.clone()), ..row(1, "default", "ship") };
    append_one(store, Append { rows: vec![run.clone()], ..append("a", 0, "1") }).await.unwrap();
    let both = vec![used.clone(), free.clone(), Hash::of(b"unknown")];
    assert_eq!(store.blob_release(both.clone()).await.unwrap(), 1);
    assert_eq!(store.blob_get(&free).await.unwrap(), None);
    assert!(store.blob_get(&used).await.unwrap().is_some());
    let trim = Trim { key: key("a"), epoch, sequences: vec![1], runs: vec![run.run_id] };
    store.trim(trim).await.unwrap().unwrap();
    assert_eq!(store.blob_release(both).await.unwrap(), 1);
    assert_eq!(store.blob_put(b"used".to_vec()).await.unwrap(), used, "and it can come back");
    assert!(store.blob_get(&used).await.unwrap().is_some());
}

/// What a namespace takes grows with what is kept in it, shrinks with what is deleted, and is nobody else's. Stores that seal
/// what they keep count what they keep.
pub async fn bytes_are_counted_by_namespace(store: &dyn Store) {
    let epoch = store.acquire(0..Partition::COUNT, "me").await.unwrap();
    let (here, other) = (Namespace::default(), Namespace::new("other").unwrap());
    let used = async || store.used_bytes(&here).await.unwrap();
    assert_eq!(used().await, 0);
    let record = Append { live: false, ..append("a", 0, &"r".repeat(1_000)) };
    append_one(store, record.clone()).await.unwrap();
    let first = used().await;
    assert!((1_000..1_100).contains(&first), "{first}");
    assert!(append_one(store, record).await.is_err(), "what is refused takes nothing");
    assert_eq!(used().await, first);
    let put = |text: &str| KvWrite::Put { key: "k".to_owned(), value: Json::from(text) };
    store.kv_commit(&here, Vec::new(), vec![put(&"v".repeat(3_000))]).await.unwrap();
    let second = used().await;
    assert!((first + 3_000..first + 4_200).contains(&second), "{second}");
    store.kv_commit(&here, Vec::new(), vec![put("")]).await.unwrap();
    assert!(used().await < first + 100);
    store.kv_commit(&here, Vec::new(), vec![KvWrite::Delete { key: "k".to_owned() }]).await.unwrap();
    store.kv_commit(&here, Vec::new(), vec![KvWrite::Delete { key: "k".to_owned() }]).await.unwrap();
    assert_eq!(used().await, first);
    let told = Fact { data: Json::from("e".repeat(2_000)), ..fact("1", "paid", 1) };
    store.event_append(&here, vec![told.clone(), told]).await.unwrap();
    let third = used().await;
    assert!((first + 2_000..first + 2_900).contains(&third), "{third}");
    store.event_prune(&here, Prune { before: None, keep: Some(0), limit: 9 }).await.unwrap();
    assert_eq!(used().await, first);
    let trim = Trim { key: key("a"), epoch, sequences: vec![1, 2], runs: Vec::new() };
    store.trim(trim).await.unwrap().unwrap();
    assert_eq!(used().await, 0);
    assert_eq!(store.used_bytes(&other).await.unwrap(), 0);
}
