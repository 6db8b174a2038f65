//! The language server: from an edit to its diagnostics, and from there to a completion, through the real binary.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value as Json, json};

use crate::measure::{Stopwatch, millis, quantile};
use crate::{out, process};

/// Files of the project, and definitions in each: five thousand lines together.
const FILES: usize = 5;
const PARTS: usize = 30;

const EDITS: usize = 101;

/// Prints the figures.
pub(crate) fn run() -> Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    let root = folder.path().canonicalize()?;
    let lines = project(&root)?;
    out(&format!(
        "an edit in a project of {lines} lines: diagnostics, then a completion (line: <= 20 ms together)"
    ));
    let mut editor = Editor::start(&root)?;
    let file = format!("file://{}/workflows/file0.twf", root.display());
    let text = std::fs::read_to_string(root.join("workflows/file0.twf"))?;
    editor.open(&file, &text)?;
    let row = text.lines().position(|line| line.contains("tries = 0")).context("a line to edit")?;
    let (mut checks, mut completions, mut both) = (Vec::new(), Vec::new(), Vec::new());
    for version in 2..EDITS + 2 {
        let watch = Stopwatch::start();
        editor.edit(&file, version, row, if version % 2 == 0 { "    activity \n" } else { "" })?;
        editor.wait_for_version(version)?;
        let checked = watch.elapsed();
        let items = editor.complete(&file, row + 1, 13)?;
        let all = watch.elapsed();
        anyhow::ensure!(version % 2 == 1 || items >= PARTS, "{items} proposals only");
        checks.push(checked);
        completions.push(all.saturating_sub(checked));
        both.push(all);
    }
    figure("edit to diagnostics", &mut checks);
    figure("completion after it", &mut completions);
    figure("both", &mut both);
    Ok(())
}

fn figure(what: &str, samples: &mut [Duration]) {
    let (median, p95) = (quantile(samples, 0.5), quantile(samples, 0.95));
    out(&format!("{what}: median {:.1} ms, p95 {:.1} ms", millis(median), millis(p95)));
}

/// Writes the project and gives its number of lines.
fn project(root: &Path) -> Result<usize> {
    std::fs::create_dir(root.join("workflows"))?;
    let mut lines = 0;
    for file in 0..FILES {
        let mut text = String::new();
        for part in 0..PARTS {
            definition(&mut text, file, part)?;
        }
        lines += text.lines().count();
        std::fs::write(root.join(format!("workflows/file{file}.twf")), text)?;
    }
    Ok(lines)
}

/// A type, an activity, and a workflow that calls those of the next file.
fn definition(text: &mut String, file: usize, part: usize) -> Result<()> {
    let next = (file + 1) % FILES;
    write!(
        text,
        r#"# An order of kind {part}.
type Order{file}x{part}:
    id: string
    total: decimal = 0

# Does the work.
activity Work{file}x{part}(order: Order{file}x{part}, again: bool = false) -> (Order{file}x{part}):
    default_options:
        start_to_close_timeout: 30s
    ...

workflow Flow{file}x{part}(order: Order{file}x{part}) -> (any):
    state:
        condition ready
        tries = 0
    signal Ready(by: string):
        last = by
        set ready
    query Tries() -> (int):
        return tries
    for (tries < 3):
        activity Work{file}x{part}(order, again: tries > 0) -> done
        tries = tries + 1
        if (done.total > 10):
            break
    await one:
        ready:
            log("ready", last)
        timer(5m):
            close fail(Late{{id: order.id, tries}})
    activity Work{next}x{part}({{id: order.id, total: done.total}}) -> other
    close complete(other.total + done.total)

"#
    )?;
    Ok(())
}

/// A server and the pipes to it.
struct Editor {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    id: usize,
}

impl Editor {
    fn start(root: &Path) -> Result<Editor> {
        let binary = process::binary()?;
        let mut process = Command::new(&binary)
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} cannot be run", binary.display()))?;
        let input = process.stdin.take().context("the input is piped")?;
        let output = BufReader::new(process.stdout.take().context("the output is piped")?);
        let mut editor = Editor { process, input, output, id: 0 };
        let folder = json!({ "uri": format!("file://{}", root.display()), "name": "bench" });
        let params =
            json!({ "processId": null, "rootUri": null, "capabilities": {}, "workspaceFolders": [folder] });
        editor.ask("initialize", &params)?;
        editor.notify("initialized", &json!({}))?;
        Ok(editor)
    }

    fn open(&mut self, uri: &str, text: &str) -> Result<()> {
        let document = json!({ "uri": uri, "languageId": "twf", "version": 1, "text": text });
        self.notify("textDocument/didOpen", &json!({ "textDocument": document }))?;
        self.wait_for_version(1)
    }

    /// Puts a line behind a row, or takes it out again.
    fn edit(&mut self, uri: &str, version: usize, row: usize, line: &str) -> Result<()> {
        let end = if line.is_empty() { row + 2 } else { row + 1 };
        let place = |line: usize| json!({ "line": line, "character": 0 });
        let change = json!({ "range": { "start": place(row + 1), "end": place(end) }, "text": line });
        let document = json!({ "uri": uri, "version": version });
        self.notify(
            "textDocument/didChange",
            &json!({ "textDocument": document, "contentChanges": [change] }),
        )
    }

    fn complete(&mut self, uri: &str, line: usize, character: usize) -> Result<usize> {
        let position = json!({ "line": line, "character": character });
        let params = json!({ "textDocument": { "uri": uri }, "position": position });
        let answer = self.ask("textDocument/completion", &params)?;
        Ok(answer.pointer("/result/items").and_then(Json::as_array).map_or(0, Vec::len))
    }

    fn wait_for_version(&mut self, version: usize) -> Result<()> {
        loop {
            let message = self.receive()?;
            let told = message.pointer("/params/version").and_then(Json::as_u64);
            if told == u64::try_from(version).ok() {
                return Ok(());
            }
        }
    }

    fn ask(&mut self, method: &str, params: &Json) -> Result<Json> {
        self.id += 1;
        let id = self.id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        loop {
            let message = self.receive()?;
            if message.get("id").and_then(Json::as_u64) == u64::try_from(id).ok() {
                return Ok(message);
            }
        }
    }

    fn notify(&mut self, method: &str, params: &Json) -> Result<()> {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }))
    }

    fn send(&mut self, message: &Json) -> Result<()> {
        let body = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{body}", body.len())?;
        self.input.flush()?;
        Ok(())
    }

    fn receive(&mut self) -> Result<Json> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            anyhow::ensure!(self.output.read_line(&mut line)? > 0, "the server has left");
            match line.trim_end().strip_prefix("Content-Length: ") {
                Some(value) => length = value.parse()?,
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body)?;
        Ok(serde_json::from_slice(&body)?)
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        // It may have left already.
        let _ended = self.process.kill();
        let _waited = self.process.wait();
    }
}
