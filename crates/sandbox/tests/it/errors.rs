//! What a failing function tells: type, message, details, and the place in the user's file.

use nexus_kernel::failure::{Failure, FailureKind};
use nexus_sandbox::{CallErrorKind, JsError, SOURCE_BYTES_MAX};
use serde_json::json;

use crate::fixture::{failure, sandbox};

async fn threw(source: &str) -> Failure {
    match failure(source).await {
        CallErrorKind::Threw(failure) => *failure,
        other => panic!("{other:?}"),
    }
}

async fn refused(source: &str) -> JsError {
    sandbox().compile("activities/bad.js", source).await.unwrap_err()
}

#[tokio::test]
async fn an_error_has_type_message_and_place() {
    let failure = threw("export async function Main() {\n  const x = {};\n  x.y.z;\n}").await;
    assert_eq!(failure.kind, FailureKind::Application);
    assert_eq!(failure.type_name, "TypeError");
    assert_eq!(failure.message, "cannot read property 'z' of undefined");
    assert_eq!(failure.at.as_deref(), Some("activities/test.js:3:3"));
    assert!(!failure.non_retryable);
}

#[tokio::test]
async fn a_program_can_name_its_failures() {
    let failure = threw(
        "class CardDeclined extends Error {
            constructor(m) { super(m); this.name = 'CardDeclined'; this.nonRetryable = true; this.details = { code: 51 } } }
         export async function Main() { throw new CardDeclined('insufficient funds') }",
    )
    .await;
    assert_eq!((failure.type_name.as_str(), failure.non_retryable), ("CardDeclined", true));
    assert_eq!(failure.details, [json!({"code": 51})]);
    let failure =
        threw("export function Main() { throw ApplicationFailure.nonRetryable('no', 'Gone', 1, 'two') }")
            .await;
    assert_eq!((failure.type_name.as_str(), failure.message.as_str()), ("Gone", "no"));
    assert_eq!(failure.details, [json!(1), json!("two")]);
    assert!(failure.non_retryable);
}

#[tokio::test]
async fn causes_are_kept() {
    let failure =
        threw("export function Main() { throw new Error('outer', { cause: new RangeError('inner') }) }")
            .await;
    let chain: Vec<&str> = failure.chain().map(|link| link.message.as_str()).collect();
    assert_eq!(
        (chain.as_slice(), failure.root().type_name.as_str()),
        (["outer", "inner"].as_slice(), "RangeError")
    );
    let endless = threw("export function Main() { const e = new Error('me'); e.cause = e; throw e }").await;
    assert_eq!(endless.chain().count(), 8, "a cycle of causes ends");
}

#[tokio::test]
async fn anything_can_be_thrown() {
    assert_eq!(threw("export function Main() { throw 'text' }").await.message, "text");
    assert_eq!(threw("export function Main() { throw undefined }").await.message, "threw undefined");
    assert_eq!(threw("export function Main() { throw { code: 5 } }").await.message, "threw {\"code\":5}");
    assert_eq!(threw("export function Main() { throw Symbol('s') }").await.message, "threw Symbol(s)");
    assert_eq!(threw("export function Main() { return Promise.reject(7) }").await.message, "threw 7");
    assert_eq!(threw("throw new Error('top'); export function Main() {}").await.message, "top");
    assert_eq!(threw("await null; throw new Error('late'); export function Main() {}").await.message, "late");
}

#[tokio::test]
async fn results_that_are_no_json_are_told() {
    for (source, word) in [
        ("export function Main() { const a = {}; a.a = a; return a }", "circular"),
        ("export function Main() { return 10n }", "BigInt"),
        ("export function Main() { return { toJSON() { throw new Error('no') } } }", "no"),
    ] {
        let failure = threw(source).await;
        assert!(failure.message.starts_with("the result cannot be written as JSON: "), "{}", failure.message);
        assert!(failure.message.contains(word), "{}", failure.message);
        assert!(failure.non_retryable);
    }
    let lone = threw("export function Main() { return '\\ud800' }").await;
    assert!(lone.message.starts_with("the result cannot be written as JSON"), "{}", lone.message);
}

#[tokio::test]
async fn hostile_getters_are_read_inside() {
    let unreadable =
        threw("export function Main() { throw { get message() { throw 1 }, get name() { throw 2 } } }").await;
    assert_eq!(unreadable.message, "what was thrown cannot be read: reading it threw again");
    let proxied =
        threw("export function Main() { throw new Proxy({}, { get() { throw new Error('trap') } }) }").await;
    assert_eq!(proxied.type_name, "Error");
}

#[tokio::test]
async fn syntax_errors_have_a_place() {
    let error = refused("export async function Main() {\n  return 1 +;\n}").await;
    assert_eq!((error.file.as_str(), error.line), ("activities/bad.js", 2), "{error:?}");
    assert!(error.column >= 12 && error.message.starts_with("SyntaxError: "), "{error:?}");
    assert_eq!(error.code.id, "NX-1002");
    let error = refused("export function A() {}\nexport function A() {}").await;
    assert_eq!(error.line, 2, "{error:?}");
}

#[tokio::test]
async fn imports_are_refused_with_a_place() {
    let error =
        refused("// shared\nimport { tax } from './tax.js';\nexport function Main() { return tax }").await;
    assert_eq!((error.line, error.column), (2, 21), "{error:?}");
    assert_eq!(error.message, "cannot import \"./tax.js\": a text that belongs to no project cannot import");
    assert!(error.help.is_some());
    let failure = threw("export async function Main() { return await import('./tax.js') }").await;
    assert!(failure.message.contains("cannot import './tax.js'"), "{}", failure.message);
}

#[tokio::test]
async fn sources_that_cannot_be_read_are_refused() {
    assert!(refused(&" ".repeat(SOURCE_BYTES_MAX + 1)).await.message.contains("1048576 are allowed"));
    assert_eq!(refused("let a;\nlet b\0;").await.line, 2);
    let nested = refused(&format!("export const A = {}1{};", "(".repeat(100_000), ")".repeat(100_000))).await;
    assert!(nested.message.contains("nested too deeply"), "{nested:?}");
    assert_eq!(refused("\u{feff}export const A = @;").await.line, 1);
}
