//! How a session begins, goes wrong and ends.

use serde_json::{Value as Json, json};

use super::client::Editor;
use crate::support::Project;

fn empty() -> Project {
    Project::with(&[("workflows/a.twf", "workflow A():\n    pass\n")])
}

#[test]
fn a_session_ends_with_shutdown_and_exit() {
    let project = empty();
    let mut editor = Editor::open(&project);
    assert_eq!(editor.capabilities["positionEncoding"], "utf-8");
    assert_eq!(editor.capabilities["textDocumentSync"]["change"], 2);
    editor.ask("shutdown", Json::Null);
    let late = editor.try_ask("textDocument/hover", editor.at("workflows/a.twf", 0, 0));
    assert_eq!(late["error"]["code"], -32600);
    editor.notify("exit", Json::Null);
    assert_eq!(editor.wait(), 0);
}

#[test]
fn leaving_without_shutdown_ends_with_one() {
    let project = empty();
    assert_eq!(Editor::open(&project).hang_up(), 1);
    let mut editor = Editor::start(&project);
    editor.notify("exit", Json::Null);
    assert_eq!(editor.wait(), 1);
}

#[test]
fn requests_before_initialize_are_refused() {
    let project = empty();
    let mut editor = Editor::start(&project);
    let early = editor.try_ask("textDocument/hover", json!({}));
    assert_eq!(early["error"]["code"], -32002);
    editor.ask("initialize", json!({ "processId": null, "rootUri": null, "capabilities": {} }));
    let again =
        editor.try_ask("initialize", json!({ "processId": null, "rootUri": null, "capabilities": {} }));
    assert_eq!(again["error"]["code"], -32600);
    editor.close();
}

#[test]
fn what_is_no_message_is_answered_and_survived() {
    let project = empty();
    let mut editor = Editor::open(&project);
    for body in ["{\"jsonrpc\":", "[]", "{}", "\"x\"", "\u{0}"] {
        editor.raw(body);
        let answer = loop {
            let message = editor.receive().unwrap();
            if message["method"].is_null() {
                break message;
            }
        };
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32700), &Json::Null), "{body:?}");
    }
    let unknown = editor.try_ask("textDocument/teleport", json!({}));
    assert_eq!(unknown["error"]["code"], -32601);
    let wrong = editor.try_ask("textDocument/hover", json!({ "position": "here" }));
    assert_eq!(wrong["error"]["code"], -32602);
    editor.notify("textDocument/didChange", json!({ "nonsense": true }));
    editor.notify("no/such/thing", json!({}));
    let elsewhere = editor.at("nowhere.twf", 3, 3);
    assert_eq!(editor.ask("textDocument/hover", elsewhere), Json::Null);
    editor.close();
}

#[test]
fn a_cancelled_request_has_one_answer() {
    let project = empty();
    let mut editor = Editor::open(&project);
    let at = editor.at("workflows/a.twf", 0, 9);
    let first = editor.request("textDocument/hover", at.clone());
    editor.notify("$/cancelRequest", json!({ "id": first }));
    let second = editor.request("textDocument/hover", at);
    let answer = editor.answer(first);
    assert!(answer["error"]["code"] == -32800 || answer["result"].is_object(), "{answer}");
    assert!(editor.answer(second)["result"].is_object());
    editor.notify("$/cancelRequest", json!({ "id": first }));
    editor.notify("$/cancelRequest", json!({ "id": "never" }));
    editor.close();
}
