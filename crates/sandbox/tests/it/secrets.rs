//! Secrets: read by who may, and never told.

use std::sync::Arc;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::secret::{Secret, Secrets};
use nexus_kernel::{BoxFuture, Json};
use nexus_sandbox::{CallError, Capabilities, Outcome};
use serde_json::{Value, json};

use crate::fixture::{invocation, sandbox};

struct Vault;

impl Secrets for Vault {
    fn secret(&self, _: &Namespace, name: &str) -> BoxFuture<'static, Result<Secret, Error>> {
        let found = match name {
            "bank" => Ok(Secret::new("open-sesame")),
            _ => Err(Error::new(&code::SECRET_UNKNOWN, format!("there is no secret {name:?}"))),
        };
        Box::pin(std::future::ready(found))
    }
}

async fn with_vault(source: &str) -> Result<Outcome, CallError> {
    let mut call = invocation(source, Value::Null).await;
    call.capabilities = Capabilities::parse(["secret:read:bank", "secret:read:gone"]).unwrap();
    call.ports.secrets = Some(Arc::new(Vault));
    sandbox().call(call).await
}

#[tokio::test]
async fn a_secret_is_read_by_name() {
    let source = "export async function Main(_, ctx) { const told = [(await ctx.secret('bank')).length];
        for (const name of ['gone', 'other']) await ctx.secret(name).catch((e) => told.push(e.name, e.code)); return told }";
    let expected = json!([11, "SecretError", "NX-5051", "PermissionError", "NX-5005"]);
    assert_eq!(with_vault(source).await.unwrap().result, expected);
}

#[tokio::test]
async fn a_secret_leaves_in_no_log_and_no_result() {
    let source = "export async function Main(_, ctx) { console.log('before open-sesame');
        const key = await ctx.secret('bank'); console.log('key', key, { key }); ctx.log.error(new Error(`x${key}x`));
        return { key, nested: [`Bearer ${key}`], [key]: 1 } }";
    let outcome = with_vault(source).await.unwrap();
    let told = format!("{:?} {}", outcome.logs, outcome.result);
    assert!(!told.contains("sesame"), "{told}");
    assert_eq!(outcome.result["nested"], json!(["Bearer [secret bank]"]));
    assert_eq!(outcome.logs.last().unwrap().message, "the result held a secret, which was taken out");
}

#[tokio::test]
async fn a_secret_leaves_in_no_failure() {
    for thrown in [
        "new Error(`no ${key}`)",
        "new ApplicationFailure('x', { type: key, details: [{ key }], cause: new Error(key) })",
        "key",
        "{ key }",
    ] {
        let source = format!(
            "export async function Main(_, ctx) {{ const key = await ctx.secret('bank'); ctx.log(key); throw {thrown} }}"
        );
        let error = with_vault(&source).await.unwrap_err();
        let told = format!("{:?} {:?}", error.kind.to_failure(), error.logs);
        assert!(!told.contains("sesame"), "{thrown}: {told}");
        assert!(told.contains("[secret bank]"), "{thrown}: {told}");
    }
}

#[tokio::test]
async fn a_secret_of_one_call_is_no_secret_of_the_next() {
    let source = "export function Main() { return 'open-sesame' }";
    assert_eq!(with_vault(source).await.unwrap().result, Json::from("open-sesame"));
}
