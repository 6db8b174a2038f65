//! `nexus config` of the real binary.

use serde_json::json;

use crate::support::Project;

const WORKFLOW: &str = "workflow Pay(amount: int) -> (int):\n    close complete(amount)\n";

fn project(config: &str) -> Project {
    Project::with(&[("nexus.toml", config), ("workflows/pay.twf", WORKFLOW)])
}

#[test]
fn every_error_is_told_at_once_with_its_line() {
    let text = "[server]\nprot = 1\nport = \"x\"\n[limits]\nprincipal = 5\n[srver]\n";
    let ran = project(text).nexus(&["config", "check"]);
    ran.refused(2, "4 errors", text);
    for told in
        ["did you mean `port`?", "nexus.toml:2:1", "nexus.toml:3:8", "nexus.toml:5:13", "nexus.toml:6:2"]
    {
        assert!(ran.stderr().contains(told), "{told}: {}", ran.stderr());
    }
    let text = "[audit]\nretention = \"1h\"\n\n[secrets.a]\n";
    let found = project(text).nexus(&["config", "check", "--format", "json"]).json();
    let at: Vec<&str> =
        found["findings"].as_array().unwrap().iter().map(|it| it["at"].as_str().unwrap()).collect();
    assert_eq!((&found["errors"], at), (&json!(2), vec!["nexus.toml:4:10", "nexus.toml:2:1"]));
}

#[test]
fn what_is_around_the_file_is_looked_at_as_well() {
    for (text, words) in [
        ("[server.tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"\n", "a.pem cannot be read"),
        (
            "[auth]\nenabled = true\n[secrets.s]\nenv = \"NO_SUCH_VARIABLE\"\n[auth.issuers.a]\nissuer = \"https://a.example\"\n\
             audiences = [\"b\"]\nsecret = \"s\"\n",
            "NO_SUCH_VARIABLE",
        ),
        ("[workflows.Pya.breaker]\nfailures = 3\n", "there is no workflow \"Pya\""),
        ("[workflows.Pay.cache]\nttl = \"1m\"\nkey = [\"/amuont\"]\n", "amuont"),
        ("[[on]]\nevent = \"a\"\nworkflow = \"Pay\"\ninput = { amuont = 1 }\n", "amuont"),
        ("[server]\npreset = \"enterprise\"\n", "NX-1208"),
    ] {
        project(text).nexus(&["config", "check"]).refused(2, words, text);
        assert!(!project(text).path().join(".nexus").exists(), "nothing is opened");
    }
}

#[test]
fn what_is_doubtful_is_a_warning() {
    let text = "[server]\nhost = \"0.0.0.0\"\n[limits.operations.Pya]\nconcurrent = 5\n[secrets.a]\nenv = \"NO_SUCH_VARIABLE\"\n";
    let ran = project(text).nexus(&["config", "check"]).ok();
    assert_eq!(ran.stdout(), "nexus.toml: no errors, 4 warnings\n");
    for told in [
        "nothing is authenticated",
        "travel in the open",
        "no operation \"Pya\"",
        "NO_SUCH_VARIABLE",
        "nexus.toml:3:20",
    ] {
        assert!(ran.stderr().contains(told), "{told}: {}", ran.stderr());
    }
    let ran = project("[server]\nport = 9\n").nexus(&["config", "check"]).ok();
    assert_eq!((ran.stdout().as_str(), ran.stderr().as_str()), ("nexus.toml: no errors, 0 warnings\n", ""));
}

#[test]
fn a_file_elsewhere_is_checked_from_its_folder() {
    let project = project("");
    project.write("deploy/prod.toml", "[http]\nca_file = \"ca.pem\"\n");
    let ran = project.nexus(&["config", "check", "deploy/prod.toml"]);
    ran.refused(2, "ca.pem", "a file that is not there");
    project.nexus(&["config", "check", "nowhere.toml"]).refused(4, "NX-1004", "no such file");
}

/// What is printed is taken again, and means the same.
#[test]
fn what_is_printed_means_the_same() {
    let text = "[server]\npreset = \"saas\"\nport = 9\n[project]\nname = \"pay\"\n[limits]\nfailed_auth = { rate = \"9/s\", burst = 2 }\n\
                [namespaces.acme.quotas]\nrequests = \"9/min\"\nruns = 7\n[auth.roles.\"a b\"]\npermissions = [\"event:read\"]\n\
                [workflows.Pay]\nhttp = [\"POST /pay\"]\nfields.amount = { minimum = 1 }\n\
                [[workflows.Pay.examples]]\ninput = { amount = 2 }\n[[on]]\nevent = \"a\"\nworkflow = \"Pay\"\n";
    let first = project(text);
    let printed = first.nexus(&["config", "print"]).ok().stdout();
    for line in [
        "port = 9  # nexus.toml:3",
        "enabled = true  # preset saas",
        "host = \"127.0.0.1\"  # default",
        "runs = 7  # nexus.toml:10",
    ] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
    let again = project(&printed);
    again.nexus(&["config", "check"]).ok();
    let data = |project: &Project| project.nexus(&["config", "print", "--format", "json"]).ok().json();
    let (one, other) = (data(&first), data(&again));
    assert_eq!(one["config"], other["config"]);
    assert_eq!(one["from"]["server.port"], json!("nexus.toml:3"));
    assert_eq!(one["from"]["auth.enabled"], json!("preset saas"));
    assert_eq!(one["from"]["auth.roles.\"a b\".permissions"], json!("nexus.toml:12"));
}

#[test]
fn no_secret_is_printed() {
    let text = "[activities.A]\nbinding = \"http\"\nurl = \"https://ada:sesame@a.example/?key=sesame\"\n\
                headers = { authorization = \"Bearer sesame\", key = \"${PATH}\" }\n\
                [activities.B]\nbinding = \"process\"\ncommand = [\"cat\"]\nenvironment = { KEY = \"sesame\" }\n\
                [secrets.s]\nenv = \"KEY\"\n[webhooks.c]\nurl = \"https://c.example/?sesame\"\nsecret = \"s\"\n\
                headers = { key = \"sesame\" }\n[telemetry]\notlp_endpoint = \"https://sesame@d.example\"\n";
    let project = project(text);
    for format in ["table", "json", "yaml"] {
        let ran = project.nexus(&["config", "print", "--format", format]).ok();
        let told = format!("{}{}", ran.stdout(), ran.stderr());
        assert!(!told.contains("sesame") && told.contains("${PATH}"), "{told}");
    }
}
