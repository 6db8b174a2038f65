//! Events of functions: which ids they have, what comes back, what is refused.

use std::sync::{Arc, Mutex};

use nexus_kernel::error::Error;
use nexus_kernel::port::event::{Publication, Published, Publisher};
use nexus_kernel::{BoxFuture, Json, code};
use nexus_sandbox::{Capabilities, Invocation};
use serde_json::{Value, json};

use crate::fixture::{invocation, sandbox};

/// Notes what is published, and refuses one type.
#[derive(Default)]
pub(crate) struct Log(Mutex<Vec<Publication>>);

impl Publisher for Log {
    fn publish(&self, publication: Publication) -> BoxFuture<'static, Result<Published, Error>> {
        let mut all = self.0.lock().unwrap();
        let answer = match publication.kind.as_str() {
            "no good" => Err(Error::new(&code::EVENT_INVALID, "that is no type")),
            _ => Ok(Published { id: publication.id.clone(), sequence: all.len() as u64 + 1 }),
        };
        all.push(publication);
        Box::pin(std::future::ready(answer))
    }
}

impl Log {
    fn take(&self) -> Vec<Json> {
        let all = std::mem::take(&mut *self.0.lock().unwrap());
        let shown = |it: Publication| json!([it.namespace, it.id, it.kind, it.subject, it.data]);
        all.into_iter().map(shown).collect()
    }
}

async fn call(source: &str, log: &Arc<Log>, grant: &str) -> Invocation {
    let mut call = invocation(source, Value::Null).await;
    call.capabilities = Capabilities::parse([grant]).unwrap();
    call.ports.events = Some(log.clone());
    call.context.idempotency_key = Some("o-1/run_1/3".to_owned());
    call
}

#[tokio::test]
async fn a_repeated_attempt_publishes_with_the_same_ids() {
    let source = "export async function Main(_, { event }) {
        const first = await event.publish('order.paid', { amount: 5 }, { subject: 'order-7' });
        const bare = await event.publish('order.sent');
        const own = await event.publish('order.sent', [1], { id: 'mine' });
        return [first, bare.sequence, own.id] }";
    let log = Arc::new(Log::default());
    let call = call(source, &log, "event:publish:order.*").await;
    let told = sandbox().call(call.clone()).await.unwrap().result;
    assert_eq!(told, json!([{ "id": "o-1/run_1/3/0/event/order.paid", "sequence": 1 }, 2, "mine"]));
    let published = log.take();
    assert_eq!(
        json!(published),
        json!([
            ["default", "o-1/run_1/3/0/event/order.paid", "order.paid", "order-7", {"amount": 5}],
            ["default", "o-1/run_1/3/1/event/order.sent", "order.sent", null, null],
            ["default", "mine", "order.sent", null, [1]],
        ])
    );
    sandbox().call(call).await.unwrap();
    assert_eq!(log.take(), published);
}

#[tokio::test]
async fn only_granted_types_are_published_and_refusals_can_be_caught() {
    let source = "export async function Main(_, { event }) { const told = [];
        for (const args of [['user.left'], ['no good'], [5], ['order', null, { id: 5 }]])
            await event.publish(...args).catch((e) => told.push([e.name, e.code ?? null]));
        return told }";
    let log = Arc::new(Log::default());
    let narrow = call(source, &log, "event:publish:no*").await;
    let denied = json!(["PermissionError", "NX-5005"]);
    let told = sandbox().call(narrow).await.unwrap().result;
    assert_eq!(told, json!([denied, ["EventError", "NX-2301"], ["TypeError", null], ["TypeError", null]]));
    assert_eq!(log.take().len(), 1);
    let mut alone =
        call("export async function Main(_, ctx) { await ctx.event.publish('a') }", &log, "event:publish")
            .await;
    alone.ports.events = None;
    let refused = sandbox().call(alone).await.unwrap_err();
    assert!(refused.to_string().contains("nobody takes events"), "{refused}");
}
