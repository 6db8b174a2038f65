//! What others try: with somebody's browser, with their login, or with what they have copied.

use super::*;

#[test]
fn nobody_finishes_a_login_that_another_browser_began() {
    let (signer, provider, _project, server) = world();
    let token = signer.token(&claims(&provider));
    let (mine, theirs) = (begin(&server, ""), begin(&server, ""));
    assert_ne!((&mine.asked["state"], &mine.cookie), (&theirs.asked["state"], &theirs.cookie));
    let finish = |path: &str, headers: &[(&str, &str)]| get(&server, path, headers);
    // An answer that was begun elsewhere, an answer without a cookie, and none at all.
    for (path, cookie) in [
        (back(&theirs, ""), Some(&mine.cookie)),
        (back(&mine, ""), None),
        (back(&mine, "").replace("state=", "state=x"), Some(&mine.cookie)),
        ("/login/callback?code=c-1".to_owned(), Some(&mine.cookie)),
        ("/login/callback".to_owned(), Some(&mine.cookie)),
    ] {
        let headers: Vec<_> = cookie.map(|cookie| ("cookie", cookie.as_str())).into_iter().collect();
        let answer = finish(&path, &headers);
        assert_eq!((answer.code().as_str(), answer.cookies().len()), ("NX-2096", 0), "{path}");
    }
    let twice = format!("{}; {}", mine.cookie, theirs.cookie);
    assert_eq!(
        finish(&back(&mine, ""), &[("cookie", &twice)]).code(),
        "NX-2096",
        "a cookie that was slipped in"
    );
    assert!(provider.desk.lock().unwrap().posted.is_empty(), "no code was given to the provider");
    // None of that has harmed the login that is meant. It is finished once.
    provider.desk.lock().unwrap().answers.push_back((200, granted(&token, None)));
    assert_eq!(finish(&back(&mine, ""), &[("cookie", &mine.cookie)]).status, 303);
    assert_eq!(finish(&back(&mine, ""), &[("cookie", &mine.cookie)]).code(), "NX-2096", "a second time");
    // An answer of another provider is none, nor is a refusal, and neither can be repeated with a code.
    for extra in ["&iss=https://evil.example", "&error=access_denied"] {
        let begun = begin(&server, "");
        let answer = finish(&back(&begun, extra), &[("cookie", &begun.cookie)]);
        assert_eq!((answer.code().as_str(), answer.cookies().len()), ("NX-2096", 0), "{extra}");
        assert_eq!(
            finish(&back(&begun, ""), &[("cookie", &begun.cookie)]).code(),
            "NX-2096",
            "{extra}, again"
        );
    }
    assert_eq!(provider.desk.lock().unwrap().posted.len(), 1);
}

#[test]
fn a_token_that_would_not_be_good_by_itself_makes_no_login() {
    let (signer, provider, _project, server) = world();
    let good = claims(&provider);
    let other_login =
        signer.token(&json!({ "iss": provider.url, "aud": "cli", "nonce": "another", "sub": "ann" }));
    for (what, answer) in [
        ("for another server", granted(&signer.token(&with(good.clone(), "aud", json!("other"))), None)),
        ("expired", granted(&signer.token(&with(good.clone(), "exp", json!(at(-1)))), None)),
        ("of a stranger's key", granted(&Signer::new("k1").token(&good), None)),
        ("of another kind", with(granted(&signer.token(&good), None), "token_type", json!("mac"))),
        (
            "with an id token of another login",
            with(granted(&signer.token(&good), None), "id_token", json!(other_login)),
        ),
        ("none", json!({ "error": "invalid_grant" })),
    ] {
        let begun = begin(&server, "");
        provider.desk.lock().unwrap().answers.push_back((200, answer));
        let answer = get(&server, &back(&begun, ""), &[("cookie", &begun.cookie)]);
        assert_eq!((answer.code().as_str(), answer.cookies().len()), ("NX-2096", 0), "{what}");
    }
}

#[test]
fn a_cookie_that_somebody_chose_is_never_anybodys_login() {
    let (signer, provider, _project, server) = world();
    let token = signer.token(&claims(&provider));
    let planted = "nexus=chosen-by-somebody-else-chosen-by-somebody";
    let begun = begin(&server, "");
    provider.desk.lock().unwrap().answers.push_back((200, granted(&token, None)));
    let cookies = format!("{}; {planted}", begun.cookie);
    let answer = get(&server, &back(&begun, ""), &[("cookie", &cookies)]);
    let mine = answer.cookie(COOKIE);
    assert_ne!(mine, planted);
    assert_eq!(
        (whoami(&server, planted).as_str(), whoami(&server, &mine).as_str()),
        ("NX-2014", "token:acme:ann")
    );
    // Two of them: nobody knows which is ours.
    assert_eq!(whoami(&server, &format!("{planted}; {mine}")), "NX-2014");
    assert_eq!(
        whoami(&server, &format!("__Host-{mine}")),
        "NX-2014",
        "the name for https is not looked at here"
    );
    // Who logs in again has another one, and the one before is over.
    let begun = begin(&server, "");
    provider.desk.lock().unwrap().answers.push_back((200, granted(&token, None)));
    let answer = get(&server, &back(&begun, ""), &[("cookie", &format!("{}; {mine}", begun.cookie))]);
    let next = answer.cookie(COOKIE);
    assert_ne!(next, mine);
    assert_eq!(
        (whoami(&server, &mine).as_str(), whoami(&server, &next).as_str()),
        ("NX-2014", "token:acme:ann")
    );
}

#[test]
fn a_login_leads_to_no_other_server() {
    let (_, provider, _project, server) = world();
    for wanted in [
        "https://evil.example",
        "//evil.example",
        "/%2Fevil.example",
        "%2F%2Fevil.example",
        "/%5Cevil.example",
        "%5C%5Cevil.example",
        "/%09/evil.example",
        "/a%0d%0aset-cookie:%20a=b",
        "javascript:alert(1)",
        "evil.example",
        "",
    ] {
        let answer = get(&server, &format!("/login?return={wanted}"), &[]);
        assert_eq!((answer.code().as_str(), answer.cookies().len()), ("NX-2004", 0), "{wanted}");
    }
    assert_eq!(get(&server, "/login?return=/a&return=//evil.example", &[]).code(), "NX-2004");
    assert!(begin(&server, "").asked["redirect_uri"].starts_with(&server.url));
    assert!(provider.desk.lock().unwrap().posted.is_empty());
}

/// What a browser says of a request that a page of another site makes, or that nothing is said of.
const ELSEWHERE: [&[(&str, &str)]; 5] = [
    &[],
    &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")],
    &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
    &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")],
    &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")],
];

/// What a page of another site must not bring about, as a method, a path and a body.
const DOORS: [(&str, &str, &str); 9] = [
    ("POST", "/workflows/Double/execute", "{\"n\":4}"),
    ("POST", "/api/workflows/Double/execute", "{\"n\":4}"),
    ("POST", "/v1/workflows/Double/runs", "{\"n\":4}"),
    ("POST", "/v1/operations/run.list", "{}"),
    ("DELETE", "/v1/sessions/x", ""),
    ("POST", "/mcp", PING),
    ("GET", "/mcp", ""),
    ("GET", "/ws", ""),
    ("POST", "/logout", ""),
];

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

const UPGRADE: [(&str, &str); 4] = [
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

const PANEL: &str = "https://panel.example";

/// Doors that let a request in that says this of where it comes from.
fn open_doors(server: &Server, cookie: &str, said: &[(&str, &str)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (method, path, body) in DOORS {
        let mut headers = [said, &[("cookie", cookie), ("accept", "application/json")]].concat();
        if path == "/ws" {
            headers.extend(UPGRADE);
        }
        let answer = send(server, method, path, &headers, body);
        let is_told = answer.body.contains("NX-2095") && answer.status == 403;
        if !is_told || answer.header("access-control-allow-credentials").is_some() {
            wrong.push(format!("{method} {path} {said:?}: {} {}", answer.status, answer.body));
        }
    }
    wrong
}

/// A link may lead somebody to look. Nothing that a link leads to is carried out. What is otherwise.
fn wrong_looks(server: &Server, cookie: &str, said: &[(&str, &str)]) -> Vec<String> {
    let mut wrong = Vec::new();
    let headers = [said, &[("cookie", cookie)]].concat();
    let is_page =
        said.iter().all(|(_, value)| !matches!(*value, "no-cors" | "cors" | "https://panel.example"));
    let answer = get(server, "/double/4", &headers);
    if answer.code() != if is_page { "NX-2095" } else { "NX-2014" } {
        wrong.push(format!("GET /double/4 {said:?}: {} {}", answer.status, answer.body));
    }
    let expected = if is_page { 200 } else { 401 };
    let answer = get(server, "/v1/runs", &headers);
    if answer.status != expected || answer.header("access-control-allow-credentials").is_some() {
        wrong.push(format!("GET /v1/runs {said:?}: {}", answer.status));
    }
    wrong
}

#[test]
fn a_page_of_another_site_can_do_nothing_with_the_cookie() {
    let signer = Signer::new("k1");
    let provider = Provider::start(&[&signer]);
    let project = project(&provider);
    let own_path = "[workflows.\"shop/Double\"]\nhttp = [\"GET /double/{n}\"]\n";
    project.write(
        "nexus.toml",
        &format!("[server]\nallowed_origins = [\"{PANEL}\"]\n{own_path}{}", config(&provider)),
    );
    let server = project.serve();
    let cookie = log_in(&server, &provider, granted(&signer.token(&claims(&provider)), None));
    let foreign: [&[(&str, &str)]; 2] = [
        &[("origin", PANEL), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")],
        &[("origin", PANEL)],
    ];
    let said = ELSEWHERE.iter().chain(&foreign);
    let wrong: Vec<String> = said
        .flat_map(|said| [open_doors(&server, &cookie, said), wrong_looks(&server, &cookie, said)].concat())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Another page of this machine is kept out before that.
    let other =
        [("cookie", cookie.as_str()), ("origin", "http://127.0.0.1:1"), ("sec-fetch-site", "same-site")];
    assert_eq!(send(&server, "POST", "/logout", &other, "").status, 403);
    let preflight =
        [("origin", PANEL), ("access-control-request-method", "POST"), ("cookie", cookie.as_str())];
    assert!(
        send(&server, "OPTIONS", "/v1/runs", &preflight, "")
            .header("access-control-allow-credentials")
            .is_none()
    );
    let runs = project.nexus(&["run", "count", "--format", "json"]).ok().json();
    assert_eq!(runs["count"], json!(0), "nothing was started");
    assert_eq!(whoami(&server, &cookie), "token:acme:ann", "and nobody was logged out");
    let told = project.nexus(&["audit", "list", "--format", "json", "--limit", "1000"]).ok().stdout();
    assert!(told.contains("NX-2095"), "{told}");
    // The same from a page of the server itself.
    let own = [("cookie", cookie.as_str()), ("origin", server.url.as_str())];
    assert_eq!(get(&server, "/double/4", &own).body, "8");
    assert_eq!(
        send(
            &server,
            "POST",
            "/mcp",
            &[&own[..], &[("accept", "application/json, text/event-stream")]].concat(),
            PING
        )
        .status,
        200
    );
}
