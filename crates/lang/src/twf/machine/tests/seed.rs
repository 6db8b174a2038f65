//! The worked example of section 16 and its older spelling.

use super::*;

const CHECKOUT: &str = "
workflow ChargeCard(order: Order) -> (Receipt):
    await timer(1h)

nexus service Billing:
    async Charge workflow ChargeCard

namespace billing:
    nexus endpoint BillingEp
        options:
            task_queue: billing

workflow W(order: Order) -> (Receipt):
    state:
        condition paid
        tries = 0
    signal PaymentSeen(ref: string):
        paymentRef = ref
        set paid
    query Tries() -> (int):
        return tries
    promise c <- nexus BillingEp Billing.Charge(order)
    await one:
        c -> receipt:
            close complete(receipt)
        paid:
            close complete(Receipt{ref: paymentRef})
        timer(15m):
            close fail(Receipt{status: \"timeout\"})
";

const OLD: &str = "
workflow ChargeCard(order: Order) -> Receipt:
    timer 1h

workflow W(order: Order) -> Receipt:
    options(timeout: 15m)
    spawn nexus \"billing\" workflow ChargeCard(order) -> c
    await one:
        c -> receipt:
            close receipt
        timer(15m):
            close failed Receipt{status: \"timeout\"}
";

fn tasks(text: &str, batches: &[&[Event]]) -> Vec<Vec<String>> {
    let program = compile(text, true);
    let mut run = Driven::new(&program, json!({"order": {"id": 1}}));
    batches.iter().map(|events| run.task(events)).collect()
}

#[test]
fn the_worked_example_gives_its_commands() {
    let signalled = tasks(CHECKOUT, &[&[], &[signal("PaymentSeen", json!({"ref": "r1"}))]]);
    assert_eq!(signalled[0], [r#"1 nexus BillingEp:Billing.Charge{"order":{"id":1}}"#, "2 timer 900000"]);
    assert_eq!(signalled[1], ["3 cancel timer 2", r#"4 complete {"ref":"r1"}"#]);
}

#[test]
fn the_seeds_spelling_gives_the_same_commands() {
    let ended = [Event::NexusCompleted { seq: 1, result: json!({"ref": "r2"}) }];
    for events in [&ended[..], &[fired(2)][..]] {
        let new = tasks(CHECKOUT, &[&[], events]);
        let old = tasks(OLD, &[&[], events]);
        assert_eq!(old[0][0], r#"1 nexus billing/ChargeCard{"order":{"id":1}}"#);
        assert_eq!((&old[0][1], &old[1]), (&new[0][1], &new[1]));
    }
}
