//! Every way that bytes come in.

use std::ffi::OsString;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::ffi::OsStringExt;
use std::process::Stdio;
use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::{Value as Json, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::stream::MaybeTlsStream;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket, connect};

use super::cases::{Case, Verdict};
use crate::mcp::agent::{Agent, NEW, OLD, meta};
use crate::support::{Project, Ran, Server, command, http};

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Workflow(&'static str),
    Verb(&'static str),
}

impl Target {
    /// The workflow of most tests.
    pub(crate) const TAKE: Target = Target::Workflow("Take");

    fn tool(self) -> String {
        match self {
            Target::Workflow(name) => name.to_owned(),
            Target::Verb(name) => name.replace('.', "_"),
        }
    }
}

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// `--json TEXT`.
    Argument,
    /// `--json -`.
    Input,
    /// `--json @FILE`.
    File,
    /// `POST /workflows/NAME/execute`, the input bare.
    Execute,
    /// The same with the input under `inputs`.
    Enveloped,
    /// The same under `/api`.
    Api,
    /// `POST /v1/workflows/NAME/runs`.
    Start,
    /// `POST /v1/operations/run.start`.
    Operation,
    /// A path that the workflow declares.
    Route,
    /// `/ws`.
    Socket,
    /// `nexus mcp stdio`: of the project itself, or a bridge to the server.
    Stdio,
    /// `/mcp` as older clients use it without a session.
    McpOld,
    /// The same within a session.
    McpSession,
    /// `/mcp` as clients of the newest revision use it.
    McpNew,
}

impl Channel {
    /// All that a server has.
    pub(crate) const SERVED: [Channel; 14] = [
        Channel::Argument,
        Channel::Input,
        Channel::File,
        Channel::Execute,
        Channel::Enveloped,
        Channel::Api,
        Channel::Start,
        Channel::Operation,
        Channel::Route,
        Channel::Socket,
        Channel::Stdio,
        Channel::McpOld,
        Channel::McpSession,
        Channel::McpNew,
    ];

    /// Those of the shell.
    pub(crate) const SHELL: [Channel; 3] = [Channel::Argument, Channel::Input, Channel::File];

    pub(crate) fn is_rest(self) -> bool {
        use Channel::{Api, Enveloped, Execute, Operation, Route, Start};
        matches!(self, Execute | Enveloped | Api | Start | Operation | Route)
    }

    pub(crate) fn is_mcp(self) -> bool {
        matches!(self, Channel::Stdio | Channel::McpOld | Channel::McpSession | Channel::McpNew)
    }

    /// Whether the system lets these bytes through at all.
    pub(super) fn can_carry(self, case: &Case) -> bool {
        match self {
            // Arguments end with a NUL, are text to the parser of flags, and have 128 KiB at most.
            Channel::Argument => {
                let bytes = case.message(<[u8]>::to_vec);
                case.verdict != Verdict::NotText && bytes.len() < 100_000 && !bytes.contains(&0)
            }
            // An empty line is no message.
            Channel::Stdio => case.verdict != Verdict::Empty,
            _ => true,
        }
    }

    /// The workflow's output in an answer.
    pub(crate) fn output(self, answer: &Json) -> Json {
        let place = match self {
            Channel::Execute | Channel::Enveloped => "/outputs",
            Channel::Api => "/data/outputs",
            Channel::Start | Channel::Socket | Channel::Operation => "/output",
            Channel::Stdio | Channel::McpOld | Channel::McpSession | Channel::McpNew => {
                "/structuredContent/result"
            }
            _ => "",
        };
        answer.pointer(place).unwrap_or_else(|| panic!("{self:?}: {answer}")).clone()
    }

    /// What the channel puts around an input.
    fn wrap(self, target: Target, input: &[u8]) -> Vec<u8> {
        let around = |before: &str, after: &str| [before.as_bytes(), input, after.as_bytes()].concat();
        let tool = target.tool();
        let call = format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{tool}","arguments":"#
        );
        match (self, target) {
            (Channel::Enveloped, _) => around(r#"{"inputs":"#, "}"),
            (Channel::Operation, Target::Workflow(name)) => {
                around(&format!(r#"{{"workflow":"{name}","input":"#), "}")
            }
            (Channel::Socket, Target::Workflow(name)) => around(
                &format!(r#"{{"id":7,"method":"call","params":{{"workflow":"{name}","wait":"20s","input":"#),
                "}}",
            ),
            (Channel::Socket, Target::Verb(name)) => {
                around(&format!(r#"{{"id":7,"method":"call","params":{{"operation":"{name}","input":"#), "}}")
            }
            (Channel::Stdio | Channel::McpOld | Channel::McpSession, _) => around(&call, "}}"),
            (Channel::McpNew, _) => around(&call, &format!(r#","_meta":{}}}}}"#, meta(&json!({})))),
            _ => input.to_vec(),
        }
    }
}

/// A refusal: its code, and how much was said in all.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) code: String,
    pub(crate) bytes: usize,
}

/// An open project.
pub(crate) struct Doors<'a> {
    project: &'a Project,
    url: String,
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
    agent: Option<Agent>,
    session: Option<String>,
    /// What is shown as a credential: nothing, where the project's own server is called as its owner.
    shown: Option<Shown>,
}

/// A credential, and none at all.
#[derive(Debug, Clone)]
pub(crate) enum Shown {
    /// Nothing: what somebody shows who has no credential.
    Nothing,
    /// A key or a token.
    Bearer(String),
}

impl<'a> Doors<'a> {
    /// The same doors for somebody else than the owner.
    pub(crate) fn showing(self, shown: Shown) -> Doors<'a> {
        Doors { shown: Some(shown), ..self }
    }

    fn bearer(&self) -> Option<&str> {
        match &self.shown {
            Some(Shown::Bearer(text)) => Some(text),
            _ => None,
        }
    }

    fn post(&self, path: &str) -> RequestBuilder {
        let request =
            self.http.post(format!("{}{path}", self.url)).header("content-type", "application/json");
        match self.bearer() {
            Some(text) => request.bearer_auth(text),
            None => request,
        }
    }

    pub(crate) fn served(project: &'a Project, server: &Server) -> Doors<'a> {
        Doors { url: server.url.clone(), ..Doors::embedded(project) }
    }

    pub(crate) fn embedded(project: &'a Project) -> Doors<'a> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Doors { project, url: String::new(), runtime, http: http(), agent: None, session: None, shown: None }
    }

    /// Sends a case, which should be refused.
    pub(super) fn send(&mut self, channel: Channel, case: &Case) -> Result<Json, Told> {
        self.exchange(channel, Target::TAKE, case.message(|input| channel.wrap(Target::TAKE, input)))
    }

    /// Calls with a good input and gives the output.
    pub(crate) fn call(&mut self, channel: Channel, input: &[u8]) -> Json {
        let answer = self.whole(channel, input);
        channel.output(&answer)
    }

    /// Calls with a good input and gives all that is answered.
    pub(crate) fn whole(&mut self, channel: Channel, input: &[u8]) -> Json {
        self.input(channel, Target::TAKE, input).unwrap_or_else(|told| panic!("{channel:?}: {told:?}"))
    }

    /// Calls something with an input, and gives all that is answered.
    pub(crate) fn input(&mut self, channel: Channel, target: Target, input: &[u8]) -> Result<Json, Told> {
        self.exchange(channel, target, channel.wrap(target, input))
    }

    fn exchange(&mut self, channel: Channel, target: Target, message: Vec<u8>) -> Result<Json, Told> {
        match channel {
            Channel::Argument | Channel::Input | Channel::File => self.shell(channel, target, message),
            Channel::Socket => self.socket(message),
            Channel::Stdio => of_mcp(&self.agent().exchange(&message)),
            Channel::McpOld | Channel::McpSession | Channel::McpNew => self.mcp(channel, target, message),
            _ => self.rest(channel, target, message),
        }
    }

    fn shell(&self, channel: Channel, target: Target, message: Vec<u8>) -> Result<Json, Told> {
        let file = self.project.path().join("input.json");
        let (json, input) = match channel {
            Channel::Argument => (OsString::from_vec(message), Vec::new()),
            Channel::Input => ("-".into(), message),
            _ => {
                std::fs::write(&file, &message).unwrap();
                ("@input.json".into(), Vec::new())
            }
        };
        let mut command = command(self.project.path());
        match target {
            Target::Workflow(name) => command.args(["run", name]),
            Target::Verb(name) => command.args(["call", name]),
        };
        command.args(["--format", "json", "--json"]).arg(json);
        if self.shown.is_some() {
            command.args(["--server", &self.url]).env("NEXUS_TOKEN", self.bearer().unwrap_or_default());
        }
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _ = process.stdin.take().unwrap().write_all(&input); // who refuses early need not read on
        let ran = Ran::of(process.wait_with_output().unwrap(), self.project);
        if ran.code() == 0 {
            return Ok(ran.json());
        }
        let told = ran.stderr();
        assert!(matches!(ran.code(), 2..=5), "{told}");
        assert!(!told.contains("panicked"), "{told}");
        let line = told.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{told}"));
        let error: Json = serde_json::from_str(line).unwrap();
        Err(Told { code: error["error"]["code"].as_str().unwrap().to_owned(), bytes: told.len() })
    }

    fn rest(&self, channel: Channel, target: Target, message: Vec<u8>) -> Result<Json, Told> {
        let path = match (channel, target) {
            (_, Target::Verb(name)) => format!("/v1/operations/{name}"),
            (Channel::Api, Target::Workflow(name)) => format!("/api/workflows/{name}/execute"),
            (Channel::Start, Target::Workflow(name)) => format!("/v1/workflows/{name}/runs?wait=20s"),
            (Channel::Operation, _) => "/v1/operations/run.start?wait=20s".to_owned(),
            (Channel::Route, _) => "/take".to_owned(),
            (_, Target::Workflow(name)) => format!("/workflows/{name}/execute"),
        };
        let (status, bytes, answer) = self.ask(self.post(&path).body(message));
        if status < 400 {
            return Ok(answer);
        }
        assert!((400..500).contains(&status), "{status} {answer}");
        let problem = if channel == Channel::Api { &answer["error"] } else { &answer };
        Err(Told { code: problem["code"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned(), bytes })
    }

    /// The status, the length and the JSON of an answer.
    fn ask(&self, request: RequestBuilder) -> (u16, usize, Json) {
        let (status, bytes) = self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.bytes().await.unwrap())
        });
        (status, bytes.len(), serde_json::from_slice(&bytes).unwrap_or_else(|_| data_of(&bytes)))
    }

    fn mcp_request(&self) -> RequestBuilder {
        self.post("/mcp").header("accept", "application/json, text/event-stream")
    }

    fn mcp(&mut self, channel: Channel, target: Target, message: Vec<u8>) -> Result<Json, Told> {
        let request = self.mcp_request();
        let request = match channel {
            Channel::McpNew => request
                .header("mcp-protocol-version", NEW)
                .header("mcp-method", "tools/call")
                .header("mcp-name", target.tool()),
            Channel::McpSession => {
                request.header("mcp-protocol-version", OLD[2]).header("mcp-session-id", self.session())
            }
            _ => request.header("mcp-protocol-version", OLD[2]),
        };
        let (status, _, answer) = self.ask(request.body(message));
        assert!(status < 500, "{status} {answer}");
        of_mcp(&answer)
    }

    fn session(&mut self) -> String {
        if let Some(session) = &self.session {
            return session.clone();
        }
        let client = json!({ "name": "test", "version": "1" });
        let params = json!({ "protocolVersion": OLD[2], "capabilities": {}, "clientInfo": client });
        let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let session = self.runtime.block_on(async {
            let response = self.mcp_request().json(&hello).send().await.unwrap();
            let id = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
            response.bytes().await.unwrap();
            self.mcp_request().header("mcp-session-id", &id).json(&ready).send().await.unwrap();
            id
        });
        self.session = Some(session.clone());
        session
    }

    fn agent(&mut self) -> &mut Agent {
        let (project, url, token) = (self.project, self.url.clone(), self.bearer().map(ToOwned::to_owned));
        self.agent.get_or_insert_with(|| match token {
            Some(token) => Agent::bridge(project, &url, &token, OLD[2]),
            None => Agent::old(project, OLD[2], &json!({})),
        })
    }

    /// A connection of its own, because some cases end it.
    fn socket(&self, message: Vec<u8>) -> Result<Json, Told> {
        let mut request = format!("{}/ws", self.url.replacen("http", "ws", 1)).into_client_request().unwrap();
        if let Some(text) = self.bearer() {
            request.headers_mut().insert("authorization", format!("Bearer {text}").parse().unwrap());
        }
        let mut socket = match connect(request) {
            Ok((socket, _)) => socket,
            Err(tungstenite::Error::Http(refused)) => {
                let body = refused.into_body().unwrap_or_default();
                let problem: Json = serde_json::from_slice(&body).unwrap();
                return Err(Told { code: problem["code"].as_str().unwrap().to_owned(), bytes: body.len() });
            }
            Err(error) => panic!("{error}"),
        };
        if let MaybeTlsStream::Plain(stream) = socket.get_mut() {
            stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        }
        let frame = Frame::message(message, OpCode::Data(Data::Text), true);
        let _ = socket.send(Message::Frame(frame)); // a server that closes early is read below
        answer_of(&mut socket)
    }
}

/// The last message of a stream of events.
fn data_of(bytes: &[u8]) -> Json {
    let text = String::from_utf8_lossy(bytes);
    let mut data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    let last = data.rfind(|data| !data.is_empty()).unwrap_or_else(|| panic!("{text}"));
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn of_mcp(answer: &Json) -> Result<Json, Told> {
    let bytes = answer.to_string().len();
    let code = if answer["error"].is_object() {
        &answer["error"]["data"]["code"]
    } else if answer["result"]["isError"] == true {
        &answer["result"]["structuredContent"]["code"]
    } else if answer["code"].is_string() {
        // Refused before anybody looked at the message.
        &answer["code"]
    } else {
        return Ok(answer["result"].clone());
    };
    Err(Told { code: code.as_str().unwrap_or_else(|| panic!("{answer}")).to_owned(), bytes })
}

fn answer_of(socket: &mut WebSocket<MaybeTlsStream<TcpStream>>) -> Result<Json, Told> {
    loop {
        let text = match socket.read().unwrap() {
            Message::Text(text) => text,
            Message::Close(frame) => {
                let code = frame.unwrap().code;
                return Err(Told { code: format!("close {}", u16::from(code)), bytes: 0 });
            }
            _ => continue,
        };
        let message: Json = serde_json::from_str(&text).unwrap();
        if message["event"].is_string() {
            continue;
        }
        return match &message["error"]["data"]["code"] {
            Json::String(code) => Err(Told { code: code.clone(), bytes: text.len() }),
            _ => Ok(message["result"].clone()),
        };
    }
}
