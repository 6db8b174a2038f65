//! Stepping through a run: what every event changed, and how things stood.

use serde_json::json;

use crate::support::{Scripted, World, echo};

const PROGRAM: &str = "\
workflow Sum(n: int) -> (int):
    total = 0
    for (i in range(n)):
        activity Do(i) -> x
        total += x
    promise late <- activity Do(9)
    await timer(1h)
    close complete(total)

activity Do(x: any) -> (any):
    ...
";

#[tokio::test]
async fn a_run_is_played_back_event_by_event() {
    let world = World::new(PROGRAM, Scripted::default().with("Do", echo)).await;
    let outcome = world.run("Sum", json!({ "n": 3 })).await;
    let history = world.history(&outcome).await.to_json();
    let whole = world.engine.playback(&outcome.run_id, None).await.unwrap();
    assert_eq!(whole["events"].as_array().unwrap().len(), history["events"].as_array().unwrap().len());
    assert_eq!(whole["variables"]["total"], json!(3));
    assert_eq!(whole["waits"], json!([]));
    // A promise is nothing that can leave a run; it is shown as what it is.
    assert_eq!(whole["variables"]["late"], json!({ "$value": "a promise" }));

    let first = world.engine.playback(&outcome.run_id, Some(2)).await.unwrap();
    assert_eq!(first["events"][1]["changes"], json!({ "n": 3, "total": 0, "i": 0 }));
    assert_eq!(first["waits"][0]["source"], json!("activity Do(i) -> x"));
    let totals: Vec<_> = whole["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["changes"].get("total").cloned())
        .collect();
    assert_eq!(totals, [json!(0), json!(1), json!(3)], "only what has changed is told");
    for to in [0, 1_000] {
        let error = world.engine.playback(&outcome.run_id, Some(to)).await.unwrap_err();
        assert_eq!(error.code().id, "NX-2004");
    }
    world.stop().await;
}
