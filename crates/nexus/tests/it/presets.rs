//! Presets, on the real server: what they demand, what they switch on, and what cannot be with them.

use nexus::config::server::PresetName;
use nexus::preset::{ALWAYS, Preset, preset};
use serde_json::json;

use crate::support::{Project, Server, http, root, server_log};

const WORKFLOW: &str = "workflow Pay(amount: int) -> (int):\n    close complete(amount)\n";

const SAAS: &str =
    "[server]\npreset = \"saas\"\n[namespaces.default.quotas]\nrequests = \"600/min\"\nruns = 100\n";

const ENTERPRISE: &str = "[server]\npreset = \"enterprise\"\ntrusted_proxies = [\"10.0.0.0/8\"]\n\
    [auth.issuers.acme]\nissuer = \"https://id.acme.example\"\naudiences = [\"nexus\"]\n\
    [auth.roles.clerk]\npermissions = [\"workflow:Pay:execute\"]\n\
    [telemetry]\notlp_endpoint = \"http://127.0.0.1:9\"\n";

fn project(config: &str) -> Project {
    Project::with(&[("nexus.toml", config), ("workflows/pay.twf", WORKFLOW)])
}

async fn call(server: &Server, key: Option<&str>) -> reqwest::Response {
    let request = http().post(format!("{}/workflows/Pay/execute", server.url)).json(&json!({ "amount": 2 }));
    let request = key.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
    request.send().await.unwrap()
}

fn policy(answer: &reqwest::Response) -> String {
    answer.headers()["ratelimit-policy"].to_str().unwrap().to_owned()
}

#[test]
fn no_preset_starts_without_its_parts() {
    for (config, missing) in [
        (
            "[server]\npreset = \"standard\"\nhost = \"0.0.0.0\"\n",
            "sign-in beyond this machine, encryption beyond this machine, names",
        ),
        ("[server]\npreset = \"saas\"\n", "namespaces"),
        ("[server]\npreset = \"saas\"\n[namespaces.acme.quotas]\nruns = 5\n", "quotas of every namespace"),
        ("[server]\npreset = \"enterprise\"\n", "encryption, sign-in at an identity provider, roles, traces"),
    ] {
        let project = project(config);
        let ran = project.nexus(&["up", "--port", "0"]);
        ran.refused(2, "NX-1208", config);
        assert!(
            ran.stderr().contains(missing) && ran.stderr().contains("write into nexus.toml"),
            "{}",
            ran.stderr()
        );
        assert!(!project.path().join(".nexus/nexus.db").exists(), "nothing was opened");
    }
}

#[test]
fn neither_the_file_nor_a_flag_takes_away_what_a_preset_is() {
    for (config, flags, words) in [
        ("[server]\npreset = \"lightweight\"\n", &["--host", "0.0.0.0"][..], "server.host contradicts"),
        ("[server]\npreset = \"standard\"\n", &["--insecure"], "--insecure contradicts"),
        ("[server]\npreset = \"saas\"\n[auth]\nenabled = false\n", &[], "nexus.toml:4:1"),
        ("[server]\npreset = \"enterprise\"\n[audit]\nenabled = false\n", &[], "nexus.toml:4:1"),
    ] {
        let ran = project(config).nexus(&[&["up", "--port", "0"], flags].concat());
        ran.refused(2, words, config);
        assert!(ran.stderr().contains("NX-1209"), "{}", ran.stderr());
    }
    let beyond = ["up", "--port", "0", "--host", "0.0.0.0"];
    project(SAAS).nexus(&beyond).refused(2, "encryption beyond this machine", "a flag is what holds");
}

#[tokio::test]
async fn lightweight_is_small() {
    let project = project("[server]\npreset = \"lightweight\"\n[cache]\nmemory_mib = 8\n");
    let server = project.serve();
    assert_eq!(call(&server, None).await.status(), 200);
    let log = server_log(project.path());
    for line in [
        "preset lightweight",
        "server.requests_max = 1000  # preset lightweight",
        "cache.memory_mib = 8  # nexus.toml:4",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
}

#[tokio::test]
async fn standard_limits_whoever_comes() {
    let project = project("[server]\npreset = \"standard\"\n");
    let server = project.serve();
    let answer = call(&server, None).await;
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert!(policy(&answer).contains("\"principal\";q=600;w=60"), "{}", policy(&answer));
    let page = http().get(format!("{}/workflows", server.url)).header("origin", "https://evil.example");
    assert_eq!(page.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn saas_knows_its_callers_and_writes_down_what_they_do() {
    let project = project(&format!("{SAAS}[limits]\nprincipal = \"3/h\"\n"));
    let server = project.serve();
    assert_eq!(call(&server, None).await.status(), 401);
    let key = project.nexus(&["key", "create", "test", "--role", "caller"]).ok().stdout();
    let first = call(&server, Some(key.trim())).await;
    assert_eq!(first.status(), 200);
    for limit in ["\"principal\";q=3", "\"operation\";q=300", "\"namespace\";q=600"] {
        assert!(policy(&first).contains(limit), "{limit}: {}", policy(&first));
    }
    for status in [200, 200, 429] {
        assert_eq!(call(&server, Some(key.trim())).await.status(), status);
    }
    let lines = project.nexus(&["audit", "list", "--format", "json"]).ok().stdout();
    assert!(lines.contains("\"begin\"") && lines.contains("NX-2071"), "{lines}");
}

#[tokio::test]
async fn enterprise_keeps_inputs_as_evidence_and_cannot_be_weakened_by_a_reload() {
    let project = project(ENTERPRISE);
    let server = project.serve();
    assert_eq!(call(&server, None).await.status(), 401);
    let key = project.nexus(&["key", "create", "test", "--role", "clerk"]).ok().stdout();
    assert_eq!(call(&server, Some(key.trim())).await.status(), 200);
    let lines = project.nexus(&["audit", "list", "--format", "json"]).ok().stdout();
    assert!(lines.contains("\"amount\""), "{lines}");
    project.nexus(&["audit", "verify"]).ok();
    for (config, told) in [
        (format!("{ENTERPRISE}[audit]\non_failure = \"continue\"\n"), "NX-1209"),
        (ENTERPRISE.replace("[auth.roles.clerk]\npermissions = [\"workflow:Pay:execute\"]\n", ""), "NX-1208"),
    ] {
        project.write("nexus.toml", &config);
        while !server_log(project.path()).contains(told) {
            std::thread::yield_now();
        }
        assert_eq!(call(&server, Some(key.trim())).await.status(), 200, "what was served before goes on");
    }
}

/// The tables of the page are those of the program.
#[test]
fn the_page_of_presets_does_not_drift() {
    const BEGIN: &str = "<!-- presets -->\n";
    const END: &str = "<!-- end of presets -->";
    let path = root().join("docs/configuration.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (kept, after) = rest.split_once(END).unwrap();
    let made: String = PresetName::ALL.map(|name| section(preset(name))).concat();
    if std::env::var_os("NEXUS_UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{made}{END}{after}")).unwrap();
    } else {
        assert!(
            kept == made,
            "docs/configuration.md is out of date: run the tests with NEXUS_UPDATE_SCHEMAS=1"
        );
    }
    for what in ALWAYS {
        assert!(page.contains(what), "{what}");
    }
}

fn section(preset: &Preset) -> String {
    let mut lines = vec![format!("\n### `{}`\n\nFor {}.\n", preset.name.as_str(), preset.meant_for)];
    lines.push("| Key | Value | |\n| --- | --- | --- |".to_owned());
    lines.extend(preset.switches().map(|switch| {
        format!("| `{}` | `{}` | {} |", switch.key, switch.value, if switch.is_fixed { "fixed" } else { "" })
    }));
    let demands = preset.demands().map(|demand| format!("- demands **{}**: {}", demand.what, demand.why));
    let clashes = preset.clashes.iter().flat_map(|part| part.iter());
    let clashes = clashes.map(|clash| format!("- refuses some values of `{}`: {}", clash.key, clash.why));
    lines.push(String::new());
    lines.extend(demands.chain(clashes));
    lines.join("\n") + "\n"
}
