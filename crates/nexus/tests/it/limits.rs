//! Limits of the real server: the same on every channel, and no trick gets around them.

use serde_json::{Value as Json, json};

use crate::activities::Service;
use crate::hostile::channels::{Channel, Doors, Shown, Target};
use crate::support::{Project, Server, http};

const WORKFLOWS: &str = "\
workflow Take(name: string, thing: any?) -> (any):
    close complete({name: name, thing: thing})

workflow Secret(name: string) -> (string):
    close complete(name)

worker Both:
    workflow Take
    workflow Secret

namespace shop:
    worker Both
        options:
            task_queue: \"shop\"

namespace bank:
    worker Both
        options:
            task_queue: \"bank\"
";

const TAKE: &str = "\
workflow Take(name: string, thing: any?) -> (any):
    close complete({name: name, thing: thing})
";

const INPUT: &[u8] = br#"{"name":"a"}"#;

fn project(workflows: &str, config: &str) -> Project {
    Project::with(&[("workflows/a.twf", workflows), ("nexus.toml", config)])
}

fn key(project: &Project, args: &[&str]) -> String {
    project.nexus(&[&["key", "create", "test"], args].concat()).ok().stdout().trim().to_owned()
}

/// A client of one address, with a credential or none.
struct Client<'a> {
    server: &'a Server,
    headers: Vec<(&'static str, String)>,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Client<'a> {
    fn new(server: &'a Server, headers: &[(&'static str, &str)]) -> Client<'a> {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Client { server, headers, runtime }
    }

    /// The status and the body of an answer.
    fn ask(&self, path: &str, body: Option<&Json>) -> (u16, Json) {
        let url = format!("{}{path}", self.server.url);
        let request = match body {
            Some(body) => http().post(url).json(body),
            None => http().get(url),
        };
        let request =
            self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.json().await.unwrap_or_default())
        })
    }

    fn take(&self, workflow: &str) -> String {
        let (status, answer) =
            self.ask(&format!("/workflows/{workflow}/execute"), Some(&json!({ "name": "a" })));
        answer["code"].as_str().map_or_else(|| status.to_string(), ToOwned::to_owned)
    }
}

fn runs(project: &Project) -> u64 {
    project.nexus(&["run", "count", "--format", "json"]).ok().json()["count"].as_u64().unwrap()
}

#[test]
fn the_hundred_and_first_is_refused_on_every_channel() {
    let config = "[workflows.Take]\nhttp = [\"POST /take\"]\n[limits.operations.Take]\nrate = \"100/h\"\n";
    let project = project(TAKE, config);
    let server = project.serve();
    let mut doors = Doors::served(&project, &server);
    // Every channel has let somebody in before.
    for channel in Channel::SERVED {
        doors.call(channel, INPUT);
    }
    for _ in Channel::SERVED.len()..100 {
        doors.call(Channel::Execute, INPUT);
    }
    for channel in Channel::SERVED {
        let told = doors.input(channel, Target::TAKE, INPUT).unwrap_err();
        assert_eq!(told.code, "NX-2071", "{channel:?}");
    }
    assert_eq!(runs(&project), 100, "what was refused was not started");
    let ran = project.nexus(&["run", "Take", "--json", r#"{"name":"a"}"#]);
    ran.refused(5, "NX-2071", "the command line");
    ran.refused(5, "try again in 3", "the command line says when");
}

#[test]
fn trying_keys_one_after_the_other_does_not_help() {
    let config = "[auth]\nenabled = true\n[limits]\nfailed_auth = \"5/h\"\n";
    let project = project(TAKE, config);
    let server = project.serve();
    let good = key(&project, &["--role", "caller"]);
    let codes: Vec<String> = (0..20)
        .map(|number| {
            let unknown = format!("nxk_{number:012}.{}", "A".repeat(43));
            // Who says to be somewhere else is not believed either.
            let elsewhere = format!("192.0.2.{number}");
            let shown = [("x-api-key", &*unknown), ("x-forwarded-for", &*elsewhere)];
            Client::new(&server, &shown).take("Take")
        })
        .collect();
    assert!(codes[..5].iter().all(|code| code == "NX-2015"), "{codes:?}");
    assert!(codes[5..].iter().all(|code| code == "NX-2077"), "{codes:?}");
    let (status, told) = Client::new(&server, &[("authorization", "Bearer a.b.c")]).ask("/v1/runs", None);
    assert_eq!((status, &told["code"]), (429, &json!("NX-2077")));
    // One of five an hour: less than it took to come here.
    assert!((600..=720).contains(&told["retry_after"].as_u64().unwrap()), "{told}");
    // Whoever has a key is not kept out by those who have none, and neither is the owner.
    assert_eq!(Client::new(&server, &[("x-api-key", &good)]).take("Take"), "200");
    project.nexus(&["key", "list"]).ok();
    for channel in [Channel::Socket, Channel::McpOld, Channel::McpNew, Channel::Argument] {
        let mut doors = Doors::served(&project, &server).showing(Shown::Bearer("nonsense".into()));
        assert_eq!(doors.input(channel, Target::TAKE, INPUT).unwrap_err().code, "NX-2077", "{channel:?}");
    }
}

#[test]
fn one_principal_cannot_starve_another() {
    let config = "[auth]\nenabled = true\n[limits]\nprincipal = \"10/h\"\nanonymous = \"5/h\"\n";
    let project = project(TAKE, config);
    let server = project.serve();
    let (greedy, modest) = (key(&project, &["--role", "caller"]), key(&project, &["--role", "caller"]));
    let (greedy, modest) =
        (Client::new(&server, &[("x-api-key", &greedy)]), Client::new(&server, &[("x-api-key", &modest)]));
    let seen: Vec<String> = (0..30).map(|_| greedy.take("Take")).collect();
    assert!(seen[..10].iter().all(|code| code == "200") && seen[10..].iter().all(|code| code == "NX-2071"));
    assert!((0..10).all(|_| modest.take("Take") == "200"));
    // Whoever shows nothing is counted by their address, also for what is refused; probes are free.
    let nobody = Client::new(&server, &[]);
    assert!((0..5).all(|_| nobody.take("Take") == "NX-2014"));
    assert_eq!(nobody.take("Take"), "NX-2071");
    assert_eq!(nobody.ask("/docs", None).0, 429);
    assert_eq!(nobody.ask("/healthz", None).0, 200);
}

#[test]
fn a_namespace_is_not_there_for_those_who_are_elsewhere() {
    let config = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n\
                  [namespaces.bank]\nallow_addresses = [\"10.0.0.0/8\", \"127.0.0.1\"]\n";
    let project = project(WORKFLOWS, config);
    let server = project.serve();
    let at = |address: &str| Client::new(&server, &[("x-forwarded-for", address)]);
    assert_eq!(at("10.1.2.3").take("bank.Secret"), "200");
    for outside in ["192.0.2.1", "10.1.2.3, 192.0.2.1", "nonsense", "2001:db8::1"] {
        let client = at(outside);
        assert_eq!(client.take("shop.Secret"), "200", "{outside}");
        let input = json!({ "name": "a" });
        let closed = client.ask("/workflows/bank.Secret/execute", Some(&input)).1;
        let unknown = client.ask("/workflows/bonk.Secret/execute", Some(&input)).1;
        let words = closed["detail"].as_str().unwrap().replace("bank", "bonk");
        assert_eq!(
            (&closed["code"], words.as_str()),
            (&json!("NX-2002"), unknown["detail"].as_str().unwrap())
        );
        let listed = client.ask("/workflows", None).1.to_string();
        assert!(!listed.contains("bank"), "{outside}: {listed}");
        let runs = client.ask("/v1/runs", None).1.to_string();
        assert!(runs.contains("shop") && !runs.contains("bank"), "{outside}: {runs}");
    }
    // The machine itself is on the list; what a header says counts only when a proxy says it.
    assert_eq!(Client::new(&server, &[]).take("bank.Secret"), "200");
}

#[test]
fn keys_and_servers_are_good_at_their_addresses_only() {
    let config = "[auth]\nenabled = true\n[server]\ntrusted_proxies = [\"127.0.0.1\"]\n\
                  allow_addresses = [\"10.0.0.0/8\", \"127.0.0.1\"]\n";
    let project = project(TAKE, config);
    let server = project.serve();
    let bound = key(&project, &["--role", "caller", "--address", "10.1.0.0/16"]);
    let at = |address: &str| Client::new(&server, &[("x-api-key", &*bound), ("x-forwarded-for", address)]);
    assert_eq!(at("10.1.2.3").take("Take"), "200");
    assert_eq!(at("10.2.2.3").take("Take"), "NX-2015", "the key is good elsewhere");
    for outside in ["192.0.2.1", "nonsense", "10.1.2.3, 192.0.2.1"] {
        assert_eq!(at(outside).take("Take"), "NX-2076", "{outside}");
    }
    let spoofed = project.nexus(&["key", "create", "x", "--role", "caller", "--address", "10.1.0.0/99"]);
    spoofed.refused(2, "10.1.0.0/99", "a range that is none");
}

#[test]
fn who_is_the_owner_is_not_for_a_header_to_say() {
    let config = "[auth]\nenabled = true\n[server]\ntrusted_proxies = [\"127.0.0.1\"]\n";
    let project = project(TAKE, config);
    let server = project.serve();
    for header in ["x-forwarded-for", "forwarded"] {
        for value in ["127.0.0.1", "for=127.0.0.1", "for=unknown", ""] {
            assert_eq!(Client::new(&server, &[(header, value)]).take("Take"), "NX-2014", "{header}: {value}");
        }
    }
}

const WAITING: &str = "\
workflow Wait() -> (any):
    signal Go():
        ...
    await signal Go
    close complete(1)
";

const ASKING: &str = "\
workflow Ask(n: int) -> (any):
    activity Service(n) -> answer
    close complete(answer)

activity Service(n: int) -> (any):
    options:
        start_to_close_timeout: 10s
        retry_policy:
            maximum_attempts: 1
    ...
";

#[test]
fn a_host_that_fails_is_left_alone() {
    let service = Service::start(|_, _| (503, "", "broken".into()));
    let config = format!(
        "[http.breaker]\nfailures = 2\nrest = \"1h\"\n[activities.Service]\nbinding = \"http\"\nurl = \"{}/x\"\n",
        service.url
    );
    let project = project(ASKING, &config);
    let server = project.serve();
    let client = Client::new(&server, &[]);
    let ask = || client.ask("/workflows/Ask/execute", Some(&json!({ "n": 1 }))).1;
    let kinds: Vec<Json> = (0..4).map(|_| ask()["failure"]["cause"]["type"].clone()).collect();
    assert_eq!(kinds, ["HttpStatus503", "HttpStatus503", "ServiceResting", "ServiceResting"]);
    assert_eq!(service.seen.lock().unwrap().len(), 2, "nobody asks a host that rests");
    let (status, health) = client.ask("/health", None);
    assert_eq!((status, &health["status"]), (200, &json!("degraded")), "{health}");
    let listed = project.nexus(&["call", "breaker.list", "--format", "json"]).ok().json();
    let breaker = &listed["breakers"][0];
    assert_eq!((&breaker["kind"], &breaker["state"]), (&json!("host"), &json!("open")), "{listed}");
}

#[test]
fn a_namespace_without_room_starts_no_runs_until_some_are_deleted() {
    let config = "[namespaces.default.quotas]\nstorage_mib = 1\n";
    let project = project(TAKE, config);
    let server = project.serve();
    let client = Client::new(&server, &[]);
    let big = json!({ "name": "x".repeat(700_000) });
    let start = |input: &Json| client.ask("/workflows/Take/execute", Some(input));
    assert_eq!(start(&big).0, 200);
    let (status, refused) = start(&json!({ "name": "small" }));
    assert_eq!((status, &refused["code"]), (429, &json!("NX-2074")), "{refused}");
    let shown = project.nexus(&["call", "namespace.show", "--format", "json"]).ok().json();
    let storage = &shown["storage_bytes"];
    assert!(storage["used"].as_u64().unwrap() > 1 << 20 && storage["max"] == 1 << 20, "{shown}");
    for run in project.nexus(&["run", "list", "--format", "json"]).ok().json()["runs"].as_array().unwrap() {
        project.nexus(&["run", "delete", run["run_id"].as_str().unwrap()]).ok();
    }
    assert_eq!(start(&json!({ "name": "small" })).0, 200);
}

#[test]
fn what_is_used_of_a_namespace_is_shown_and_no_more_runs_are_opened_than_may_be() {
    let config = "[namespaces.default.quotas]\nruns = 2\nactivities = 3\n";
    let project = project(WAITING, config);
    let server = project.serve();
    let client = Client::new(&server, &[]);
    let start = || client.ask("/v1/workflows/Wait/runs", Some(&json!({})));
    assert_eq!((start().0, start().0), (202, 202));
    let (status, refused) = start();
    assert_eq!((status, &refused["code"], &refused["retry_after"]), (429, &json!("NX-2073"), &json!(1)));
    let shown = project.nexus(&["call", "namespace.show", "--format", "json"]).ok().json();
    assert_eq!(shown["runs"], json!({ "used": 2, "max": 2 }));
    assert_eq!(shown["activities"], json!({ "used": 0, "max": 3 }));
}
