//! The ways that are meant: in, around, out, and over a restart.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Message, connect};

use super::*;
use crate::https::service::Authority;

#[expect(
    clippy::cognitive_complexity,
    reason = "assertions in a row count as branches, and are read in a row"
)]
#[test]
fn somebody_logs_in_with_a_browser_calls_and_logs_out() {
    let (signer, provider, project, server) = world();
    let begun = begin(&server, "?return=%2Fdocs%3Fa%3D1%23shop");
    let asked = |name: &str| begun.asked[name].as_str();
    assert_eq!((asked("response_type"), asked("client_id")), ("code", "cli"));
    assert_eq!(asked("redirect_uri"), format!("{}/login/callback", server.url));
    assert_eq!((asked("resource"), asked("audience")), (server.url.as_str(), server.url.as_str()));
    assert_eq!((asked("code_challenge_method"), asked("scope")), ("S256", "openid profile offline_access"));
    let token = signer.token(&claims(&provider));
    let id_token =
        signer.token(&json!({ "iss": provider.url, "aud": "cli", "nonce": asked("nonce"), "sub": "ann" }));
    let answer = with(granted(&token, None), "id_token", json!(id_token));
    provider.desk.lock().unwrap().answers.push_back((200, answer));
    let issuer = format!("&iss={}", provider.url);
    let answer = get(&server, &back(&begun, &issuer), &[("cookie", &begun.cookie)]);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/docs?a=1#shop")), "{}", answer.body);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let line = *answer.cookies().iter().find(|line| line.starts_with(COOKIE)).unwrap();
    assert!(line.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax"), "{line}");
    assert!(answer.cookies().iter().any(|line| line.starts_with("nexus-login=; Path=/; Max-Age=0")));
    let (path, form) = std::mem::take(&mut provider.desk.lock().unwrap().posted).remove(0);
    assert_eq!(
        (path.as_str(), form["code"].as_str(), form["redirect_uri"].as_str()),
        ("/token", "c-1", asked("redirect_uri"))
    );
    let digest = ring::digest::digest(&ring::digest::SHA256, form["code_verifier"].as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(digest), asked("code_challenge"));

    let cookie = answer.cookie(COOKIE);
    assert_eq!(whoami(&server, &cookie), "token:acme:ann");
    let headers = [&[("cookie", cookie.as_str())][..], &OWN_PAGE].concat();
    let run = send(&server, "POST", "/v1/workflows/Double/runs?wait=20s", &headers, "{\"n\":4}");
    assert_eq!(run.json()["output"], json!(8), "{}", run.body);
    let elsewhere = send(&server, "POST", "/v1/workflows/bank.Double/runs", &headers, "{\"n\":4}");
    assert_eq!(elsewhere.code(), "NX-2002", "what its token may not is not there");
    assert_eq!(get(&server, "/v1/runs", &[("cookie", &cookie), ("sec-fetch-site", "none")]).status, 200);
    let lines = project.nexus(&["audit", "list", "--format", "json"]).ok().stdout();
    assert!(lines.contains("\"login\"") && lines.contains("token:acme:ann"), "{lines}");

    let answer = send(&server, "POST", "/logout", &headers, "");
    assert_eq!(answer.status, 204, "{}", answer.body);
    assert!(answer.cookies()[0].starts_with("nexus=; Path=/; Max-Age=0"), "{:?}", answer.cookies());
    // Whoever has copied the cookie has nothing.
    assert_eq!(whoami(&server, &cookie), "NX-2014");
    assert_eq!(send(&server, "POST", "/logout", &headers, "").code(), "NX-2014");
    let lines =
        project.nexus(&["audit", "list", "--caller", "token:acme:ann", "--format", "json"]).ok().json();
    let told = lines["lines"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["kind"].as_str().unwrap().starts_with("logged"));
    let told: Vec<_> = told.map(|line| (&line["kind"], &line["proof"], &line["address"])).collect();
    let line = |kind: &str| (json!(kind), json!("login"), json!("127.0.0.1"));
    let expected = [line("logged_out"), line("logged_in")];
    assert_eq!(told, expected.iter().map(|(kind, proof, from)| (kind, proof, from)).collect::<Vec<_>>());
}

/// Over `https` the cookie is one that no other host and no page without encryption can set.
#[test]
fn over_tls_the_cookie_is_of_this_host_alone() {
    let signer = Signer::new("k1");
    let provider = Provider::start(&[&signer]);
    let authority = Authority::new();
    let (certificate, key) = authority.files("127.0.0.1");
    let config = config(&provider) + "[server.tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n";
    let project = Project::with(&[
        ("workflows/a.twf", crate::tokens::WORKFLOWS),
        ("nexus.toml", &config),
        ("server.pem", &certificate),
        ("server.key", &key),
    ]);
    let server = project.serve();
    let staying = reqwest::redirect::Policy::none();
    let client = crate::tokens::trusting(&authority, None).redirect(staying).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ask = |path: &str, cookie: &str| {
        let request = client.get(format!("{}{path}", server.url)).header("cookie", cookie);
        runtime.block_on(async { request.header("sec-fetch-site", "none").send().await.unwrap() })
    };
    let cookies = |answer: &reqwest::Response| -> Vec<String> {
        let lines = answer.headers().get_all("set-cookie").iter();
        lines.map(|line| line.to_str().unwrap().to_owned()).collect()
    };
    let begun = ask("/login", "");
    let location = begun.headers()["location"].to_str().unwrap().to_owned();
    let asked = fields(location.split_once('?').unwrap().1);
    assert_eq!(asked["redirect_uri"], format!("{}/login/callback", server.url));
    let begun = cookies(&begun).remove(0);
    assert!(
        begun.starts_with("__Host-nexus-login=")
            && begun.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"),
        "{begun}"
    );
    let token = signer.token(&claims(&provider));
    provider.desk.lock().unwrap().answers.push_back((200, granted(&token, None)));
    let back = format!("/login/callback?code=c-1&state={}", asked["state"]);
    let given = ask(&back, begun.split(';').next().unwrap());
    assert_eq!(given.status(), 303);
    let line = cookies(&given).into_iter().find(|line| line.starts_with("__Host-nexus=")).unwrap();
    assert!(line.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure"), "{line}");
    let cookie = line.split(';').next().unwrap();
    assert_eq!(ask("/v1/runs", cookie).status(), 200);
    // What a page without encryption could have set is no login here.
    assert_eq!(ask("/v1/runs", &cookie.replace("__Host-", "")).status(), 401);
}

/// Whoever wants every change written down has logins written down before they are good for anything.
#[test]
fn nobody_logs_in_unseen() {
    let (signer, provider, project, server) = world();
    let before = log_in(&server, &provider, granted(&signer.token(&claims(&provider)), None));
    for file in std::fs::read_dir(project.path().join(".nexus/audit")).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let begun = begin(&server, "");
    provider.desk.lock().unwrap().answers.push_back((200, granted(&signer.token(&claims(&provider)), None)));
    let answer = get(&server, &back(&begun, ""), &[("cookie", &begun.cookie)]);
    assert_eq!((answer.code().as_str(), answer.cookies().len()), ("NX-2081", 0), "{}", answer.body);
    let headers = [&[("cookie", before.as_str())][..], &OWN_PAGE].concat();
    assert_eq!(send(&server, "POST", "/logout", &headers, "").status, 204, "who goes may always go");
}

#[test]
fn a_login_outlives_the_server_and_its_files_give_nothing_away() {
    let (signer, provider, project, server) = world();
    let token = signer.token(&claims(&provider));
    let cookie = log_in(&server, &provider, granted(&token, Some("a-refresh-token")));
    let ended = log_in(&server, &provider, granted(&token, None));
    let headers = [&[("cookie", ended.as_str())][..], &OWN_PAGE].concat();
    assert_eq!(send(&server, "POST", "/logout", &headers, "").status, 204);
    let port = server.url.rsplit(':').next().unwrap().to_owned();
    server.kill();
    let server = project.serve_at(&port);
    assert_eq!(whoami(&server, &cookie), "token:acme:ann");
    assert_eq!(whoami(&server, &ended), "NX-2014", "what has ended stays so");
    server.stop();
    let secret = cookie.strip_prefix(COOKIE).unwrap();
    let mut folders = vec![project.path().join(".nexus")];
    let (mut files, mut found) = (0, Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = std::fs::read(entry.path()).unwrap_or_default();
            files += 1;
            for text in [secret, &token, "a-refresh-token"] {
                if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
                    found.push((entry.path(), text.to_owned()));
                }
            }
        }
    }
    assert!(files > 0 && found.is_empty(), "{found:?}");
}

#[test]
fn people_are_shown_where_to_log_in_and_programs_see_what_they_saw() {
    let (_, provider, project, server) = world();
    let browser = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8"), ("sec-fetch-mode", "navigate")];
    let answer = get(&server, "/v1/runs?a=1", &browser);
    assert_eq!((answer.status, answer.header("content-type")), (401, Some("text/html; charset=utf-8")));
    assert!(answer.body.contains("href=\"/login?return=%2Fv1%2Fruns%3Fa%3D1\">"), "{}", answer.body);
    // The page has the one style that its policy lets it have.
    let style = answer.body.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let hash = base64::prelude::BASE64_STANDARD
        .encode(ring::digest::digest(&ring::digest::SHA256, style.as_bytes()));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(
        policy.contains(&format!("style-src 'sha256-{hash}'")) && policy.starts_with("default-src 'none'"),
        "{policy}"
    );
    assert!(answer.header("www-authenticate").is_some_and(|told| told.starts_with("Bearer ")));
    let of_program = get(&server, "/v1/runs?a=1", &[("accept", "application/json")]);
    assert_eq!((of_program.code().as_str(), of_program.header("link")), ("NX-2014", None));
    let of_page = get(&server, "/v1/runs", &OWN_PAGE);
    assert_eq!(
        (of_page.code().as_str(), of_page.header("link")),
        ("NX-2014", Some("</login>; rel=\"login\""))
    );
    assert_eq!(send(&server, "POST", "/login", &OWN_PAGE, "").code(), "NX-2010");
    drop(server);

    // With two providers there is a choice.
    let second = config(&provider).replace("auth.issuers.acme", "auth.issuers.other");
    let second =
        second.split_once("[auth.issuers.other]").unwrap().1.replace(&provider.url, "https://other.example");
    project.write("nexus.toml", &format!("{}[auth.issuers.other]{second}", config(&provider)));
    let server = project.serve();
    let answer = get(&server, "/login?return=%2Fdocs", &browser);
    assert_eq!(answer.status, 200);
    for name in ["acme", "other"] {
        let link = format!("href=\"/login?issuer={name}&amp;return=%2Fdocs\">{name}</a>");
        assert!(answer.body.contains(&link), "{}", answer.body);
    }
    assert_eq!(begin(&server, "?issuer=acme").asked["client_id"], "cli");
    assert_eq!(get(&server, "/login?issuer=nobody", &[]).code(), "NX-2096");
    drop(server);

    // Where nobody logs in with a browser, everything is as it was.
    project.write("nexus.toml", &super::super::config(&provider.url));
    let server = project.serve();
    for path in ["/login", "/login/callback", "/v1/runs"] {
        let answer = get(&server, path, &browser);
        assert_eq!((answer.code().as_str(), answer.cookies().len()), ("NX-2014", 0), "{path}");
    }
}

#[test]
fn what_a_header_shows_comes_before_the_cookie() {
    let (signer, provider, project, server) = world();
    let cookie = log_in(&server, &provider, granted(&signer.token(&claims(&provider)), None));
    let key = project.nexus(&["key", "create", "k", "--role", "viewer"]).ok().stdout().trim().to_owned();
    let call = |headers: &[(&str, &str)]| {
        let headers = [headers, &[("cookie", cookie.as_str())], &OWN_PAGE].concat();
        let answer = send(&server, "POST", "/v1/operations/auth.whoami", &headers, "{}");
        if answer.status == 200 { answer.json()["output"]["caller"].to_string() } else { answer.code() }
    };
    assert_eq!(call(&[("authorization", "Bearer nonsense")]), "NX-2015");
    assert_eq!(call(&[("authorization", "Basic eDp5")]), "NX-2015");
    assert_eq!(call(&[("x-api-key", "nxk_nonsense")]), "NX-2015");
    assert_eq!(call(&[("x-api-key", &key)]), format!("\"key:{}\"", &key[4..16]));
    assert_eq!(call(&[]), "\"token:acme:ann\"");
    // A key ends no login, whatever cookie comes with it.
    let headers = [("x-api-key", key.as_str()), ("cookie", cookie.as_str())];
    assert_eq!(send(&server, "POST", "/logout", &headers, "").code(), "NX-2004");
    assert_eq!(whoami(&server, &cookie), "token:acme:ann");
    // Neither the query nor the body is a cookie.
    let secret = cookie.strip_prefix(COOKIE).unwrap();
    assert_eq!(get(&server, &format!("/v1/runs?nexus={secret}"), &OWN_PAGE).code(), "NX-2014");
    let body = json!({ "nexus": secret }).to_string();
    assert_eq!(send(&server, "POST", "/v1/operations/run.list", &OWN_PAGE, &body).code(), "NX-2014");
}

#[test]
fn a_connection_that_is_open_ends_with_the_login() {
    let (signer, provider, _project, server) = world();
    let cookie = log_in(&server, &provider, granted(&signer.token(&claims(&provider)), None));
    let mut request = format!("{}/ws", server.url.replacen("http", "ws", 1)).into_client_request().unwrap();
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    request.headers_mut().insert("origin", server.url.parse().unwrap());
    let (mut socket, _) = connect(request).unwrap();
    for (turn, expected) in [(1, "8"), (2, "\"NX-2015\"")] {
        let params = json!({ "workflow": "Double", "input": { "n": 4 }, "wait": "20s" });
        let call = json!({ "id": turn, "method": "call", "params": params });
        socket.send(Message::text(call.to_string())).unwrap();
        let found = loop {
            let Message::Text(text) = socket.read().unwrap() else { continue };
            let message: Json = serde_json::from_str(&text).unwrap();
            if message["id"] == turn {
                break message;
            }
        };
        let told = found.pointer("/result/output").or_else(|| found.pointer("/error/data/code")).unwrap();
        assert_eq!(told.to_string(), expected, "{found}");
        let headers = [&[("cookie", cookie.as_str())][..], &OWN_PAGE].concat();
        send(&server, "POST", "/logout", &headers, "");
    }
}
