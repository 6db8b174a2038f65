//! What a caller cannot change by any form of input: the code that runs, the function, where it connects to, the paths and
//! queries behind it. Inputs have the fields of the workflow and no others, and headers carry none of them.

use std::net::TcpListener;

use serde_json::{Value as Json, json};

use super::channels::{Channel, Doors, Target};
use super::{project, runs};
use crate::support::{Project, http};

/// Fields that reach behind the workflow in other systems.
const REACHES: [&str; 16] = [
    r#""url":"http://127.0.0.1:1/""#,
    r#""host":"127.0.0.1""#,
    r#""connection":"sqlite:///etc/passwd""#,
    r#""sql":"drop table runs""#,
    r#""query":"select 1""#,
    r#""path":"/etc/passwd""#,
    r#""code":"throw 1""#,
    r#""function":"Other""#,
    r#""_function":"Other""#,
    r#""__function__":"Other""#,
    r#""_meta":{"function":"Other"}"#,
    r#""activity":"Other""#,
    r#""workflow":"Other""#,
    r#""config":{"url":"http://127.0.0.1:1/"}"#,
    r#""Take":{"name":"b"}"#,
    r#""options":{"task_queue":"other"}"#,
];

#[test]
fn fields_that_the_workflow_does_not_have_are_refused_everywhere() {
    let (served, embedded) = (project(), project());
    let server = served.serve();
    let open = [Doors::served(&served, &server), Doors::embedded(&embedded)];
    for (mut doors, channels) in open.into_iter().zip([&Channel::SERVED[..], &Channel::SHELL[..1]]) {
        for &channel in channels {
            for reach in REACHES {
                let input = format!(r#"{{"name":"a",{reach}}}"#);
                let told = doors.input(channel, Target::TAKE, input.as_bytes());
                assert_eq!(told.expect_err(reach).code, "NX-2001", "{reach} over {channel:?}");
            }
        }
    }
    assert_eq!((runs(&served), runs(&embedded)), (0, 0));
}

#[tokio::test]
async fn what_is_beside_the_input_changes_nothing() {
    let project = project();
    let server = project.serve();
    let url = format!("{}/workflows/Take/execute", server.url);
    let input = json!({ "name": "a" });
    let mut request = http().post(&url).json(&input);
    for name in [
        "x-name",
        "x-input-name",
        "name",
        "mcp-param-name",
        "x-nexus-function",
        "x-config-url",
        "x-original-url",
    ] {
        request = request.header(name, "evil");
    }
    let answer: Json = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["outputs"], json!({ "name": "a", "thing": null }), "{answer}");
    for body in [
        json!({ "inputs": input, "config": { "url": "x" } }),
        json!({ "inputs": input, "function": "Other" }),
        json!({ "inputs": input, "_name": "b" }),
    ] {
        let response = http().post(&url).json(&body).send().await.unwrap();
        let status = response.status().as_u16();
        let problem: Json = response.json().await.unwrap();
        assert_eq!((status, &problem["code"]), (400, &json!("NX-2004")), "{body}");
    }
    for query in ["?name=b", "?function=Other", "?inputs[name]=b"] {
        let response = http().post(format!("{url}{query}")).json(&input).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 400, "{query}");
    }
    assert_eq!(runs(&project), 1);
}

const ASK: &str = "\
workflow Take(name: string, thing: any?) -> (any):
    activity Get(name) -> answer
    close complete(answer)

activity Get(name: string) -> (any):
    ...
";

const GET: &str = "export async function Get(name, ctx) {
  try { return (await ctx.http(name)).status } catch (e) { return e.name }
}
export async function Other() { return 'the wrong one' }";

/// A function may connect to one port. Whatever it is given, nobody else is asked.
#[test]
fn an_input_leads_a_function_nowhere_but_where_it_may_go() {
    let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (granted, other) = (listen(), listen());
    let [may, not] = [&granted, &other].map(|it| it.local_addr().unwrap().port());
    let config = format!(
        "{}[http]\nallow_addresses = [\"127.0.0.1\"]\n[sandbox.functions.Get]\ncapabilities = [\"http:fetch:127.0.0.1:{may}\"]\n",
        super::CONFIG
    );
    let project =
        Project::with(&[("workflows/a.twf", ASK), ("activities/a.js", GET), ("nexus.toml", &config)]);
    let server = project.serve();
    let mut doors = Doors::served(&project, &server);
    let urls = [
        format!("http://127.0.0.1:{not}/"),
        format!("http://127.0.0.1:{may}@127.0.0.1:{not}/"),
        format!("http://127.0.0.1:{not}\\@127.0.0.1:{may}/"),
        format!("http://127.0.0.1:{not}#@127.0.0.1:{may}/"),
        format!("http://localhost:{not}/"),
        format!("http://[::ffff:127.0.0.1]:{not}/"),
        format!("http://2130706433:{not}/"),
        format!("//127.0.0.1:{not}/"),
        format!("HTTP://127.1:{not}/"),
        "file:///etc/passwd".to_owned(),
        "/etc/passwd".to_owned(),
        "http://127.0.0.1\u{0}.evil.test/".to_owned(),
    ];
    for channel in Channel::SERVED {
        for url in &urls {
            let answer = doors.call(channel, json!({ "name": url }).to_string().as_bytes());
            assert!(
                answer.as_str().is_some_and(|name| name.ends_with("Error")),
                "{url} over {channel:?}: {answer}"
            );
        }
    }
    for listener in [granted, other] {
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "nobody was asked");
    }
}
