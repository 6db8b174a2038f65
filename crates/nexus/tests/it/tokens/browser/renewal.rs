//! How long a login lasts: as long as its token does, and as the provider renews it.

use super::*;

/// A token that is to be renewed at once, and good for a while yet.
fn short(signer: &Signer, provider: &Provider, seconds: i64) -> String {
    signer.token(&with(claims(provider), "exp", json!(at(seconds))))
}

fn answer_with(provider: &Provider, status: u16, document: Json) {
    provider.desk.lock().unwrap().answers.push_back((status, document));
}

/// The same, and nothing of what was to be answered before.
fn answer_only(provider: &Provider, status: u16, document: Json) {
    provider.desk.lock().unwrap().answers = [(status, document)].into();
}

/// The forms that asked for a renewal.
fn renewals(provider: &Provider) -> usize {
    let desk = provider.desk.lock().unwrap();
    desk.posted.iter().filter(|(_, form)| form["grant_type"] == "refresh_token").count()
}

#[test]
fn a_login_ends_with_its_token_its_key_and_its_issuer() {
    let (signer, provider, project, server) = world();
    let cookie = log_in(&server, &provider, granted(&short(&signer, &provider, 2), None));
    let long = log_in(&server, &provider, granted(&signer.token(&claims(&provider)), None));
    assert_eq!(whoami(&server, &cookie), "token:acme:ann");
    while whoami(&server, &cookie) == "token:acme:ann" {}
    assert_eq!(whoami(&server, &cookie), "NX-2014", "the token has expired");
    assert_eq!(whoami(&server, &long), "token:acme:ann");
    // The provider takes its key back, and somebody has the keys read again.
    provider.publish(&[&Signer::new("k2")]);
    project.write("nexus.toml", &config(&provider).replace("skew = \"0s\"", "skew = \"1s\""));
    while whoami(&server, &long) == "token:acme:ann" {}
    assert_eq!(whoami(&server, &long), "NX-2014", "nobody vouches for its key");
    provider.publish(&[&signer]);
    project.write("nexus.toml", &config(&provider));
    while whoami(&server, &long) != "token:acme:ann" {}
    // People log in there no more.
    project.write("nexus.toml", &config(&provider).replace("browser = true", "browser = false"));
    while whoami(&server, &long) == "token:acme:ann" {}
    assert_eq!((whoami(&server, &long).as_str(), get(&server, "/login", &[]).status), ("NX-2014", 401));
}

#[test]
fn a_login_is_renewed_once_before_its_token_ends() {
    let (signer, provider, _project, server) = world();
    let cookie = log_in(&server, &provider, granted(&short(&signer, &provider, 20), Some("r-1")));
    answer_with(&provider, 200, granted(&signer.token(&claims(&provider)), Some("r-2")));
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(|| whoami(&server, &cookie))).collect();
        for call in calls {
            assert_eq!(call.join().unwrap(), "token:acme:ann");
        }
    });
    assert_eq!(renewals(&provider), 1, "all of them waited for one");
    let desk = provider.desk.lock().unwrap();
    let form = &desk.posted.last().unwrap().1;
    assert_eq!((form["refresh_token"].as_str(), form["client_id"].as_str()), ("r-1", "cli"));
}

#[test]
fn a_provider_that_is_down_ends_no_login_and_a_refusal_does() {
    let (signer, provider, _project, server) = world();
    let cookie = log_in(&server, &provider, granted(&short(&signer, &provider, 3), Some("r-1")));
    answer_with(&provider, 503, Json::Null);
    assert_eq!(whoami(&server, &cookie), "token:acme:ann", "the token is good yet");
    assert_eq!(renewals(&provider), 1);
    // The token ends while the provider is down: nobody knows, so nobody is let in, and the login is not lost.
    while whoami(&server, &cookie) == "token:acme:ann" {}
    assert_eq!(whoami(&server, &cookie), "NX-2019");
    assert_eq!(get(&server, "/docs", &[("cookie", &cookie)]).status, 200, "what is open stays open");
    while whoami(&server, &cookie) != "token:acme:ann" {
        answer_only(&provider, 200, granted(&short(&signer, &provider, 3), Some("r-2")));
    }
    // The provider does not go on with it: it ends with the token that it has, be it in the middle of a call.
    loop {
        match whoami(&server, &cookie).as_str() {
            "NX-2014" => break,
            other => assert!(["token:acme:ann", "NX-2015", "NX-2019"].contains(&other), "{other}"),
        }
        answer_only(&provider, 400, json!({ "error": "invalid_grant" }));
    }
    answer_with(&provider, 200, granted(&signer.token(&claims(&provider)), None));
    assert_eq!(whoami(&server, &cookie), "NX-2014", "it does not come back");
}

#[test]
fn a_renewal_that_gives_somebody_else_s_token_ends_the_login() {
    let (signer, provider, _project, server) = world();
    let cookie = log_in(&server, &provider, granted(&short(&signer, &provider, 20), Some("r-1")));
    let bob = signer.token(&with(claims(&provider), "sub", json!("bob")));
    answer_with(&provider, 200, granted(&bob, Some("r-2")));
    assert_eq!(whoami(&server, &cookie), "NX-2014");
    assert_eq!(whoami(&server, &cookie), "NX-2014");
}

#[test]
fn nobody_has_more_logins_than_they_may() {
    let (signer, provider, _project, server) = world();
    let token = signer.token(&claims(&provider));
    let mut cookies: Vec<_> = (0..21).map(|_| log_in(&server, &provider, granted(&token, None))).collect();
    let last = cookies.pop().unwrap();
    assert_eq!(whoami(&server, &last), "token:acme:ann");
    let gone = cookies.iter().filter(|cookie| whoami(&server, cookie) == "NX-2014").count();
    assert_eq!(gone, 1, "the oldest has ended");
}
