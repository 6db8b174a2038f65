//! Bad input, through the real binary: one clear message with a place, a code and a suggestion, the right exit code,
//! and nothing half done.

use serde_json::{Value as Json, json};

use crate::support::{Project, http};

const WORKFLOW: &str = "\
workflow Hello(name: string) -> (string):
    activity Greet(name) -> text
    close complete(text)

activity Greet(name: string) -> (string):
    ...
";

const ACTIVITY: &str = "export async function Greet(name, ctx) { return `Hello, ${name}!`; }\n";

fn hello() -> Project {
    Project::with(&[("workflows/hello.twf", WORKFLOW), ("activities/hello.js", ACTIVITY)])
}

/// Asserts that every one of these words is in the text.
fn holds(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is missing in:\n{text}");
    }
}

#[test]
fn a_good_project_runs_without_a_server() {
    let project = hello();
    let ran = project.nexus(&["run", "Hello", "--input", "name=Ada"]).ok();
    assert_eq!(ran.stdout().trim(), "\"Hello, Ada!\"");
    let listed = project.nexus(&["run", "list", "--format", "json"]).ok().json();
    assert_eq!(listed["runs"][0]["status"], "completed");
}

#[test]
fn a_syntax_error_has_its_line() {
    let project = hello();
    project.write("workflows/hello.twf", &WORKFLOW.replace("close complete(text)", "close complete(text"));
    for args in [&["check"][..], &["run", "Hello", "--input", "name=x"], &["up", "--port", "0"]] {
        let ran = project.nexus(args);
        assert_eq!(ran.code(), 2, "{args:?}: {}", ran.stderr());
        holds(&ran.stderr(), &["workflows/hello.twf:3:", "LEX", "error[NX-1001]"]);
    }
    assert!(!project.path().join(".nexus/server.json").exists());
}

#[test]
fn findings_are_shown_where_github_reads_them() {
    let project = hello();
    project
        .write("workflows/hello.twf", &WORKFLOW.replace("activity Greet(name) ->", "activity Gret(name) ->"));
    let ran = project.nexus(&["check", "--format", "github"]);
    assert_eq!(ran.code(), 2);
    let head =
        "::error file=workflows/hello.twf,line=2,endLine=2,col=14,endColumn=18,title=UNDEFINED_ACTIVITY::";
    assert!(ran.stdout().lines().any(|line| line.starts_with(head)), "{}", ran.stdout());
    let refused = project.nexus(&["workflow", "list", "--format", "github"]);
    assert_eq!(refused.code(), 2);
    holds(&refused.stderr(), &["NX-2004", "no such format"]);
}

#[test]
fn findings_are_explained_and_silenced() {
    let project = hello();
    for code in ["UNDEFINED_ACTIVITY", "unbound_activity"] {
        holds(&project.nexus(&["explain", code]).ok().stdout(), &["## What to do", "```"]);
    }
    let listed = project.nexus(&["explain"]).ok().stdout();
    holds(&listed, &["NX-1001", "UNDEFINED_ACTIVITY", "UNUSED_IGNORE"]);
    let unbound = format!("{WORKFLOW}activity Later():\n    ...\n");
    project.write("workflows/hello.twf", &unbound);
    holds(&project.nexus(&["check"]).ok().stderr(), &["UNBOUND_ACTIVITY"]);
    let silenced = unbound.replace("activity Later", "# twf:lint-ignore UNBOUND_ACTIVITY\nactivity Later");
    project.write("workflows/hello.twf", &silenced);
    assert!(!project.nexus(&["check", "--info"]).ok().stderr().contains("UN"));
}

#[test]
fn an_unknown_activity_is_found_and_the_right_one_suggested() {
    let project = hello();
    project
        .write("workflows/hello.twf", &WORKFLOW.replace("activity Greet(name) ->", "activity Gret(name) ->"));
    let ran = project.nexus(&["check"]);
    assert_eq!(ran.code(), 2);
    holds(&ran.stderr(), &["UNDEFINED_ACTIVITY", "workflows/hello.twf:2:14", "Greet"]);
}

#[test]
fn an_activity_without_a_function_is_refused_before_anything_starts() {
    let project = Project::with(&[("workflows/hello.twf", WORKFLOW)]);
    let ran = project.nexus(&["run", "Hello", "--input", "name=x"]);
    assert_eq!(ran.code(), 2);
    holds(&ran.stderr(), &["NX-1101", "Greet", "workflows/hello.twf:5:"]);
    assert_eq!(project.nexus(&["run", "list", "--format", "json"]).ok().json()["runs"], json!([]));
}

#[test]
fn a_script_that_cannot_be_read_has_its_line() {
    let project = hello();
    project.write("activities/hello.js", "export async function Greet(name) {\n  return name +;\n}\n");
    let ran = project.nexus(&["check"]);
    assert_eq!(ran.code(), 2);
    holds(&ran.stderr(), &["activities/hello.js:2:", "error"]);
}

#[test]
fn a_script_that_throws_fails_the_run_with_its_line() {
    let project = hello();
    project.write(
        "activities/hello.js",
        "export async function Greet(name) {\n  const e = new Error('no ' + name);\n  e.nonRetryable = true;\n  throw e;\n}\n",
    );
    let ran = project.nexus(&["run", "Hello", "--input", "name=luck"]);
    assert_eq!(ran.code(), 1, "{}", ran.stderr());
    holds(&ran.stderr(), &["NX-3001", "no luck", "activities/hello.js:2"]);
}

#[test]
fn missing_and_mistyped_fields_are_named() {
    let project = hello();
    let ran = project.nexus(&["run", "Hello"]);
    assert_eq!(ran.code(), 2);
    holds(&ran.stderr(), &["NX-2001", "name"]);
    let ran = project.nexus(&["run", "Hello", "--json", r#"{"name": 7}"#]);
    assert_eq!(ran.code(), 2);
    holds(&ran.stderr(), &["NX-2001", "/name", "string"]);
    let ran = project.nexus(&["run", "Hello", "--json", r#"{"nam": "x", "name": "y"}"#]);
    assert_eq!(ran.code(), 2);
    holds(&ran.stderr(), &["NX-2001", "nam", "did you mean"]);
    let ran = project.nexus(&["run", "Hello", "--json", "{\"name\": \n"]);
    assert_eq!(ran.code(), 2);
    holds(&ran.stderr(), &["--json:2:"]);
    assert_eq!(project.nexus(&["run", "list", "--format", "json"]).ok().json()["runs"], json!([]));
}

#[test]
fn unknown_names_get_a_suggestion_and_their_exit_code() {
    let project = hello();
    let ran = project.nexus(&["run", "Helo", "--input", "name=x"]);
    assert_eq!(ran.code(), 4);
    holds(&ran.stderr(), &["NX-2002", "did you mean \"Hello\"?"]);
    let ran = project.nexus(&["run", "show", "run_00000000000000000000000000"]);
    assert_eq!(ran.code(), 4);
    holds(&ran.stderr(), &["NX-2003"]);
    let ran = project.nexus(&["explain", "NX-0001"]);
    assert_eq!(ran.code(), 4);
    let ran = Project::empty().nexus(&["check"]);
    assert_eq!(ran.code(), 4);
    holds(&ran.stderr(), &["NX-1004", "nexus new"]);
    let ran = project.nexus(&["chekc"]);
    assert_eq!(ran.code(), 2);
    let ran = project.nexus(&["workflow", "list", "--server", "http://127.0.0.1:9"]);
    assert_eq!(ran.code(), 5);
    holds(&ran.stderr(), &["NX-4005"]);
}

#[test]
fn a_mistyped_configuration_key_has_its_line() {
    let project = hello();
    project.write("nexus.toml", "[server]\nprot = 9\n");
    let ran = project.nexus(&["up"]);
    assert_eq!(ran.code(), 2);
    holds(&ran.stderr(), &["NX-1003", "nexus.toml:2:1", "did you mean `port`?"]);
}

#[test]
fn a_port_in_use_is_named() {
    let project = hello();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = project.nexus(&["up", "--port", &port]);
    assert_eq!(ran.code(), 5, "{}", ran.stderr());
    holds(&ran.stderr(), &["NX-4001", &port, "--port"]);
}

#[test]
fn an_open_address_is_refused_without_protection() {
    let ran = hello().nexus(&["up", "--port", "0", "--host", "0.0.0.0"]);
    assert_eq!(ran.code(), 2, "{}", ran.stderr());
    holds(&ran.stderr(), &["NX-4006", "--insecure"]);
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let project = hello();
    let server = project.serve();
    let ran = project.nexus(&["up", "--port", "0"]);
    assert_eq!(ran.code(), 5, "{}", ran.stderr());
    holds(&ran.stderr(), &["NX-4002"]);
    // The first one is untouched.
    let ran = project.nexus(&["run", "Hello", "--input", "name=Ada", "--server", &server.url]).ok();
    assert_eq!(ran.stdout().trim(), "\"Hello, Ada!\"");
}

#[test]
fn a_damaged_data_folder_is_refused_and_left_alone() {
    let project = hello();
    project.nexus(&["run", "Hello", "--input", "name=Ada"]).ok();
    let file = project.path().join(".nexus/nexus.db");
    std::fs::write(&file, "this is not a database, it is a note about one that was here").unwrap();
    let ran = project.nexus(&["run", "list"]);
    assert_eq!(ran.code(), 5, "{}", ran.stderr());
    holds(&ran.stderr(), &["NX-4003", "nexus.db"]);
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("this is not"), "the file was changed");
}

#[test]
fn a_folder_with_files_is_not_made_a_project() {
    let project = hello();
    let ran = project.nexus(&["new", "."]);
    assert_eq!(ran.code(), 2);
    holds(&ran.stderr(), &["NX-1005"]);
    let ran = project.nexus(&["new", "fresh"]).ok();
    holds(&ran.stderr(), &["nexus up fresh"]);
    let ran = project.nexus(&["run", "Greet", "--project", "fresh", "--input", "name=Ada"]).ok();
    assert_eq!(ran.json()["text"], "Hello, Ada!");
}

#[tokio::test]
async fn the_same_over_http() {
    let project = hello();
    let server = project.serve();
    let url = format!("{}/workflows/Hello/execute", server.url);
    let post = |url: String, body: String| {
        http().post(url).header("content-type", "application/json").body(body).send()
    };
    for (body, status, code) in [
        ("{\"inputs\": {}}", 422, "NX-2001"),
        ("{\"inputs\": {\"name\": 7}}", 422, "NX-2001"),
        ("{\"inputs\": ", 400, "NX-2004"),
    ] {
        let response = post(url.clone(), body.to_owned()).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{body}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem: Json = response.json().await.unwrap();
        assert_eq!(problem["code"], code, "{problem}");
        assert!(problem["request_id"].is_string());
    }
    let response = post(format!("{}/workflows/Helo/execute", server.url), "{}".to_owned()).await.unwrap();
    assert_eq!(response.status().as_u16(), 404);
}

#[tokio::test]
async fn files_are_reloaded_while_serving_and_errors_keep_what_was_served() {
    let project = hello();
    let server = project.serve();
    let greet = || async {
        let ran = project.nexus(&["run", "Hello", "--input", "name=Ada", "--server", &server.url]);
        ran.ok().stdout().trim().to_owned()
    };
    assert_eq!(greet().await, "\"Hello, Ada!\"");
    project.write("workflows/hello.twf", "workflow Hello(");
    project.write("activities/hello.js", &ACTIVITY.replace("Hello", "Servus"));
    wait_for_log(&project, "serving what was served before");
    assert_eq!(greet().await, "\"Hello, Ada!\"");
    project.write("workflows/hello.twf", WORKFLOW);
    wait_for_log(&project, "reloaded");
    assert_eq!(greet().await, "\"Servus, Ada!\"");
}

/// Waits for the server to write a line, which it does twice a second at the latest.
fn wait_for_log(project: &Project, line: &str) {
    while !crate::support::server_log(project.path()).contains(line) {
        std::thread::yield_now();
    }
}
