//! Completion: what a shell is offered, through its protocol and through bash itself; manual pages.

use std::process::Command;

use nexus_kernel::port::clock::Clock as _;

use crate::support::{Project, Ran, command, offered};

const WORKFLOWS: &str = r#"
# Paints something.
workflow Paint(color: string, coats: int = 2, is_dry: bool = false) -> (any):
    close complete({color: color, coats: coats, is_dry: is_dry})

workflow Polish() -> (string):
    close complete("shiny")
"#;

const CONFIG: &str = "[workflows.Paint.fields.color]\nenum = [\"red\", \"green\"]\n";

fn project() -> Project {
    Project::with(&[("workflows/paint.twf", WORKFLOWS), ("nexus.toml", CONFIG)])
}

#[test]
fn names_flags_and_values_are_offered_with_a_server_and_without() {
    let project = project();
    for served in [false, true] {
        let _server = served.then(|| project.serve());
        assert_eq!(offered(&project, &["nexus", "run", "P"]), ["Paint", "Polish"], "{served}");
        assert_eq!(offered(&project, &["nexus", "run", "Paint", "--co"]), ["--color", "--coats"], "{served}");
        assert_eq!(
            offered(&project, &["nexus", "run", "Paint", "--color", ""]),
            ["red", "green"],
            "{served}"
        );
        assert_eq!(offered(&project, &["nexus", "run", "Paint", "--color=g"]), ["--color=green"], "{served}");
        assert_eq!(offered(&project, &["nexus", "run", "Paint", "--no-"]), ["--no-is-dry"], "{served}");
        assert_eq!(offered(&project, &["nexus", "bench", "Pol"]), ["Polish"], "{served}");
    }
}

#[test]
fn verbs_profiles_and_runs_are_offered() {
    let project = project();
    assert!(offered(&project, &["nexus", "call", "run."]).contains(&"run.list".to_owned()));
    assert_eq!(offered(&project, &["nexus", "call", "run.list", "--lim"]), ["--limit"]);
    project.nexus(&["profile", "add", "prod", "--url", "https://h"]).ok();
    assert_eq!(offered(&project, &["nexus", "--profile", "p"]), ["prod"]);
    assert_eq!(offered(&project, &["nexus", "profile", "use", ""])[..2], ["prod", "local"]);
    let _server = project.serve();
    project.nexus(&["run", "Polish", "--id", "first"]).ok();
    project.nexus(&["run", "Polish", "--id", "second"]).ok();
    let listed = project.nexus(&["run", "list", "--format", "json"]).ok().json();
    let newest = listed["runs"][0]["run_id"].as_str().unwrap();
    let runs = offered(&project, &["nexus", "run", "show", ""]);
    let runs: Vec<_> = runs.iter().filter(|it| it.starts_with("run_")).collect();
    assert_eq!((runs.len(), runs[0].as_str()), (2, newest));
}

#[test]
fn whatever_is_wrong_nothing_is_printed() {
    let empty = Project::empty();
    assert!(offered(&empty, &["nexus", "run", "P"]).is_empty());
    let broken = Project::with(&[("workflows/a.twf", "workflow ("), ("nexus.toml", "[server")]);
    assert!(offered(&broken, &["nexus", "run", "P"]).is_empty());
    assert!(offered(&broken, &["nexus", "run", "--server", "http://127.0.0.1:1", "P"]).is_empty());
    assert!(offered(&broken, &["nexus", "run", "show", "run_"]).is_empty());
    assert_eq!(offered(&broken, &["nexus", "profi"]), ["profile"]);
}

/// A server that accepts and says nothing must not hold up whoever types.
#[test]
fn a_server_that_is_silent_is_not_waited_for() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let clock = nexus_kernel::port::clock::SystemClock;
    let began = clock.now();
    assert!(offered(&Project::empty(), &["nexus", "run", "--server", &url, "P"]).is_empty());
    let took = clock.now().since(began);
    assert!(took < std::time::Duration::from_secs(5), "{took:?}");
}

#[test]
fn bash_completes() {
    let project = project();
    let script = project.nexus(&["completion", "bash"]).ok().stdout();
    assert!(script.contains("complete -o nospace"), "{script}");
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        assert!(!project.nexus(&["completion", shell]).ok().stdout().is_empty(), "{shell}");
    }
    project.write("completion.bash", &script);
    // The function that bash calls, with the words it would have.
    let asking = r#"
        source completion.bash
        complete -p nexus >/dev/null || exit 9
        COMP_WORDS=(nexus run Paint --co) COMP_CWORD=3 COMP_TYPE=9
        _clap_complete_nexus nexus --co Paint
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", asking]).current_dir(project.path());
    for (name, value) in command(project.path()).get_envs() {
        match value {
            Some(value) => bash.env(name, value),
            None => bash.env_remove(name),
        };
    }
    let ran = Ran::of(bash.output().unwrap(), &project).ok();
    assert_eq!((ran.stdout().as_str(), ran.stderr().as_str()), ("--color\n--coats\n", ""));
}

#[test]
fn every_command_has_a_manual_page() {
    let project = Project::empty();
    let told = project.nexus(&["man", "pages", "--format", "json"]).ok().json();
    let pages = std::fs::read_dir(project.path().join("pages")).unwrap().count();
    assert!(pages > 60 && told["pages"] == pages, "{told}");
    let page = std::fs::read_to_string(project.path().join("pages/nexus-run.1")).unwrap();
    assert!(page.contains(".SH NAME") && page.contains("\\-\\-idempotency\\-key"), "{page}");
}
