//! `nexus top`, where nobody watches.

use crate::support::Project;

const WORKFLOW: &str = "\
workflow Take(n: int) -> (int):
    close complete(n)
";

#[test]
fn one_look_is_a_table_or_an_object() {
    let project = Project::with(&[("workflows/a.twf", WORKFLOW)]);
    project.nexus(&["top", "--once"]).refused(5, "no server serves this project", "nobody to look at");
    let _server = project.serve();
    for _ in 0..3 {
        project.nexus(&["run", "Take", "--input", "n=1"]).ok();
    }
    let frame = project.nexus(&["top", "--once", "--format", "json"]).ok().json();
    let take = frame["operations"].as_array().unwrap().iter().find(|it| it["operation"] == "Take").unwrap();
    assert!((take["total"].as_f64().unwrap() - 3.0).abs() < 0.5, "{frame}");
    assert!(take["p50_seconds"].as_f64().unwrap() > 0.0 && take["per_second"].as_f64().unwrap() > 0.0);
    assert!(frame["process"]["memory_bytes"].as_f64().unwrap() > 1e6, "{frame}");
    let table = project.nexus(&["top", "--once"]).ok().stdout();
    assert!(table.contains("requests") && table.lines().any(|line| line.starts_with("Take ")), "{table}");
    // A pipe is no terminal: it gets one look, too.
    assert!(project.nexus(&["top"]).ok().stdout().contains("OPERATION"));
    project.nexus(&["top", "--interval", "often"]).refused(2, "is no time between two looks", "an interval");
}
