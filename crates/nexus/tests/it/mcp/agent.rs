//! An MCP client over standard input and output that shows every message it gets.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value as Json, json};

use crate::support::{Project, command};

/// The newest revision.
pub(crate) const NEW: &str = "2026-07-28";

/// The revisions with a handshake, the oldest first.
pub(crate) const OLD: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// A process that speaks MCP, and what it has said so far.
pub(crate) struct Agent {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    last: i64,
    /// What every request of the newest revision says of the client; nothing for an older one.
    meta: Option<Json>,
    /// Answers that came while something else was waited for.
    answers: Vec<Json>,
    /// Notifications in the order they came.
    pub(crate) news: Vec<Json>,
    /// What the server asked.
    pub(crate) asked: Vec<Json>,
    /// What it is answered with.
    pub(crate) answer: Json,
}

impl Agent {
    /// Starts `nexus mcp stdio` in a project.
    pub(crate) fn start(project: &Project, more: &[&str]) -> Agent {
        Agent::of(command(project.path()), project, more)
    }

    /// Starts a client of an older revision that talks to a server with a credential.
    pub(crate) fn bridge(project: &Project, url: &str, token: &str, version: &str) -> Agent {
        let mut command = command(project.path());
        command.env("NEXUS_TOKEN", token);
        let mut agent = Agent::of(command, project, &["--server", url]);
        agent.initialize(version, &json!({}));
        agent
    }

    fn of(mut command: Command, project: &Project, more: &[&str]) -> Agent {
        let log = std::fs::File::create(project.path().join("agent.log")).unwrap();
        let mut process = command
            .args(["mcp", "stdio"])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let (input, output) = (process.stdin.take(), BufReader::new(process.stdout.take().unwrap()));
        let (news, asked, answer) = (Vec::new(), Vec::new(), Json::Null);
        Agent { process, input, output, last: 0, meta: None, answers: Vec::new(), news, asked, answer }
    }

    /// Starts a client of an older revision, with its handshake.
    pub(crate) fn old(project: &Project, version: &str, capabilities: &Json) -> Agent {
        let mut agent = Agent::start(project, &[]);
        agent.initialize(version, capabilities);
        agent
    }

    /// Starts a client of the newest revision.
    pub(crate) fn new(project: &Project, capabilities: &Json) -> Agent {
        let mut agent = Agent::start(project, &[]);
        agent.meta = Some(meta(capabilities));
        agent
    }

    /// Says in every request from now on that it is one of the newest revision.
    pub(crate) fn speak_newest(&mut self, capabilities: &Json) {
        self.meta = Some(meta(capabilities));
    }

    /// The handshake.
    pub(crate) fn initialize(&mut self, version: &str, capabilities: &Json) {
        let client = json!({ "name": "test", "version": "1" });
        let params =
            json!({ "protocolVersion": version, "capabilities": capabilities, "clientInfo": client });
        let hello = self.request("initialize", params);
        assert_eq!(hello["result"]["protocolVersion"], version, "{hello}");
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, message: &Json) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{message}").unwrap();
        input.flush().unwrap();
    }

    /// Sends a request without waiting for its answer; gives its id.
    pub(crate) fn begin(&mut self, method: &str, mut params: Json) -> i64 {
        self.last += 1;
        if let Some(meta) = &self.meta {
            let mut all = meta.clone();
            for (name, value) in params["_meta"].as_object().into_iter().flatten() {
                all[name] = value.clone();
            }
            params["_meta"] = all;
        }
        let id = self.last;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn request(&mut self, method: &str, params: Json) -> Json {
        let id = self.begin(method, params);
        self.end(id)
    }

    /// Waits for the answer to a request.
    pub(crate) fn end(&mut self, id: i64) -> Json {
        loop {
            if let Some(at) = self.answers.iter().position(|answer| answer["id"] == id) {
                return self.answers.remove(at);
            }
            self.next();
        }
    }

    /// Sends these bytes as a line and waits for whatever is answered next.
    pub(crate) fn exchange(&mut self, line: &[u8]) -> Json {
        let input = self.input.as_mut().unwrap();
        input.write_all(&[line, b"\n"].concat()).unwrap();
        input.flush().unwrap();
        loop {
            if let Some(answer) = self.answers.pop() {
                return answer;
            }
            self.next();
        }
    }

    /// Calls a tool; gives the result.
    pub(crate) fn call(&mut self, name: &str, arguments: &Json) -> Json {
        let answer = self.request("tools/call", json!({ "name": name, "arguments": arguments }));
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].clone()
    }

    /// Waits for a notification of this method, which may have come already.
    pub(crate) fn heard(&mut self, method: &str) -> Json {
        loop {
            if let Some(at) = self.news.iter().position(|news| news["method"] == method) {
                return self.news.remove(at);
            }
            self.next();
        }
    }

    /// Takes the next message, whatever it is. Everything on standard output is one.
    fn next(&mut self) {
        let mut line = String::new();
        assert!(self.output.read_line(&mut line).unwrap() > 0, "the server has ended");
        let message: Json = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        match (message["method"].is_string(), message["id"].is_null()) {
            (true, true) => self.news.push(message),
            (true, false) => {
                let answer = json!({ "jsonrpc": "2.0", "id": message["id"], "result": self.answer });
                self.asked.push(message);
                self.send(&answer);
            }
            _ => self.answers.push(message),
        }
    }

    /// Closes the input and waits for the end; gives the exit code.
    pub(crate) fn close(mut self) -> i32 {
        drop(self.input.take());
        self.process.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a request of the newest revision says of its client.
pub(crate) fn meta(capabilities: &Json) -> Json {
    json!({
        "io.modelcontextprotocol/protocolVersion": NEW,
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    })
}
