//! `kill -9` of either server while one calls the other: every caller learns the end, and nothing is carried out twice.

use serde_json::json;

use super::world::Pair;

const ORDERS: usize = 24;

#[test]
fn whichever_server_is_killed_every_operation_is_carried_out_once_and_its_end_is_learned() {
    let mut pair = Pair::start();
    let mut runs = Vec::new();
    for order in 0..ORDERS {
        runs.push(pair.shop.begin("Pay", &json!({ "amount": order })));
        // One after the other, and at places in an operation's life that differ: while it is started, while it runs,
        // while its end is brought.
        match order % 6 {
            1 => pair.bank = pair.bank.killed(),
            3 => pair.shop = pair.shop.killed(),
            5 => {
                pair.bank = pair.bank.killed();
                pair.shop = pair.shop.killed();
            }
            _ => {}
        }
    }
    for (order, run) in runs.iter().enumerate() {
        assert_eq!(pair.shop.result(run), json!(format!("paid {order} for shop")), "{run}");
    }
    let handled = pair.bank.wait_for("Pay", ORDERS);
    assert_eq!(handled.len(), ORDERS, "one run for each operation");
    assert!(handled.iter().all(|run| run["status"] == "completed"), "{handled:?}");
}
