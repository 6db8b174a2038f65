//! Random workflows and random inputs through every door: embedded, REST and its envelope, the shell, MCP (standard input
//! and HTTP, the oldest revision and the newest) and a WebSocket. All of them tell the same.

use std::fmt::Write as _;
use std::net::TcpStream;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value as Json, json};
use tokio_tungstenite::tungstenite::stream::MaybeTlsStream;
use tokio_tungstenite::tungstenite::{Message, WebSocket, connect};

use crate::mcp::agent::{Agent, OLD};
use crate::support::{Project, Server, http};

/// A type of a parameter, and values of it.
#[derive(Debug, Clone)]
enum Kind {
    Int,
    Text,
    Flag,
    Ints,
    Texts,
    Maybe,
    Point,
}

impl Kind {
    fn written(&self) -> &'static str {
        match self {
            Kind::Int => "int",
            Kind::Text => "string",
            Kind::Flag => "bool",
            Kind::Ints => "[]int",
            Kind::Texts => "[]string",
            Kind::Maybe => "string?",
            Kind::Point => "Point",
        }
    }

    fn value(&self) -> BoxedStrategy<Json> {
        let text = || "[ -~äß😀\\n\"\\\\]{0,10}".prop_map(Json::from);
        let int = || any::<i32>().prop_map(Json::from);
        match self {
            Kind::Int => int().boxed(),
            Kind::Text => text().boxed(),
            Kind::Flag => any::<bool>().prop_map(Json::from).boxed(),
            Kind::Ints => prop::collection::vec(int(), 0..4).prop_map(Json::Array).boxed(),
            Kind::Texts => prop::collection::vec(text(), 0..4).prop_map(Json::Array).boxed(),
            Kind::Maybe => prop_oneof![text(), Just(Json::Null)].boxed(),
            Kind::Point => (int(), int()).prop_map(|(x, y)| json!({ "x": x, "y": y })).boxed(),
        }
    }
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Int),
        Just(Kind::Text),
        Just(Kind::Flag),
        Just(Kind::Ints),
        Just(Kind::Texts),
        Just(Kind::Maybe),
        Just(Kind::Point),
    ]
}

/// A workflow that gives back what it got, or fails, and inputs for it: some fit, some have a field too many, too few or of
/// another type.
#[derive(Debug, Clone)]
struct Workflow {
    kinds: Vec<Kind>,
    fails: bool,
    inputs: Vec<Json>,
}

fn any_workflow() -> impl Strategy<Value = Workflow> {
    (prop::collection::vec(any_kind(), 1..4), prop::bool::weighted(0.2)).prop_flat_map(|(kinds, fails)| {
        let inputs = prop::collection::vec(any_input(&kinds), 3);
        inputs.prop_map(move |inputs| Workflow { kinds: kinds.clone(), fails, inputs })
    })
}

fn any_input(kinds: &[Kind]) -> impl Strategy<Value = Json> + use<> {
    let values: Vec<_> = kinds.iter().map(Kind::value).collect();
    (values, 0..6_u8, 0..kinds.len()).prop_map(|(values, spoil, at)| {
        let named = values.into_iter().enumerate().map(|(number, value)| (format!("p{number}"), value));
        let mut input: Map<String, Json> = named.collect();
        match spoil {
            0 => drop(input.insert("stranger".into(), json!(1))),
            1 => drop(input.remove(&format!("p{at}"))),
            2 => drop(input.insert(format!("p{at}"), json!({ "no": ["such"] }))),
            _ => {}
        }
        Json::Object(input)
    })
}

fn program(workflows: &[Workflow]) -> String {
    let mut text = "type Point:\n    x: int\n    y: int\n".to_owned();
    for (number, workflow) in workflows.iter().enumerate() {
        let params: Vec<_> = workflow
            .kinds
            .iter()
            .enumerate()
            .map(|(at, kind)| format!("p{at}: {}", kind.written()))
            .collect();
        let fields: Vec<_> = (0..workflow.kinds.len()).map(|at| format!("\"p{at}\": p{at}")).collect();
        let end = if workflow.fails {
            "raise Refused(\"no\")".to_owned()
        } else {
            format!("close complete({{{}}})", fields.join(", "))
        };
        writeln!(text, "\nworkflow W{number}({}) -> (any):\n    {end}", params.join(", ")).unwrap();
    }
    text
}

/// A result, or the code and the failure at the root of an error.
type Outcome = Result<Json, Json>;

fn failed(details: &Json) -> Json {
    let mut root = &details["failure"];
    while root["cause"].is_object() {
        root = &root["cause"];
    }
    let faults = details["faults"].as_array().map_or(0, Vec::len);
    json!([details["code"], root["type"], root["message"], faults])
}

fn shell(project: &Project, name: &str, input: &Json) -> Outcome {
    let ran = project.nexus(&["run", name, "--format", "json", "--json", &input.to_string()]);
    if ran.code() == 0 {
        return Ok(ran.json());
    }
    let text = ran.stderr();
    let line = text.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{text}"));
    Err(failed(&serde_json::from_str::<Json>(line).unwrap()["error"]))
}

fn tool(result: &Json) -> Outcome {
    let content = &result["structuredContent"];
    if result["isError"] == true { Err(failed(content)) } else { Ok(content["result"].clone()) }
}

/// Every door that stays open while a project is tried.
struct Doors {
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
    server: Server,
    agents: Vec<Agent>,
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
}

impl Doors {
    fn open(served: &Project, alone: [&Project; 2]) -> Doors {
        let server = served.serve();
        let bridge = ["--server", server.url.as_str()];
        let mut old_http = Agent::start(served, &bridge);
        old_http.initialize(OLD[0], &json!({}));
        let mut new_http = Agent::start(served, &bridge);
        new_http.speak_newest(&json!({}));
        let [one, other] = alone;
        let agents =
            vec![Agent::old(one, OLD[0], &json!({})), Agent::new(other, &json!({})), old_http, new_http];
        let (socket, _) = connect(format!("{}/ws", server.url.replacen("http", "ws", 1))).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Doors { runtime, http: http(), server, agents, socket }
    }

    fn rest(&self, prefix: &str, name: &str, input: &Json) -> Json {
        let url = format!("{}{prefix}/workflows/{name}/runs?wait=20s", self.server.url);
        let request = self.http.post(url).json(input);
        self.runtime.block_on(async { request.send().await.unwrap().json().await.unwrap() })
    }

    fn over_socket(&mut self, name: &str, input: &Json) -> Outcome {
        let params = json!({ "workflow": name, "input": input, "wait": "20s" });
        let call = json!({ "id": 1, "method": "call", "params": params }).to_string();
        self.socket.send(Message::text(call)).unwrap();
        loop {
            let Message::Text(text) = self.socket.read().unwrap() else { continue };
            let message: Json = serde_json::from_str(&text).unwrap();
            if message["id"] != 1 {
                continue;
            }
            return match &message["error"] {
                Json::Null => Ok(message["result"]["output"].clone()),
                error => Err(failed(&error["data"])),
            };
        }
    }

    /// What every door tells, with its name.
    fn tell(&mut self, name: &str, input: &Json) -> Vec<(&'static str, Outcome)> {
        let plain = self.rest("/v1", name, input);
        let rest = if plain["code"].is_null() { Ok(plain["output"].clone()) } else { Err(failed(&plain)) };
        let wrapped = self.rest("/api", name, input);
        let enveloped = if wrapped["success"] == true {
            Ok(wrapped["data"]["output"].clone())
        } else {
            Err(failed(&wrapped["error"]))
        };
        let mut told = vec![("REST", rest), ("REST in an envelope", enveloped)];
        told.push(("WebSocket", self.over_socket(name, input)));
        let names = ["stdio, oldest", "stdio, newest", "HTTP, oldest", "HTTP, newest"];
        for (door, agent) in names.into_iter().zip(&mut self.agents) {
            told.push((door, tool(&agent.call(name, input))));
        }
        told
    }
}

#[test]
fn random_workflows_tell_the_same_through_every_door() {
    let mut runner = TestRunner::new(Config { cases: 6, failure_persistence: None, ..Config::default() });
    let held = runner.run(&prop::collection::vec(any_workflow(), 3), |workflows| {
        let text = program(&workflows);
        let project = || Project::with(&[("workflows/w.twf", &text)]);
        let (embedded, served, one, other) = (project(), project(), project(), project());
        let mut doors = Doors::open(&served, [&one, &other]);
        for (number, workflow) in workflows.iter().enumerate() {
            let name = format!("W{number}");
            for input in &workflow.inputs {
                let expected = shell(&embedded, &name, input);
                prop_assert_eq!(&shell(&served, &name, input), &expected, "shell: {} {}", name, input);
                for (door, told) in doors.tell(&name, input) {
                    prop_assert_eq!(&told, &expected, "{}: {} {}", door, name, input);
                }
            }
        }
        Ok(())
    });
    held.unwrap();
}
