//! Who may call: servers that sign for their runs, lists of callers, and what becomes of those who may not.

use serde_json::{Value as Json, json};

use super::world::{BANK, Pair, SHOP, Side, free_port, shop_config};
use crate::support::{Project, http};
use crate::tokens::provider::{Provider, Signer};

/// A bank that knows the shop's server by its key, and nobody else.
fn guarded(list: &str) -> Pair {
    guarded_beside(list, "")
}

/// The same, configured further.
fn guarded_beside(list: &str, more: &str) -> Pair {
    let (bank_port, shop_port) = (free_port(), free_port());
    let (bank, shop) = (format!("http://127.0.0.1:{bank_port}"), format!("http://127.0.0.1:{shop_port}"));
    let config = format!(
        "[http]\nallow_addresses = [\"127.0.0.1\"]\n[auth]\nenabled = true\n\
         [auth.roles.partner]\npermissions = [\"endpoint:execute\"]\n\
         [auth.issuers.shop]\nissuer = \"{shop}\"\naudiences = [\"{bank}\"]\n\
         jwks_url = \"{shop}/.well-known/nexus-jwks.json\"\nalgorithms = [\"EdDSA\"]\n\
         everybody = [\"partner\"]\nnamespace_claim = \"namespace\"\n{more}"
    );
    let program = BANK.replace("allowed_caller_namespaces: [\"shop\", \"default\"]", list);
    let project = Project::with(&[("workflows/bank.twf", &program), ("nexus.toml", &config)]);
    let mut bank = Side::serve_at(project, bank_port);
    bank.key = Some(bank.project.nexus(&["key", "create", "--bootstrap"]).ok().stdout().trim().to_owned());
    let config = shop_config(&bank.url()) + "[audit]\nenabled = true\n";
    let project = Project::with(&[("workflows/shop.twf", SHOP), ("nexus.toml", &config)]);
    Pair { bank, shop: Side::serve_at(project, shop_port) }
}

/// Runs that carry operations out at the bank.
fn handled(pair: &Pair) -> usize {
    pair.bank.call("run.list", &json!({}))["runs"].as_array().map_or(0, Vec::len)
}

/// The lines of a server's audit log about calls of this kind that ended like this.
fn lines(side: &Side, operation: &str, status: &str) -> usize {
    let wanted = |line: &Json| {
        line["operation"].as_str().is_some_and(|it| it.contains(operation)) && line["status"] == status
    };
    let found = side.until("audit.list", &json!({ "limit": 200 }), |found| {
        found["lines"].as_array().is_some_and(|all| all.iter().any(wanted))
    });
    found["lines"].as_array().unwrap().iter().filter(|line| wanted(line)).count()
}

#[test]
fn a_run_calls_in_the_name_that_its_server_signs() {
    let pair = guarded("allowed_caller_namespaces: [\"shop\"]");
    let who = pair.shop_runs("Ask", &json!({}));
    assert_eq!(who["namespace"], "shop", "{who}");
    assert!(who["run_id"].as_str().is_some_and(|run| run.starts_with("run_")), "{who}");
    assert!(who["identity"].as_str().is_some_and(|it| it.contains("shop/")), "{who}");
    assert_eq!(lines(&pair.shop, "payments Payments.Who", "ok"), 1);
    assert_eq!(lines(&pair.bank, "operation.start", "ok"), 1);
    assert_eq!(pair.shop_runs("Pay", &json!({ "amount": 3 })), json!("paid 3 for shop"));
}

#[test]
fn whoever_is_not_on_the_list_starts_nothing_and_is_in_both_logs() {
    for list in ["allowed_caller_namespaces: [\"kiosk\"]", "allowed_caller_namespaces: []"] {
        let pair = guarded(list);
        let failed = pair.shop.ended(&pair.shop.begin("Ask", &json!({})));
        assert_eq!(failed["status"], "failed", "{failed}");
        let failure = failed["failure"].to_string();
        assert!(failure.contains("NexusUnauthorizedError") && failure.contains("UNAUTHORIZED"), "{failure}");
        assert_eq!(handled(&pair), 0, "{list}");
        assert_eq!(lines(&pair.shop, "payments Payments.Who", "NX-2807"), 1, "{list}");
        assert_eq!(lines(&pair.bank, "operation.start", "NX-2807"), 1, "{list}: it is not tried again");
    }
}

#[test]
fn the_wildcard_lets_every_known_caller_in_and_nobody_unknown() {
    let pair = guarded("allowed_caller_namespaces: [\"*\"]");
    assert_eq!(pair.shop_runs("Ask", &json!({}))["namespace"], "shop");
    let run = pair.shop.begin_in("kiosk", "Ask", &json!({}));
    assert_eq!(pair.shop.result(&run)["namespace"], "kiosk");
    let url = format!("{}/nexus/endpoints/payments/services/Payments/Who", pair.bank.url());
    assert_eq!(pair.bank.ask(http().post(&url)).0, 401, "nobody in particular");
    let forged = http().post(&url).header("nexus-caller", "eyJhbGciOiJFZERTQSJ9.e30.AAAA");
    assert_eq!(pair.bank.ask(forged).0, 401);
    assert_eq!(handled(&pair), 2);
}

#[test]
fn what_a_caller_only_says_of_itself_is_believed_as_far_as_it_may_say_so() {
    let pair = guarded("allowed_caller_namespaces: [\"shop\", \"kiosk\"]");
    let key = |args: &[&str]| {
        pair.bank.project.nexus(&[&["key", "create", "test"], args].concat()).ok().stdout().trim().to_owned()
    };
    let shop = key(&["--permission", "endpoint:execute", "--namespace", "shop"]);
    let url = format!("{}/nexus/endpoints/payments/services/Payments/Who", pair.bank.url());
    let call = |key: &str, headers: &[(&str, &str)]| {
        let mut request = http().post(&url).bearer_auth(key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (status, _, body) = pair.bank.ask(request);
        (status, serde_json::from_slice::<Json>(&body).unwrap_or_default())
    };
    let (status, who) = call(&shop, &[("nexus-caller-namespace", "shop")]);
    assert_eq!((status, &who["namespace"]), (200, &json!("shop")), "{who}");
    // A namespace that the key is not for, and the only one that it is for.
    assert_eq!(call(&shop, &[("nexus-caller-namespace", "kiosk")]).0, 403);
    let (status, who) = call(&shop, &[]);
    assert_eq!((status, &who["namespace"]), (200, &json!("shop")), "{who}");
    // Claims beside another credential are nobody's.
    let claims = "e30.eyJuYW1lc3BhY2UiOiJraW9zayIsIndvcmtmbG93X2lkIjoidyIsInJ1bl9pZCI6InIifQ.AAAA";
    let spoofed = [("nexus-caller-namespace", "shop"), ("nexus-caller", claims), ("workflow-id", "w")];
    let (status, who) = call(&shop, &spoofed);
    assert_eq!((status, who.get("run_id")), (200, None), "{who}");
    // A key that is taken back is good for nothing.
    let id = pair.bank.call("key.list", &json!({}));
    let mine = id["keys"].as_array().unwrap().iter().find(|it| it["name"] == "test").unwrap();
    pair.bank.call("key.revoke", &json!({ "key_id": mine["key_id"] }));
    assert_eq!(call(&shop, &[("nexus-caller-namespace", "shop")]).0, 401);
}

/// A product that signs as Nexus does, and tokens of it that are good for nothing.
#[test]
fn a_token_that_is_no_longer_good_or_never_was_starts_nothing() {
    let (theirs, strange) = (Signer::new("1"), Signer::new("1"));
    let provider = Provider::start(&[&theirs]);
    let more = format!(
        "[auth.issuers.product]\nissuer = \"{0}\"\naudiences = [\"https://bank.test\"]\njwks_url = \"{0}/keys\"\n\
         algorithms = [\"ES256\"]\neverybody = [\"partner\"]\nnamespace_claim = \"namespace\"\n",
        provider.url
    );
    let pair = guarded_beside("allowed_caller_namespaces: [\"shop\"]", &more);
    let url = format!("{}/nexus/endpoints/payments/services/Payments/Who", pair.bank.url());
    let call = |signer: &Signer, more: &[(&str, Json)]| {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let mut claims = json!({ "iss": provider.url, "aud": "https://bank.test", "sub": "product", "iat": now,
            "exp": now + 300, "namespace": "shop", "workflow_id": "order-7", "run_id": "run-1" });
        for (name, value) in more {
            claims[*name] = value.clone();
        }
        let request = http().post(&url).header("nexus-caller", signer.token(&claims));
        let (status, _, body) = pair.bank.ask(request);
        (status, serde_json::from_slice::<Json>(&body).unwrap_or_default())
    };
    let (status, who) = call(&theirs, &[]);
    assert_eq!((status, &who["workflow_id"]), (200, &json!("order-7")), "{who}");
    for (signer, claim) in [
        (&theirs, ("exp", json!(1_000_000_000))),
        (&theirs, ("nbf", json!(4_000_000_000_u64))),
        (&theirs, ("aud", json!("https://other.test"))),
        (&theirs, ("iss", json!("https://other.test"))),
        (&strange, ("namespace", json!("shop"))),
    ] {
        let (status, told) = call(signer, std::slice::from_ref(&claim));
        assert_eq!(
            (status, &told["metadata"]["type"]),
            (401, &json!("nexus.HandlerError")),
            "{claim:?}: {told}"
        );
    }
    assert_eq!(call(&theirs, &[("namespace", json!("kiosk"))]).0, 403, "it is not on the list");
    assert_eq!(pair.bank.ask(http().post(&url)).0, 401);
    assert_eq!(handled(&pair), 1, "only the first has started anything");
}

#[test]
fn an_endpoint_is_found_by_its_new_name_only_and_by_its_id_always() {
    let pair = guarded("allowed_caller_namespaces: [\"shop\"]");
    let made = pair.bank.call(
        "endpoint.create",
        &json!({ "name": "cards", "namespace": "bank", "task_queue": "pay", "allowed_caller_namespaces": ["shop"] }),
    );
    let key = pair.bank.key.clone().unwrap();
    let call = |name: &str| {
        let url = format!("{}/nexus/endpoints/{name}/services/Payments/Who", pair.bank.url());
        pair.bank.ask(http().post(url).bearer_auth(&key).header("nexus-caller-namespace", "shop")).0
    };
    assert_eq!(call("cards"), 200);
    pair.bank.call("endpoint.update", &json!({ "endpoint": "cards", "name": "payments-by-card" }));
    let id = made["id"].as_str().unwrap();
    assert_eq!([call("cards"), call("payments-by-card"), call(id)], [404, 200, 200]);
    pair.bank.call("endpoint.update", &json!({ "endpoint": id, "allowed_caller_namespaces": [] }));
    assert_eq!(call(id), 403);
    pair.bank.call("endpoint.delete", &json!({ "endpoint": id }));
    assert_eq!(call(id), 404);
}
