//! Learning about other instances from chance and time.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::fixture::{module, result, run, sandbox};

#[tokio::test]
async fn random_numbers_of_instances_have_nothing_in_common() {
    let source = "export function Main() { return Array.from({ length: 16 }, Math.random) }";
    let mut seen = HashSet::new();
    let mut above = 0_usize;
    for _ in 0..64 {
        for number in result(source).await.as_array().unwrap() {
            let number = number.as_f64().unwrap();
            assert!(seen.insert(number.to_bits()), "{number} came twice");
            above += usize::from(number > 0.5);
        }
    }
    // 1 024 fair coins; a hundred away from the middle would be six deviations.
    assert!((412..612).contains(&above), "{above}");
}

#[tokio::test]
async fn the_first_number_says_nothing_about_the_next_instance() {
    let module = module("export function Main() { return Math.random() }").await;
    let mut firsts = Vec::new();
    for _ in 0..64 {
        let call = nexus_sandbox::Invocation::new(module.clone(), "Main", Value::Null);
        firsts.push(sandbox().call(call).await.unwrap().result.as_f64().unwrap());
    }
    let steps: HashSet<u64> = firsts.windows(2).map(|pair| (pair[1] - pair[0]).to_bits()).collect();
    assert_eq!(steps.len(), 63, "no constant step from one instance to the next");
}

#[tokio::test]
async fn a_script_cannot_measure_what_it_does() {
    // The classical probe: how long does the same work take, again and again?
    let source = "export function Main() { const took = new Set();
        for (let probe = 0; probe < 50; probe++) { const began = Date.now(); for (let i = 0; i < 2e3; i++) Math.sqrt(i); took.add(Date.now() - began) }
        return [...took] }";
    assert_eq!(result(source).await, json!([0]));
    let counter = "export async function Main() { let n = 0, stop = false; const count = async () => { while (!stop && n < 1e3) { n++; await null } };
        const counting = count(); for (let i = 0; i < 1e3; i++); const seen = n; stop = true; await counting; return seen }";
    assert_eq!(run(counter, Value::Null).await.unwrap().result, json!(1), "no second thread counts along");
}
