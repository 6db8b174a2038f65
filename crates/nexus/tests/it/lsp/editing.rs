//! Documents, files and folders that change.

use serde_json::json;

use super::client::Editor;
use crate::support::Project;

const ORDERS: &str = "workflow Order(id: string):\n    activity Charge(id)\n";
const ACTIVITIES: &str = "activity Charge(id: string) -> (any):\n    ...\n";

fn project() -> Project {
    Project::with(&[("workflows/orders.twf", ORDERS), ("workflows/deep/activities.twf", ACTIVITIES)])
}

#[test]
fn the_files_of_a_project_are_checked_together() {
    let project = project();
    let mut editor = Editor::open(&project);
    assert_eq!(editor.codes("workflows/orders.twf", None), Vec::<String>::new());
    // An edit in one file shows in another one, which is not open.
    editor.show("workflows/deep/activities.twf", &ACTIVITIES.replace("Charge", "Pay"));
    editor.forget();
    assert_eq!(editor.codes("workflows/orders.twf", None), ["2:UNDEFINED_ACTIVITY"]);
    editor.forget();
    let end = json!({ "line": 0, "character": 12 });
    let change = json!({ "range": { "start": { "line": 0, "character": 9 }, "end": end }, "text": "Charge" });
    editor.change("workflows/deep/activities.twf", 2, json!([change]));
    assert_eq!(editor.codes("workflows/deep/activities.twf", Some(2)), Vec::<String>::new());
    assert_eq!(editor.codes("workflows/orders.twf", None), Vec::<String>::new());
    editor.close();
}

#[test]
fn closing_brings_the_file_on_the_disk_back() {
    let project = project();
    let mut editor = Editor::open(&project);
    editor.show("workflows/orders.twf", "workflow Broken(\n");
    assert_eq!(editor.codes("workflows/orders.twf", Some(1)), ["1:EMPTY_WORKFLOW", "1:LEX"]);
    editor.forget();
    let uri = editor.uri("workflows/orders.twf");
    editor.notify("textDocument/didClose", json!({ "textDocument": { "uri": uri } }));
    assert_eq!(editor.codes("workflows/orders.twf", None), Vec::<String>::new());
    editor.close();
}

#[test]
fn files_that_others_change_are_read_again() {
    let project = project();
    let watching = json!({ "workspace": { "didChangeWatchedFiles": { "dynamicRegistration": true } } });
    let mut editor = Editor::open_with(&project, watching);
    let asked = loop {
        let message = editor.receive().unwrap();
        if message["method"] == "client/registerCapability" {
            break message;
        }
    };
    assert_eq!(
        asked["params"]["registrations"][0]["registerOptions"]["watchers"][0]["globPattern"],
        "**/*.twf"
    );
    editor.send(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": null }));
    assert_eq!(editor.codes("workflows/orders.twf", None), Vec::<String>::new());
    std::fs::remove_file(project.path().join("workflows/deep/activities.twf")).unwrap();
    project.write("workflows/new.twf", "activity New():\n    activity Bad()\n");
    let change = |path: &str, kind: u8| json!({ "uri": editor.uri(path), "type": kind });
    let changes = json!([change("workflows/deep/activities.twf", 3), change("workflows/new.twf", 1)]);
    editor.forget();
    editor.notify("workspace/didChangeWatchedFiles", json!({ "changes": changes }));
    assert_eq!(editor.codes("workflows/orders.twf", None), ["2:UNDEFINED_ACTIVITY"]);
    assert_eq!(editor.codes("workflows/new.twf", None), ["2:SYNTAX"]);
    editor.close();
}

#[test]
fn folders_come_and_go_and_are_programs_of_their_own() {
    let project = Project::with(&[
        ("one/workflows/a.twf", "activity Same():\n    ...\n"),
        ("two/workflows/a.twf", "activity Same():\n    ...\nworkflow W():\n    activity Same(1)\n"),
    ]);
    let mut editor = Editor::start(&project);
    let folder = |editor: &Editor, name: &str| json!({ "uri": editor.uri(name), "name": name });
    let one = folder(&editor, "one");
    let params = json!({ "processId": null, "rootUri": null, "capabilities": {}, "workspaceFolders": [one] });
    editor.ask("initialize", params);
    editor.notify("initialized", json!({}));
    assert_eq!(editor.codes("one/workflows/a.twf", None), Vec::<String>::new());
    let event = json!({ "added": [folder(&editor, "two")], "removed": [] });
    editor.notify("workspace/didChangeWorkspaceFolders", json!({ "event": event }));
    assert_eq!(editor.codes("two/workflows/a.twf", None), ["4:ARITY_MISMATCH"]);
    editor.forget();
    let event = json!({ "added": [], "removed": [folder(&editor, "two")] });
    editor.notify("workspace/didChangeWorkspaceFolders", json!({ "event": event }));
    assert_eq!(editor.codes("two/workflows/a.twf", None), Vec::<String>::new());
    let found = editor.ask("workspace/symbol", json!({ "query": "Same" }));
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    editor.close();
}

#[test]
fn places_are_counted_as_the_editor_counts() {
    let text = "# ä😀\nworkflow A():\n    x = \"😀\" + y\n";
    let project = Project::with(&[("workflows/a.twf", text)]);
    for (encodings, character) in [(json!(["utf-8"]), 17), (json!(["utf-16"]), 15), (json!(["utf-32"]), 14)] {
        let mut editor =
            Editor::open_with(&project, json!({ "general": { "positionEncodings": encodings } }));
        let found = editor.diagnostics("workflows/a.twf", None);
        assert_eq!(found[0]["code"], "UNDEFINED_VARIABLE");
        assert_eq!(found[0]["range"]["start"], json!({ "line": 2, "character": character }), "{encodings}");
        editor.close();
    }
}

#[test]
fn a_document_without_a_file_is_served_too() {
    let project = project();
    let mut editor = Editor::open(&project);
    let document = json!({ "uri": "untitled:One", "languageId": "twf", "version": 1, "text": ORDERS });
    editor.notify("textDocument/didOpen", json!({ "textDocument": document }));
    let at = json!({ "textDocument": { "uri": "untitled:One" }, "position": { "line": 0, "character": 10 } });
    let hover = editor.ask("textDocument/hover", at);
    assert!(hover["contents"]["value"].as_str().unwrap().contains("workflow Order(id: string)"), "{hover}");
    editor.close();
}

#[test]
fn a_document_of_a_project_that_is_not_open_brings_the_other_files_along() {
    let project = project();
    let mut editor = Editor::start(&project);
    editor.ask("initialize", json!({ "processId": null, "rootUri": null, "capabilities": {} }));
    editor.notify("initialized", json!({}));
    editor.show("workflows/orders.twf", ORDERS);
    assert_eq!(editor.codes("workflows/orders.twf", Some(1)), Vec::<String>::new());
    let at = editor.at("workflows/orders.twf", 1, 14);
    let found = editor.ask("textDocument/definition", at);
    assert_eq!(found[0]["uri"], editor.uri("workflows/deep/activities.twf"));
    editor.close();
}

#[test]
fn endpoints_and_services_of_the_configuration_are_known_and_followed() {
    let text = "workflow A(p: any) -> (any):\n    nexus door Cards.Charge(p) -> receipt\n        options:\n            \
                schedule_to_close_timeout: 1m\n    return receipt\n";
    let config =
        "[endpoints.door]\nnamespace = \"bank\"\n[services.Cards.operations.Charge]\nfunction = \"charge\"\n";
    let project = Project::with(&[("workflows/a.twf", text), ("nexus.toml", config)]);
    let mut editor = Editor::open(&project);
    assert_eq!(editor.codes("workflows/a.twf", None), Vec::<String>::new());
    let asked = editor.at("workflows/a.twf", 1, 10);
    let offered = editor.ask("textDocument/completion", asked).to_string();
    assert!(offered.contains("\"door\""), "{offered}");
    // The definition is in no file that an editor could show.
    let asked = editor.at("workflows/a.twf", 1, 17);
    assert_eq!(editor.ask("textDocument/definition", asked), json!(null));
    editor.forget();
    project.write("nexus.toml", "[endpoints.gate]\nregistered = true\n");
    let changed = json!({ "uri": editor.uri("nexus.toml"), "type": 2 });
    editor.notify("workspace/didChangeWatchedFiles", json!({ "changes": [changed] }));
    assert_eq!(
        editor.codes("workflows/a.twf", None),
        ["2:NEXUS_UNDEFINED_ENDPOINT", "2:NEXUS_UNDEFINED_SERVICE"]
    );
    editor.close();
}
