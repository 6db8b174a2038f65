//! `nexus login` against an identity provider and a server, both on the loopback.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};

use super::provider::{Provider, Signer, fields};
use super::{at, claims, config, project, with};
use crate::support::{Project, command};

/// What the token endpoint gives.
fn granted(token: &str, seconds: i64) -> Json {
    json!({ "access_token": token, "token_type": "Bearer", "expires_in": seconds, "refresh_token": format!("r-{seconds}") })
}

fn whoami(home: &Project) -> Json {
    home.nexus(&["auth", "whoami", "--format", "json"]).ok().json()
}

#[test]
fn a_code_is_typed_on_another_device_and_the_token_is_renewed_when_it_ends() {
    let signer = Signer::new("k1");
    let provider = Provider::start(&[&signer]);
    let served = project(&provider);
    let server = served.serve();
    let home = Project::with(&[("note.txt", "")]);
    let token = |name: &str| signer.token(&with(claims(&provider), "sub", json!(name)));
    provider.desk.lock().unwrap().answers.extend([
        (200, json!({ "device_code": "d-1", "user_code": "WDJB-MJHT", "verification_uri": "https://id/device", "interval": 0 })),
        (400, json!({ "error": "authorization_pending" })),
        (200, granted(&token("ann"), 0)),
    ]);
    let ran = home.nexus(&["login", "shop", "--url", &server.url, "--device"]).ok();
    assert!(
        ran.stderr().contains("open https://id/device on any device and type the code WDJB-MJHT"),
        "{}",
        ran.stderr()
    );
    let posted = std::mem::take(&mut provider.desk.lock().unwrap().posted);
    assert_eq!(
        posted.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
        ["/device", "/token", "/token"]
    );
    assert_eq!(
        (posted[0].1["resource"].as_str(), posted[0].1["client_id"].as_str()),
        (server.url.as_str(), "cli")
    );
    // It ended as soon as it was given, so the next command begins by getting another.
    provider.desk.lock().unwrap().answers.push_back((200, granted(&token("bob"), 3_600)));
    assert_eq!(whoami(&home)["caller"], "token:acme:bob");
    let posted = std::mem::take(&mut provider.desk.lock().unwrap().posted);
    assert_eq!((posted.len(), posted[0].1["refresh_token"].as_str()), (1, "r-0"));
    assert_eq!(whoami(&home)["caller"], "token:acme:bob", "which is kept");
    assert!(provider.desk.lock().unwrap().posted.is_empty());
    let shown = home.nexus(&["profile", "show", "shop"]).ok();
    assert!(shown.stdout().contains("logged in") && !shown.stdout().contains("eyJ"), "{}", shown.stdout());
    home.nexus(&["logout", "shop"]).ok();
    home.nexus(&["auth", "whoami"]).refused(3, "NX-2014", "without the token");
}

#[test]
fn a_login_that_the_provider_ends_is_told_of() {
    let signer = Signer::new("k1");
    let provider = Provider::start(&[&signer]);
    let served = project(&provider);
    let server = served.serve();
    let home = Project::with(&[("note.txt", "")]);
    let begun = json!({ "device_code": "d", "user_code": "u", "verification_uri": "https://id/device", "interval": 0 });
    for (answer, words) in [
        ("access_denied", "the login was refused"),
        ("expired_token", "the code has expired"),
        ("invalid_client", "does not go on with this login"),
    ] {
        provider
            .desk
            .lock()
            .unwrap()
            .answers
            .extend([(200, begun.clone()), (400, json!({ "error": answer }))]);
        home.nexus(&["login", "shop", "--url", &server.url, "--device"]).refused(3, words, answer);
    }
    provider
        .desk
        .lock()
        .unwrap()
        .answers
        .extend([(200, begun), (200, granted(&signer.token(&claims(&provider)), 0))]);
    home.nexus(&["login", "shop", "--url", &server.url, "--device"]).ok();
    provider.desk.lock().unwrap().answers.push_back((400, json!({ "error": "invalid_grant" })));
    home.nexus(&["run", "list"]).refused(3, "the login of the profile shop has ended", "a refused renewal");
}

#[test]
fn a_browser_brings_the_code_back_to_this_machine() {
    let signer = Signer::new("k1");
    let provider = Provider::start(&[&signer]);
    let served = project(&provider);
    let server = served.serve();
    let home = Project::with(&[("note.txt", "")]);
    let mut process = command(home.path())
        .args(["login", "shop", "--url", &server.url])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
    let page = lines.find(|line| line.starts_with(&provider.url)).unwrap();
    let asked = fields(page.split_once('?').unwrap().1);
    assert_eq!((asked["response_type"].as_str(), asked["code_challenge_method"].as_str()), ("code", "S256"));
    provider.desk.lock().unwrap().answers.push_back((200, granted(&signer.token(&claims(&provider)), 600)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let visit = |query: &str| {
        let url = format!("{}?{query}", asked["redirect_uri"]);
        runtime.block_on(async { crate::support::http().get(url).send().await.unwrap().status().as_u16() })
    };
    assert_eq!(visit("code=stolen&state=somebody-elses"), 404, "an answer to another question");
    assert_eq!(visit(&format!("code=c-1&state={}", asked["state"])), 200);
    assert!(process.wait().unwrap().success());
    let posted = std::mem::take(&mut provider.desk.lock().unwrap().posted);
    let form = &posted[0].1;
    assert_eq!(
        (posted.len(), form["code"].as_str(), &form["redirect_uri"]),
        (1, "c-1", &asked["redirect_uri"])
    );
    let digest = ring::digest::digest(&ring::digest::SHA256, form["code_verifier"].as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(digest), asked["code_challenge"]);
    assert_eq!(whoami(&home)["caller"], "token:acme:ann");
    assert!(at(0) > 0);
}

#[test]
fn a_server_that_says_it_is_another_gets_no_token() {
    let signer = Signer::new("k1");
    let provider = Provider::start(&[&signer]);
    let text = format!("[server]\nurl = \"https://nexus.example.com\"\n{}", config(&provider.url));
    let served = project(&provider);
    served.write("nexus.toml", &text);
    let server = served.serve();
    let home = Project::with(&[("note.txt", "")]);
    let ran = home.nexus(&["login", "shop", "--url", &server.url, "--device"]);
    ran.refused(3, "says that it is \"https://nexus.example.com\"", "another resource");
    assert!(provider.desk.lock().unwrap().posted.is_empty(), "nothing was asked for");
}
