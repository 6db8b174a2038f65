//! Finding runs and looking after the data folder, with the real binary and a server that works meanwhile.

use serde_json::Value as Json;

use crate::support::Project;

const PROGRAM: &str = "\
workflow Tiered(tier: string) -> (string):
    set_search_attributes({Tier: tier})
    set_memo({asked: tier})
    close complete(tier)
";

const CONFIG: &str = "\
[namespaces.default.search_attributes]
Tier = \"Keyword\"
";

fn project() -> Project {
    Project::with(&[("workflows/tiers.twf", PROGRAM), ("nexus.toml", CONFIG)])
}

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn runs_are_found_by_what_their_program_says_of_them() {
    let project = project();
    for tier in ["gold", "gold", "silver"] {
        project.nexus(&["run", "Tiered", "--input", &format!("tier={tier}")]).ok();
    }
    let listed =
        project.nexus(&["--format", "json", "run", "list", "--filter", "Tier = 'gold' ORDER BY StartTime"]);
    let listed = json(&listed.ok().stdout());
    let runs = listed["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2, "{listed}");
    assert_eq!(runs[0]["search_attributes"]["Tier"], "gold");
    assert_eq!(runs[0]["memo"]["asked"], "gold");
    let page = project.nexus(&["--format", "json", "run", "list", "--limit", "2"]).ok().stdout();
    let next = json(&page)["next"].as_str().unwrap().to_owned();
    let rest =
        project.nexus(&["--format", "json", "run", "list", "--limit", "2", "--after", &next]).ok().stdout();
    assert_eq!(json(&rest)["runs"].as_array().unwrap().len(), 1);
    let counted = project.nexus(&["run", "count", "--group-by", "Tier"]).ok().stdout();
    assert!(counted.contains("gold") && counted.contains('2') && counted.contains("silver"), "{counted}");
    let total = project.nexus(&["run", "count", "--filter", "ExecutionStatus = 'Completed'"]).ok().stdout();
    assert_eq!(total.trim(), "3");
    let known = project.nexus(&["run", "attributes"]).ok().stdout();
    assert!(known.lines().any(|line| line.contains("Tier") && line.contains("Keyword")), "{known}");
}

/// The place is marked under the filter, and the name that was meant is told.
#[test]
fn a_filter_with_an_error_shows_the_place() {
    let project = project();
    let ran = project.nexus(&["run", "list", "--filter", "Teir = 'gold'"]);
    assert_eq!(ran.output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&ran.output.stderr).into_owned();
    assert!(told.contains("NX-2020") && told.contains("column 1"), "{told}");
    assert!(told.contains("did you mean Tier?") && told.contains("^^^^"), "{told}");
    let ran = project.nexus(&["run", "list", "--filter", "WorkflowType = 'x' AND"]);
    let told = String::from_utf8_lossy(&ran.output.stderr).into_owned();
    assert!(told.contains("column 23: expected the name of an attribute, the filter ends"), "{told}");
}

#[test]
fn a_backup_of_a_working_server_is_restored_elsewhere() {
    let project = project();
    let server = project.serve();
    project.nexus(&["run", "Tiered", "--input", "tier=gold"]).ok();
    let backup = project.path().join("monday.db");
    project.nexus(&["backup", backup.to_str().unwrap()]).ok();
    let again = project.nexus(&["backup", backup.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&again.output.stderr).contains("NX-4012"), "nothing is overwritten");
    project.nexus(&["doctor"]).ok();
    drop(server);
    let other = Project::with(&[("workflows/tiers.twf", PROGRAM), ("nexus.toml", CONFIG)]);
    other.nexus(&["restore", backup.to_str().unwrap()]).ok();
    let found = other.nexus(&["run", "count", "--filter", "Tier = 'gold'"]).ok().stdout();
    assert_eq!(found.trim(), "1");
    let twice = other.nexus(&["restore", backup.to_str().unwrap()]);
    assert!(!twice.output.status.success(), "what is there is never overwritten");
}

#[test]
fn the_doctor_finds_what_is_wrong() {
    let project = project();
    project.nexus(&["run", "Tiered", "--input", "tier=gold"]).ok();
    let sound = project.nexus(&["--format", "json", "doctor"]).ok().stdout();
    let findings = json(&sound);
    let results: Vec<_> = findings["findings"].as_array().unwrap().iter().map(|it| &it["result"]).collect();
    assert!(results.len() > 6 && results.iter().all(|result| *result == "ok"), "{findings}");
    let file = project.path().join(".nexus/nexus.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let needle = b"WorkflowExecutionStarted";
    let at = bytes.windows(needle.len()).position(|window| window == needle).unwrap();
    bytes[at] = b'X';
    std::fs::write(&file, bytes).unwrap();
    let ran = project.nexus(&["doctor"]);
    assert_eq!(ran.output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&ran.output.stdout).into_owned();
    assert!(told.contains("does not have its checksum"), "{told}");
    assert!(String::from_utf8_lossy(&ran.output.stderr).contains("NX-4011"));
}
