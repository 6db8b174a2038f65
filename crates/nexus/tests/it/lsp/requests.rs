//! Every request, on the example project.

use serde_json::{Value as Json, json};

use super::client::Editor;
use crate::support::Project;

const ORDERS: &str = "workflows/orders.twf";

/// Line and character, both from 0, of some text in a file of the project.
fn find(project: &Project, path: &str, text: &str) -> (u32, u32) {
    let all = std::fs::read_to_string(project.path().join(path)).unwrap();
    let at = all.find(text).unwrap_or_else(|| panic!("{text:?} is not in {path}"));
    let line = all[..at].matches('\n').count();
    let column = at - all[..at].rfind('\n').map_or(0, |before| before + 1);
    (u32::try_from(line).unwrap(), u32::try_from(column).unwrap())
}

struct Shop {
    project: Project,
    editor: Editor,
}

impl Shop {
    fn open() -> Shop {
        let project = Project::shop();
        let editor = Editor::open(&project);
        Shop { project, editor }
    }

    fn at(&self, path: &str, text: &str) -> Json {
        let (line, character) = find(&self.project, path, text);
        self.editor.at(path, line, character)
    }

    fn ask(&mut self, method: &str, path: &str, text: &str) -> Json {
        let params = self.at(path, text);
        self.editor.ask(&format!("textDocument/{method}"), params)
    }

    fn with(&mut self, method: &str, (path, text): (&str, &str), more: Json) -> Json {
        let mut params = self.at(path, text);
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.editor.ask(&format!("textDocument/{method}"), params)
    }
}

#[test]
fn hover_definition_and_references() {
    let mut shop = Shop::open();
    let hover = shop.ask("hover", ORDERS, "ReserveStock(order_id, line)");
    let text = hover["contents"]["value"].as_str().unwrap();
    assert!(
        text.contains("activity ReserveStock(order_id: string, line: PricedLine) -> (Reservation)"),
        "{text}"
    );
    assert!(text.contains("Sets stock aside for one line."), "{text}");
    let definition = shop.ask("definition", ORDERS, "Payments.Charge(Payment{");
    let (line, _) = find(&shop.project, "workflows/payments.twf", "nexus service Payments");
    assert_eq!(definition[0]["range"]["start"]["line"], line);
    assert_eq!(definition[0]["uri"], shop.editor.uri("workflows/payments.twf"));
    let context = json!({ "context": { "includeDeclaration": true } });
    let found = shop.with("references", (ORDERS, "ReleaseStock(order_id: string)"), context);
    assert_eq!(found.as_array().unwrap().len(), 4, "{found}");
    let found = shop.ask("documentHighlight", ORDERS, "is_payment_open = false");
    let kinds: Vec<_> = found.as_array().unwrap().iter().map(|it| it["kind"].clone()).collect();
    assert_eq!(kinds, [3, 3, 2]);
    shop.editor.close();
}

#[test]
fn symbols_of_a_document_and_of_the_workspace() {
    let mut shop = Shop::open();
    let uri = shop.editor.uri(ORDERS);
    let symbols = shop.editor.ask("textDocument/documentSymbol", json!({ "textDocument": { "uri": uri } }));
    let names: Vec<&str> =
        symbols.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert!(
        names.contains(&"Checkout") && names.contains(&"OrdersWorker") && names.contains(&"orders"),
        "{names:?}"
    );
    let found = shop.editor.ask("workspace/symbol", json!({ "query": "chkout" }));
    assert_eq!(found[0]["name"], "Checkout");
    assert_eq!(found[0]["location"]["uri"], uri);
    shop.editor.close();
}

#[test]
fn completion_and_signature_help() {
    let mut shop = Shop::open();
    let text = std::fs::read_to_string(shop.project.path().join(ORDERS)).unwrap();
    shop.editor.show(ORDERS, &text);
    let (line, _) = find(&shop.project, ORDERS, "    close complete(receipt)");
    let insert = |text: &str| {
        let at = json!({ "line": line, "character": 0 });
        json!([{ "range": { "start": at, "end": at }, "text": text }])
    };
    shop.editor.change(ORDERS, 2, insert("    activity Rel\n"));
    let at = shop.editor.at(ORDERS, line, 16);
    let found = shop.editor.ask("textDocument/completion", at);
    let item = found["items"].as_array().unwrap().iter().find(|it| it["label"] == "ReleaseStock").unwrap();
    assert_eq!(item["textEdit"]["newText"], "ReleaseStock(${1:order_id}) -> ${0:result}");
    assert_eq!(item["textEdit"]["range"]["start"]["character"], 13);
    assert_eq!(item["insertTextFormat"], 2);
    shop.editor.change(ORDERS, 3, insert("    activity ReserveStock(order_id, \n"));
    let at = shop.editor.at(ORDERS, line, 36);
    let help = shop.editor.ask("textDocument/signatureHelp", at);
    assert_eq!(help["activeParameter"], 1, "{help}");
    let label = help["signatures"][0]["label"].as_str().unwrap();
    assert_eq!(label, "activity ReserveStock(order_id: string, line: PricedLine) -> (Reservation)");
    shop.editor.close();
}

#[test]
fn renaming_across_files() {
    let mut shop = Shop::open();
    let place = (ORDERS, "Payments.Refund(RefundRequest");
    let params = shop.at(place.0, place.1);
    let prepared = shop.editor.ask("textDocument/prepareRename", params);
    assert_eq!(prepared["placeholder"], "Payments");
    let edit = shop.with("rename", place, json!({ "newName": "Money" }));
    let changes = edit["changes"].as_object().unwrap();
    let (orders, payments) = (shop.editor.uri(ORDERS), shop.editor.uri("workflows/payments.twf"));
    assert_eq!(changes[&orders].as_array().unwrap().len(), 3, "{edit}");
    assert_eq!(changes[&payments].as_array().unwrap().len(), 2, "{edit}");
    let mut params = shop.at(place.0, place.1);
    params["newName"] = json!("await");
    let refused = shop.editor.try_ask("textDocument/rename", params);
    assert_eq!(refused["error"]["message"], "`await` is a keyword");
    let params = shop.at(ORDERS, "await one");
    let refused = shop.editor.try_ask("textDocument/prepareRename", params);
    assert_eq!(refused["error"]["message"], "there is no name here");
    shop.editor.close();
}

#[test]
fn every_request_is_answered_on_broken_files() {
    let project = Project::with(&[]);
    let mut editor = Editor::open(&project);
    let texts = [
        "",
        "workflow",
        "workflow W(\n  x: [\n",
        "\t\t\n  }{)(",
        "await one:\n  $$$\n",
        "é\u{0}\n\"",
        "nexus service S:\n  sync",
    ];
    for (version, text) in (1..).zip(texts) {
        editor.show("broken.twf", text);
        editor.rewrite("broken.twf", version + 1, &format!("{text}\n    activity A("));
        for method in editor_requests(&editor.capabilities) {
            for (line, character) in [(0, 0), (1, 2), (9, 99)] {
                let mut params = editor.at("broken.twf", line, character);
                params.as_object_mut().unwrap().extend(extra());
                let answer = editor.try_ask(&method, params);
                let code = answer["error"]["code"].as_i64().unwrap_or(0);
                assert!(code == 0 || code == -32803, "{method} on {text:?}: {answer}");
            }
        }
    }
    editor.close();
}

#[test]
fn code_actions_mend_what_is_wrong() {
    let project = Project::with(&[(
        "workflows/a.twf",
        "workflow A() -> int:\n    activity Missing(1) -> x\n    return x\n",
    )]);
    let mut editor = Editor::open(&project);
    let found = editor.diagnostics("workflows/a.twf", None);
    let missing = found.iter().find(|it| it["code"] == "UNDEFINED_ACTIVITY").unwrap().clone();
    let document = json!({ "uri": editor.uri("workflows/a.twf") });
    let params = |only: Json, range: &Json| json!({ "textDocument": document, "range": range, "context": { "diagnostics": [], "only": only } });
    let all = editor.ask("textDocument/codeAction", params(json!(["quickfix"]), &missing["range"]));
    let add = all.as_array().unwrap().iter().find(|it| it["title"] == "add the activity `Missing`").unwrap();
    assert_eq!(add["diagnostics"][0]["code"], "UNDEFINED_ACTIVITY");
    let edit = &add["edit"]["changes"][editor.uri("workflows/a.twf")][0];
    assert!(edit["newText"].as_str().unwrap().contains("activity Missing(value1: int) -> (any):"), "{edit}");
    let whole = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 9, "character": 0 } });
    let all = editor.ask("textDocument/codeAction", params(json!(["source.fixAll"]), &whole));
    assert_eq!(all.as_array().unwrap().len(), 1, "{all}");
    assert_eq!(all[0]["kind"], "source.fixAll");
    editor.close();
}

#[test]
fn colours_folds_selections_and_layout() {
    let mut shop = Shop::open();
    let uri = shop.editor.uri(ORDERS);
    let document = json!({ "textDocument": { "uri": uri } });
    let legend = shop.editor.capabilities["semanticTokensProvider"]["legend"]["tokenTypes"].clone();
    let tokens = shop.editor.ask("textDocument/semanticTokens/full", document.clone());
    let data: Vec<u64> = tokens["data"].as_array().unwrap().iter().map(|it| it.as_u64().unwrap()).collect();
    assert_eq!((data.len() % 5, data[0], data[1]), (0, 0, 0));
    assert_eq!(legend[usize::try_from(data[3]).unwrap()], "comment");
    let range = json!({ "start": { "line": 3, "character": 0 }, "end": { "line": 3, "character": 20 } });
    let mut part = document.clone();
    part["range"] = range;
    let some = shop.editor.ask("textDocument/semanticTokens/range", part);
    assert!(some["data"].as_array().unwrap().len() < data.len());
    let folds = shop.editor.ask("textDocument/foldingRange", document.clone());
    assert!(folds.as_array().unwrap().len() > 10);
    let (line, character) = find(&shop.project, ORDERS, "order.payment");
    let mut at = document.clone();
    at["positions"] = json!([{ "line": line, "character": character }]);
    let selection = shop.editor.ask("textDocument/selectionRange", at);
    assert!(selection[0]["parent"]["parent"]["range"].is_object(), "{selection}");
    let mut layout = document;
    layout["options"] = json!({ "tabSize": 2, "insertSpaces": false });
    assert_eq!(
        shop.editor.ask("textDocument/formatting", layout.clone()),
        json!([]),
        "the example is laid out already"
    );
    shop.editor.show(ORDERS, "workflow W( ):\n    x=1\n");
    let edits = shop.editor.ask("textDocument/formatting", layout.clone());
    assert_eq!(edits.as_array().unwrap().len(), 2, "{edits}");
    shop.editor.rewrite(ORDERS, 2, "workflow W(\n");
    let refused = shop.editor.try_ask("textDocument/formatting", layout);
    assert_eq!(refused["error"]["code"], -32803);
    shop.editor.close();
}

#[test]
fn calls_and_links() {
    let mut shop = Shop::open();
    let items = shop.ask("prepareCallHierarchy", ORDERS, "ReleaseStock(order_id: string)");
    assert_eq!(items[0]["name"], "ReleaseStock");
    let calls = shop.editor.ask("callHierarchy/incomingCalls", json!({ "item": items[0] }));
    assert_eq!(
        (&calls[0]["from"]["name"], calls[0]["fromRanges"].as_array().unwrap().len()),
        (&json!("Checkout"), 2)
    );
    let item = calls[0]["from"].clone();
    let calls = shop.editor.ask("callHierarchy/outgoingCalls", json!({ "item": item }));
    let names: Vec<&str> =
        calls.as_array().unwrap().iter().map(|it| it["to"]["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"Payments.Charge") && names.contains(&"ReserveStock"), "{names:?}");
    shop.project.write("code/pay.go", "package pay\n");
    shop.editor.show("workflows/links.twf", "@ref(\"code/pay.go:3\")\nworkflow L():\n    pass\n");
    let uri = shop.editor.uri("workflows/links.twf");
    let links = shop.editor.ask("textDocument/documentLink", json!({ "textDocument": { "uri": uri } }));
    assert_eq!(links[0]["target"], format!("{}#L3", shop.editor.uri("code/pay.go")));
    shop.editor.close();
}

/// What every request may need beside a document and a place.
fn extra() -> serde_json::Map<String, Json> {
    let place = json!({ "line": 0, "character": 0 });
    let range = json!({ "start": place, "end": { "line": 5, "character": 0 } });
    let fields = json!({
        "newName": "other",
        "context": { "includeDeclaration": true, "diagnostics": [], "triggerKind": 1, "isRetrigger": false },
        "range": range,
        "positions": [place],
        "options": { "tabSize": 4, "insertSpaces": true },
        "previousResultId": "0",
    });
    fields.as_object().unwrap().clone()
}

/// The requests about a document that the server says it answers.
fn editor_requests(capabilities: &Json) -> Vec<String> {
    let methods = [
        ("hoverProvider", "hover"),
        ("definitionProvider", "definition"),
        ("referencesProvider", "references"),
        ("documentHighlightProvider", "documentHighlight"),
        ("documentSymbolProvider", "documentSymbol"),
        ("completionProvider", "completion"),
        ("signatureHelpProvider", "signatureHelp"),
        ("renameProvider", "rename"),
        ("renameProvider", "prepareRename"),
        ("codeActionProvider", "codeAction"),
        ("semanticTokensProvider", "semanticTokens/full"),
        ("semanticTokensProvider", "semanticTokens/range"),
        ("foldingRangeProvider", "foldingRange"),
        ("selectionRangeProvider", "selectionRange"),
        ("documentLinkProvider", "documentLink"),
        ("documentFormattingProvider", "formatting"),
        ("inlayHintProvider", "inlayHint"),
        ("callHierarchyProvider", "prepareCallHierarchy"),
    ];
    let offered = methods.iter().filter(|(capability, _)| !capabilities[*capability].is_null());
    offered.map(|(_, method)| format!("textDocument/{method}")).collect()
}

#[test]
fn editors_without_snippets_get_plain_text() {
    let project = Project::with(&[("workflows/a.twf", "workflow W(x: int) -> (any):\n    workflow \n")]);
    let mut editor = Editor::open_with(&project, json!({}));
    let mut at = editor.at("workflows/a.twf", 1, 13);
    let found = editor.ask("textDocument/completion", at.clone());
    assert_eq!(found["items"][0]["textEdit"]["newText"], "W(x) -> result");
    assert_eq!(found["items"][0]["insertTextFormat"], 1);
    at["position"] = json!({ "line": 0, "character": 9 });
    at["context"] = json!({ "triggerKind": 2, "triggerCharacter": " " });
    let found = editor.ask("textDocument/completion", at);
    assert_eq!(found["items"], json!([]), "a new name cannot be guessed");
    editor.close();
}
