//! Each feature on small workspaces with marked places.

mod actions;
mod calls;
mod complete;
mod fixture;
mod hover;
mod lookup;
mod names;
mod outline;
mod shape;
mod signature;
mod tokens;
mod workspace;

/// Two packages, a deployment, and one of everything.
const SHOP: &str = r#"//- orders/orders.twf
package orders
import "shop/billing"
import pay "shop/billing"

# An order.
type Order:
    # Its number.
    id: string
    total: decimal = 0

# Looks an order up.
activity Find(id: string, again: bool = false) -> (Order):
    default_options:
        start_to_close_timeout: 10s
    ...

# Sells an order.
workflow Checkout(order: Order) -> (any):
    state:
        condition paid
        tries = 0
    # The money is there.
    signal Paid(ref: string, note: any):
        last = ref
        set paid
    query Tries() -> (int):
        return tries
    activity Find(order.id, again: true) -> found
        options:
            task_queue: "q-{tries}"
            retry_policy:
                maximum_attempts: 3
    promise child <- workflow Deliver(found)
    await one:
        child -> done:
            close complete(done)
        paid:
            signal child.Hurry(tries)
        signal Paid -> (ref, note):
            tries += 1
        timer(5m):
            close fail(Late{id: order.id, tries})
    await all (line in order.lines) -> results:
        activity Find(line.id) -> one
    nexus Pay-{tries} billing.Billing.Charge(order)
    close complete(Order{id: order.id})

workflow Deliver(order: Order):
    signal Hurry(by: int):
        speed = by
    await signal Hurry
    total = sum(order.lines, line => line.price)
    raise TooLate("no")

worker Orders:
    workflow Checkout
    workflow Deliver
    activity Find
//- billing/billing.twf
package billing

# Moves money.
nexus service Billing:
    async Charge workflow ChargeCard
    sync Lookup(id: string) -> (any):
        found = id
        return found

workflow ChargeCard(order: any) -> (any):
    close complete(order)

worker BillingWorker:
    workflow ChargeCard
    nexus service Billing

namespace money:
    worker BillingWorker
        options:
            task_queue: "billing"
    nexus endpoint Pay-{tries}
        options:
            task_queue: "billing"
"#;

/// The shop with a mark before the only place of some text in it.
fn shop_at(text: &str) -> fixture::Fixture {
    assert_eq!(SHOP.matches(text).count(), 1, "{text:?} stands there {} times", SHOP.matches(text).count());
    fixture::Fixture::new(&SHOP.replace(text, &format!("$0{text}")))
}
