//! An editor: starts the server, writes messages, waits for answers. Never sleeps.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value as Json, json};

use crate::support::{Project, command};

/// A running server and everything that it has said of its own accord.
pub(super) struct Editor {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    next_id: i32,
    folder: String,
    /// The latest diagnostics of each document by path.
    told: HashMap<String, Json>,
    pub(super) capabilities: Json,
}

impl Editor {
    /// Starts a server without saying anything to it.
    pub(super) fn start(project: &Project) -> Editor {
        let mut process = command(project.path())
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Editor {
            input: process.stdin.take(),
            output: BufReader::new(process.stdout.take().unwrap()),
            process,
            next_id: 0,
            folder: project.path().canonicalize().unwrap().display().to_string(),
            told: HashMap::new(),
            capabilities: Json::Null,
        }
    }

    /// Starts one that has the project open, as an editor of today does.
    pub(super) fn open(project: &Project) -> Editor {
        let completion = json!({ "completionItem": { "snippetSupport": true } });
        let general = json!({ "positionEncodings": ["utf-8", "utf-16"] });
        Editor::open_with(
            project,
            json!({ "general": general, "textDocument": { "completion": completion } }),
        )
    }

    pub(super) fn open_with(project: &Project, capabilities: Json) -> Editor {
        let mut editor = Editor::start(project);
        let folder = json!({ "uri": format!("file://{}", editor.folder), "name": "project" });
        let params = json!({ "processId": null, "rootUri": null, "capabilities": capabilities, "workspaceFolders": [folder] });
        let result = editor.ask("initialize", params);
        editor.capabilities = result["capabilities"].clone();
        editor.notify("initialized", json!({}));
        editor
    }

    pub(super) fn uri(&self, path: &str) -> String {
        format!("file://{}/{path}", self.folder)
    }

    /// Opens a document with a text of its own.
    pub(super) fn show(&mut self, path: &str, text: &str) {
        let document = json!({ "uri": self.uri(path), "languageId": "twf", "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
    }

    /// Replaces a whole document.
    pub(super) fn rewrite(&mut self, path: &str, version: i32, text: &str) {
        self.change(path, version, json!([{ "text": text }]));
    }

    pub(super) fn change(&mut self, path: &str, version: i32, changes: Json) {
        let document = json!({ "uri": self.uri(path), "version": version });
        self.notify("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }));
    }

    /// The parameters of a request about a place, lines and characters from 0.
    pub(super) fn at(&self, path: &str, line: u32, character: u32) -> Json {
        let position = json!({ "line": line, "character": character });
        json!({ "textDocument": { "uri": self.uri(path) }, "position": position })
    }

    pub(super) fn notify(&mut self, method: &str, params: Json) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Sends a request and gives its number.
    pub(super) fn request(&mut self, method: &str, params: Json) -> i32 {
        self.next_id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params }));
        self.next_id
    }

    /// Sends a request and waits for its answer.
    #[track_caller]
    pub(super) fn ask(&mut self, method: &str, params: Json) -> Json {
        let answer = self.try_ask(method, params);
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The same, with the whole answer.
    pub(super) fn try_ask(&mut self, method: &str, params: Json) -> Json {
        let id = self.request(method, params);
        self.answer(id)
    }

    /// Waits for the answer of a request.
    pub(super) fn answer(&mut self, id: i32) -> Json {
        loop {
            let message = self.receive().expect("the server answers");
            if message["id"] == id && message["method"].is_null() {
                return message;
            }
        }
    }

    /// Waits until the server has told of a document at some version.
    pub(super) fn diagnostics(&mut self, path: &str, version: Option<i32>) -> Vec<Json> {
        let path = format!("{}/{path}", self.folder);
        loop {
            if let Some(told) = self.told.get(&path)
                && (version.is_none() || told["version"] == json!(version))
            {
                return told["diagnostics"].as_array().cloned().unwrap_or_default();
            }
            self.receive().expect("the server tells of diagnostics");
        }
    }

    /// The codes of a document's errors and warnings with their lines from 1.
    pub(super) fn codes(&mut self, path: &str, version: Option<i32>) -> Vec<String> {
        let found = self.diagnostics(path, version);
        let code = |it: &Json| {
            format!("{}:{}", it["range"]["start"]["line"].as_u64().unwrap() + 1, it["code"].as_str().unwrap())
        };
        found.iter().filter(|it| it["severity"].as_i64() < Some(3)).map(code).collect()
    }

    /// Forgets what the server has told, to wait for news.
    pub(super) fn forget(&mut self) {
        self.told.clear();
    }

    pub(super) fn send(&mut self, message: &Json) {
        self.raw(&message.to_string());
    }

    /// Any text as the body of a message.
    pub(super) fn raw(&mut self, body: &str) {
        let input = self.input.as_mut().unwrap();
        write!(input, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        input.flush().unwrap();
    }

    /// The next message; nothing when the server has closed its end.
    pub(super) fn receive(&mut self) -> Option<Json> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            match line.trim_end() {
                "" => break,
                header => {
                    let value = header.strip_prefix("Content-Length: ").expect("no other header");
                    length = value.parse().unwrap();
                }
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).unwrap();
        let message: Json = serde_json::from_slice(&body).unwrap();
        assert_eq!(message["jsonrpc"], "2.0");
        if message["method"] == "textDocument/publishDiagnostics" {
            let uri = message["params"]["uri"].as_str().unwrap();
            let path = uri.strip_prefix("file://").unwrap_or(uri).to_owned();
            self.told.insert(path, message["params"].clone());
        }
        Some(message)
    }

    /// Says goodbye as the protocol wants it.
    pub(super) fn close(mut self) {
        assert_eq!(self.ask("shutdown", Json::Null), Json::Null);
        self.notify("exit", Json::Null);
        assert_eq!(self.wait(), 0);
    }

    /// Hangs up and gives the exit code.
    pub(super) fn hang_up(mut self) -> i32 {
        self.input = None;
        self.wait()
    }

    pub(super) fn wait(&mut self) -> i32 {
        while self.receive().is_some() {}
        self.process.wait().unwrap().code().unwrap()
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
