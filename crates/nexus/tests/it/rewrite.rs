//! Commands that change files, through the real binary: `fmt`, `migrate`, `check --fix`.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::Project;

const MESSY: &str = "workflow W( x:int )->(int):\n  close complete( x )\n";
const NEAT: &str = "workflow W(x: int) -> (int):\n    close complete(x)\n";
const OLD: &str = "workflow W(x: int) -> int:\n    close x  # done\n";
const NEW: &str = "workflow W(x: int) -> (int):\n    close complete(x)  # done\n";

fn project(text: &str) -> Project {
    Project::with(&[("workflows/w.twf", text), ("notes/other.twf", text)])
}

fn text(project: &Project) -> String {
    fs::read_to_string(project.path().join("workflows/w.twf")).unwrap()
}

#[test]
fn files_of_a_project_are_laid_out_once() {
    let project = project(MESSY);
    let ran = project.nexus(&["fmt", "--check"]);
    assert_eq!((ran.code(), ran.stdout().trim()), (1, "workflows/w.twf"), "{}", ran.stderr());
    assert!(ran.stderr().contains("NX-1006"), "{}", ran.stderr());
    let shown = project.nexus(&["fmt", "--diff"]).ok().stdout();
    assert!(
        shown.contains("\n-  close complete( x )\n") && shown.contains("\n+    close complete(x)\n"),
        "{shown}"
    );
    assert_eq!(text(&project), MESSY);
    assert_eq!(project.nexus(&["fmt"]).ok().stdout().trim(), "formatted workflows/w.twf");
    assert_eq!(text(&project), NEAT);
    // Outside of `workflows` only when asked for; the second time nothing is left to do.
    assert_eq!(fs::read_to_string(project.path().join("notes/other.twf")).unwrap(), MESSY);
    assert_eq!(project.nexus(&["fmt", "--check"]).ok().stdout(), "");
    project.nexus(&["fmt", "notes"]).ok();
    assert_eq!(fs::read_to_string(project.path().join("notes/other.twf")).unwrap(), NEAT);
}

#[test]
fn a_file_that_does_not_change_is_not_touched() {
    let project = project(NEAT);
    let file = project.path().join("workflows/w.twf");
    let before = fs::metadata(&file).unwrap();
    project.nexus(&["fmt"]).ok();
    project.nexus(&["migrate"]).ok();
    use std::os::unix::fs::MetadataExt as _;
    assert_eq!(fs::metadata(&file).unwrap().ino(), before.ino());
}

#[test]
fn a_file_with_errors_is_left_alone_and_the_others_are_not() {
    let project = project(MESSY);
    project.write("workflows/bad.twf", "workflow (:\n");
    let ran = project.nexus(&["fmt"]);
    assert_eq!(ran.code(), 2);
    assert!(ran.stderr().contains("bad.twf:1:10") && ran.stderr().contains("NX-1001"), "{}", ran.stderr());
    assert_eq!(text(&project), NEAT);
    let missing = project.nexus(&["fmt", "nowhere"]);
    assert_eq!(missing.code(), 4, "{}", missing.stderr());
}

#[test]
fn standard_input_goes_to_standard_output() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_nexus"))
        .args(["fmt", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(MESSY.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stdout).unwrap().as_str()), (Some(0), NEAT));
}

#[test]
fn older_spellings_are_replaced() {
    let project = project(OLD);
    assert_eq!(project.nexus(&["migrate", "--check"]).code(), 1);
    project.nexus(&["migrate"]).ok();
    assert_eq!(text(&project), NEW);
    project.nexus(&["migrate", "--check"]).ok();
    project.nexus(&["check", "--dialect", "strict"]).ok();
}

#[test]
fn a_strict_dialect_refuses_older_spellings_and_extensions() {
    for bad in [OLD, "workflow W(x: int = 1):\n    close complete(x)\n"] {
        let project = project(bad);
        project.nexus(&["check"]).ok();
        let ran = project.nexus(&["check", "--dialect", "strict"]);
        assert_eq!(ran.code(), 2);
        assert!(ran.stderr().contains("_SYNTAX]"), "{}", ran.stderr());
    }
}

#[test]
fn check_makes_the_changes_that_are_sure() {
    let old = "workflow W(x: int) -> int:\n    A(x)\n    close x\n\nactivity A(x: int):\n    pass\n";
    let project = project(old);
    assert_eq!(project.nexus(&["check"]).code(), 2);
    let shown = project.nexus(&["check", "--fix", "--diff"]);
    assert!(shown.stdout().contains("+    activity A(x)"), "{}\n{}", shown.stdout(), shown.stderr());
    assert_eq!(text(&project), old);
    project.nexus(&["check", "--fix"]).ok();
    let new = "workflow W(x: int) -> (int):\n    activity A(x)\n    close complete(x)\n\nactivity A(x: int):\n    pass\n";
    assert_eq!(text(&project), new);
    // A misspelt keyword is a guess.
    project.write("workflows/w.twf", "workflow W():\n    activty A()\n");
    assert_eq!(project.nexus(&["check", "--fix"]).code(), 2);
    assert_eq!(text(&project), "workflow W():\n    activty A()\n");
}
