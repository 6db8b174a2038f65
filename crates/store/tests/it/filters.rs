//! Any filter, in any order, on any page, gives the same rows in memory and in SQL; so does any count.

use nexus_kernel::id::{Namespace, Partition};
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::Store;
use nexus_kernel::port::log::Append;
use nexus_kernel::port::runs::Runs as _;
use nexus_kernel::testing::store_contract::append;
use nexus_kernel::testing::visibility_contract::{full_row, schema};
use nexus_kernel::visibility::{RunCount, RunQuery, count_query, list_query};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::fixture::{fresh, wait};

/// A test of one attribute, as it is written.
fn test() -> impl Strategy<Value = String> {
    let texts =
        || select(vec!["'gold'", "'go'", "'ship-3'", "''", "'red'", "'fox dog'", "'é\u{10ffff}'", "'team'"]);
    let keyword = select(vec![
        "MyKeyword",
        "WorkflowId",
        "WorkflowType",
        "Namespace",
        "TaskQueue",
        "RootRunId",
        "ParentWorkflowId",
    ]);
    let multiple = select(vec!["MyText", "MyKeywordList"]);
    let compare = || select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let not = || select(vec!["", "NOT "]);
    let number = select(vec![
        ("MyInt", "3"),
        ("MyInt", "-5"),
        ("MyDouble", "0.5"),
        ("MyDouble", "-0"),
        ("HistoryLength", "12"),
        ("HistorySizeBytes", "20000"),
        ("StateTransitionCount", "2"),
        ("ExecutionDuration", "'110s'"),
    ]);
    let time = select(vec!["StartTime", "CloseTime", "ExecutionTime", "MyDatetime"]);
    let any = select(vec![
        "MyText",
        "MyKeyword",
        "MyInt",
        "MyBool",
        "MyKeywordList",
        "CloseTime",
        "ParentRunId",
        "WorkflowId",
        "TemporalScheduledById",
    ]);
    let at = || (0_i64..200).prop_map(|seconds| format!("{}", seconds * 1_000_000_000));
    prop_oneof![
        (keyword.clone(), compare(), texts()).prop_map(|(name, sign, text)| format!("{name} {sign} {text}")),
        (keyword.clone(), not(), vec(texts(), 1..4))
            .prop_map(|(name, not, all)| format!("{name} {not}IN ({})", all.join(", "))),
        (keyword.clone(), not(), texts())
            .prop_map(|(name, not, text)| format!("{name} {not}STARTS_WITH {text}")),
        (keyword, not(), texts(), texts())
            .prop_map(|(name, not, low, high)| format!("{name} {not}BETWEEN {low} AND {high}")),
        (multiple, select(vec!["=", "!="]), texts())
            .prop_map(|(name, sign, text)| format!("{name} {sign} {text}")),
        (not(), vec(texts(), 1..3))
            .prop_map(|(not, all)| format!("MyKeywordList {not}IN ({})", all.join(", "))),
        (number.clone(), compare()).prop_map(|((name, number), sign)| format!("{name} {sign} {number}")),
        (number, not()).prop_map(|((name, number), not)| format!("{name} {not}IN ({number})")),
        (time.clone(), compare(), at()).prop_map(|(name, sign, at)| format!("{name} {sign} {at}")),
        (time, not(), at(), at())
            .prop_map(|(name, not, low, high)| format!("{name} {not}BETWEEN {low} AND {high}")),
        (any, not()).prop_map(|(name, not)| format!("{name} IS {not}NULL")),
        select(vec![
            "MyBool = true",
            "MyBool != true",
            "ExecutionStatus = 'Running'",
            "ExecutionStatus NOT IN ('Failed', 'TimedOut')"
        ])
        .prop_map(str::to_owned),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    test().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" AND "))),
            vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" OR "))),
            inner.prop_map(|inner| format!("NOT ({inner})")),
        ]
    })
}

fn order() -> impl Strategy<Value = String> {
    let names = select(vec![
        "StartTime",
        "CloseTime",
        "WorkflowType",
        "MyInt",
        "MyDouble",
        "MyKeyword",
        "MyBool",
        "ExecutionDuration",
        "RunId",
        "ExecutionStatus",
    ]);
    let one = (names, select(vec!["", " DESC"])).prop_map(|(name, way)| format!("{name}{way}"));
    vec(one, 0..3)
        .prop_map(|all| if all.is_empty() { String::new() } else { format!(" ORDER BY {}", all.join(", ")) })
}

async fn fill(store: &dyn Store) {
    store.acquire(0..Partition::COUNT, "me").await.unwrap();
    let rows = (1..=60).map(full_row).collect();
    store.append(vec![Append { rows, ..append("a", 0, "x") }]).await.unwrap();
}

async fn pages(store: &dyn Store, query: &RunQuery) -> Vec<String> {
    let mut query = query.clone();
    let mut seen = Vec::new();
    loop {
        let page = store.runs(query.clone()).await.unwrap();
        let Some(last) = page.last() else { return seen };
        query.after = Some(query.order.cursor(last));
        seen.extend(page.iter().map(|row| row.run_id.to_string()));
    }
}

#[test]
fn memory_and_sql_agree() {
    let memory = MemoryStore::new();
    let sqlite = fresh();
    wait(fill(&memory));
    wait(fill(&*sqlite));
    let namespace = select(vec![None, Some("default"), Some("team")]);
    let question = (condition(), order(), namespace, 1_usize..40);
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = proptest::test_runner::TestRunner::new(config).run(
        &question,
        |(condition, order, namespace, limit)| {
            let namespace = namespace.map(|name| Namespace::new(name).unwrap());
            let text = format!("{condition}{order}");
            let query =
                RunQuery { namespace: namespace.clone(), limit, ..list_query(&text, &schema()).unwrap() };
            prop_assert_eq!(wait(pages(&*sqlite, &query)), wait(pages(&memory, &query)), "{}", text);
            for group in ["", " GROUP BY ExecutionStatus", " GROUP BY MyKeyword"] {
                let count = count_query(&format!("{condition}{group}"), &schema()).unwrap();
                let count = RunCount { namespace: namespace.clone(), ..count };
                let (found, expected) = (wait(sqlite.count(count.clone())), wait(memory.count(count)));
                prop_assert_eq!(found.unwrap(), expected.unwrap(), "{}{}", text, group);
            }
            Ok(())
        },
    );
    outcome.unwrap();
}
