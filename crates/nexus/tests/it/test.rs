//! `nexus test` from the outside: what it prints, writes and exits with.

use super::support::Project;

const WORKFLOW: &str = "
activity Send(to: string) -> (string):
    ...

workflow Remind(to: string, days: int) -> (string):
    if (days > 100):
        close fail(TooLate{message: to})
    await timer(days * 24h)
    activity Send(to) -> sent
    close complete(sent)
";

const SCENARIOS: &str = "
workflow: Remind
scenarios:
  - name: a month
    input: {to: ann, days: 30}
    activities: {Send: gone}
    expect: {result: gone, duration: 30d}
  - name: wrong on purpose
    input: {to: bob, days: 1}
    activities: {Send: gone}
    expect: {result: stays}
";

fn project(scenarios: &str) -> Project {
    Project::with(&[("workflows/remind.twf", WORKFLOW), ("tests/remind.test.yaml", scenarios)])
}

#[test]
fn the_shop_is_tested_and_covered() {
    let json = Project::shop().nexus(&["test", "--coverage", "--format", "json"]).ok().json();
    // What is left are the lines behind a closed door, and a letter that cannot even be posted.
    let lines = &json["coverage"]["lines"];
    let (reached, all) = (lines["reached"].as_u64().unwrap(), lines["all"].as_u64().unwrap());
    assert!(all > 60 && all - reached <= 2, "{lines}");
}

#[test]
fn a_new_project_passes_its_own_tests() {
    let project = Project::empty();
    assert_eq!(project.nexus(&["new", "mine"]).code(), 0);
    let ran = project.nexus(&["test", "mine"]);
    assert_eq!(ran.code(), 0, "{}{}", ran.stdout(), ran.stderr());
    assert!(ran.stdout().contains("4 scenarios · 4 ok · "), "{}", ran.stdout());
}

#[test]
fn what_failed_is_printed_and_written_for_a_build_server() {
    let project = project(SCENARIOS);
    let ran = project.nexus(&["test", "--junit", "out.xml"]);
    assert_eq!(ran.code(), 1);
    insta::assert_snapshot!("failed", ran.stdout());
    assert!(ran.stderr().contains("error[NX-3004]: 1 of 2 scenarios failed"), "{}", ran.stderr());
    let written = std::fs::read_to_string(project.path().join("out.xml")).unwrap();
    assert!(
        written.contains("<testsuite name=\"tests/remind.test.yaml\" tests=\"2\" failures=\"1\""),
        "{written}"
    );
    let ran = project.nexus(&["test", "--filter", "month", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!((json["passed"].as_u64(), json["failed"].as_u64()), (Some(1), Some(0)), "{json}");
    assert_eq!(json["scenarios"][0]["virtual_ms"], 30 * 86_400_000_u64);
}

#[test]
fn coverage_names_what_was_not_reached() {
    let project = project(SCENARIOS);
    let args = ["test", "--filter", "month", "--coverage"];
    insta::assert_snapshot!("coverage", project.nexus(&args).stdout());
    let out = [args.as_slice(), &["--coverage-format", "lcov", "--coverage-out", "lcov.info"]].concat();
    assert_eq!(project.nexus(&out).code(), 0);
    insta::assert_snapshot!("lcov", std::fs::read_to_string(project.path().join("lcov.info")).unwrap());
}

#[test]
fn what_cannot_be_run_is_an_error_of_its_own() {
    let broken = project("workflow: Remindd\nsteps: [advnce: 1d]\n");
    let ran = broken.nexus(&["test"]);
    assert_eq!(ran.code(), 2);
    assert!(
        ran.stderr().contains("tests/remind.test.yaml:2:9: there is no step `advnce`"),
        "{}",
        ran.stderr()
    );
    for (args, told) in [
        (&["test", "--filter", "nothing like it"][..], "NX-1103"),
        (&["test", "tests/other.yaml"], "NX-1103"),
        (&["test", "elsewhere"], "NX-1103"),
    ] {
        let ran = project(SCENARIOS).nexus(args);
        assert_eq!(ran.code(), 2, "{args:?}");
        assert!(ran.stderr().contains(told), "{}", ran.stderr());
    }
    let listed = project(SCENARIOS).nexus(&["test", "--list", "--filter", "month"]);
    assert!(listed.stdout().contains("tests/remind.test.yaml:4"), "{}", listed.stdout());
}
