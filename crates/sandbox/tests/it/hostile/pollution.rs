//! Changing what others use.

use serde_json::{Value, json};

use super::assert_well;
use crate::fixture::{result, run};

#[tokio::test]
async fn of_the_api() {
    let source = "export async function Main(_, ctx) {
        const tried = [];
        const attempt = (change) => { try { change(); tried.push('changed') } catch (e) { tried.push(e.name) } };
        attempt(() => { Object.prototype.check = [{ key: 'x' }] });
        attempt(() => { Array.prototype.map = () => [{ key: 'other-key', value: 'stolen' }] });
        attempt(() => { Object.prototype.toJSON = () => 'stolen' });
        attempt(() => { String.prototype.toJSON = () => 'stolen' });
        attempt(() => { Promise.prototype.then = (f) => f('stolen') });
        attempt(() => { ctx.kv.put = () => {} });
        attempt(() => { Object.getPrototypeOf(ctx).log = () => {} });
        attempt(() => { console.log = () => {} });
        await ctx.kv.put('pollution/a', { b: 1 });
        return [tried, await ctx.kv.get('pollution/a')] }";
    let outcome = run(source, Value::Null).await.unwrap();
    assert_eq!(outcome.result, json!([vec!["TypeError"; 8], { "b": 1 }]));
    assert_well().await;
}

#[tokio::test]
async fn across_executions() {
    let pollute = "export function Main(_, ctx) {
        globalThis.left = 'behind'; globalThis.Math = null; Main.left = 'behind'; ctx.left = 'behind';
        try { Object.prototype.left = 'behind' } catch {}
        return Object.keys(globalThis) }";
    let look = "export function Main(_, ctx) {
        return [typeof left, typeof Math, Main.left ?? null, ctx.left ?? null, {}.left ?? null] }";
    for _ in 0..20 {
        assert_eq!(result(pollute).await, json!(["left"]));
        assert_eq!(result(look).await, json!(["undefined", "object", null, null, null]));
    }
}
