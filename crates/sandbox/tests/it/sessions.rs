//! Sessions of functions: what `ctx.session` shows, changes and refuses.

use std::sync::{Arc, Mutex};

use nexus_kernel::error::Error;
use nexus_kernel::id::{Namespace, SessionId};
use nexus_kernel::port::session::{SessionChange, SessionState, Sessions};
use nexus_kernel::{BoxFuture, Json, code};
use nexus_sandbox::{CallSession, Capabilities, Invocation};
use serde_json::{Value, json};

use crate::fixture::{invocation, sandbox};

const ID: &str = "ses_0688ab1tdpv3h9m5x7cq2wnk4e";

/// A session that notes what is asked of it; changes for version 7 come too late.
#[derive(Default)]
struct One(Mutex<Vec<Json>>);

impl Sessions for One {
    fn get(
        &self,
        namespace: &Namespace,
        session: &SessionId,
    ) -> BoxFuture<'static, Result<SessionState, Error>> {
        self.0.lock().unwrap().push(json!(["get", namespace, session]));
        Box::pin(async { Ok(SessionState { state: json!({ "cart": [1] }), version: 3 }) })
    }

    fn update(
        &self,
        namespace: &Namespace,
        session: &SessionId,
        change: SessionChange,
        version: Option<u64>,
    ) -> BoxFuture<'static, Result<SessionState, Error>> {
        let SessionChange::Merge(patch) = change else { panic!("functions patch") };
        self.0.lock().unwrap().push(json!(["update", namespace, session, patch, version]));
        let answer = match version {
            Some(7) => Err(Error::new(&code::SESSION_CHANGED, "the session is at version 3, not 7")),
            _ => Ok(SessionState { state: patch, version: 4 }),
        };
        Box::pin(std::future::ready(answer))
    }
}

async fn call(source: &str, one: &Arc<One>, grants: &[&str]) -> Invocation {
    let mut call = invocation(source, Value::Null).await;
    call.capabilities = Capabilities::parse(grants.iter().copied()).unwrap();
    call.ports.sessions = Some(one.clone());
    call.context.session = Some(CallSession { id: SessionId::parse(ID).unwrap() });
    call
}

#[tokio::test]
async fn a_function_reads_and_changes_the_session_of_its_run() {
    let source = "export async function Main(_, { session }) {
        const { state, version } = await session.get();
        const changed = await session.update({ step: 'pay', note: null }, { version });
        return [session.id, state, changed, (await session.update({ a: 1 })).version] }";
    let one = Arc::new(One::default());
    let told =
        sandbox().call(call(source, &one, &["session:read", "session:write"]).await).await.unwrap().result;
    let changed = json!({ "state": { "step": "pay", "note": null }, "version": 4 });
    assert_eq!(told, json!([ID, { "cart": [1] }, changed, 4]));
    assert_eq!(
        json!(*one.0.lock().unwrap()),
        json!([
            ["get", "default", ID],
            ["update", "default", ID, { "step": "pay", "note": null }, 3],
            ["update", "default", ID, { "a": 1 }, null],
        ])
    );
}

#[tokio::test]
async fn what_a_function_may_not_or_cannot_do_has_a_name() {
    let source = "export async function Main(_, { session }) {
        const told = [];
        const tell = (promise) => promise.catch((e) => told.push([e.name, e.code ?? null]));
        await tell(session.get());
        await tell(session.update({ a: 1 }));
        await tell(session.update({ a: 1 }, { version: 7 }));
        await tell(session.update([1]));
        await tell(session.update());
        await tell(session.update({}, { version: -1 }));
        return [session.id ?? null, told] }";
    let one = Arc::new(One::default());
    let only_read = sandbox().call(call(source, &one, &["session:read"]).await).await.unwrap().result;
    let denied = json!(["PermissionError", "NX-5005"]);
    assert_eq!(
        only_read[1],
        json!([denied, denied, ["TypeError", null], ["TypeError", null], ["TypeError", null]])
    );
    let both = ["session:read", "session:write"];
    let may = sandbox().call(call(source, &one, &both).await).await.unwrap().result;
    let late = json!(["SessionError", "NX-2402"]);
    assert_eq!(may[1], json!([late, ["TypeError", null], ["TypeError", null], ["TypeError", null]]));
    let mut without = call(source, &one, &both).await;
    without.context.session = None;
    let told = sandbox().call(without).await.unwrap().result;
    let none = json!(["SessionError", "NX-2401"]);
    assert_eq!(told[0], Json::Null);
    assert_eq!((&told[1][0], &told[1][1]), (&none, &none));
    let mut alone = call(source, &one, &both).await;
    alone.ports.sessions = None;
    let told = sandbox().call(alone).await.unwrap().result;
    assert_eq!(told[1][0], json!(["UnavailableError", null]));
}
