//! The programs of simulated worlds: small ones that together use what the engine offers.

use std::sync::{Arc, OnceLock};

use nexus_lang::text::source::Sources;
use nexus_lang::twf::check::{CheckOptions, Known};

use crate::definition::Definition;

/// The sources.
pub const SOURCE: &str = r#"
activity Add(n: int) -> (int):
    ...

activity Doomed(n: int) -> (int):
    ...

activity Undo(n: int):
    ...

workflow Steps(n: int) -> (int):
    activity Add(n) -> a
    activity Add(a) -> b
    activity Add(b) -> c
    return c

workflow Sleepy(n: int) -> (int):
    total = 0
    for (i in range(n)):
        await timer((i + 1) * 1s)
        total += 1
    return total

workflow Fan(n: int) -> (int):
    await all (i in range(n)) -> parts:
        activity Add(i) -> part
    return sum(parts)

workflow Pay(n: int) -> (string):
    signal Abort(i: int):
        pass
    await one:
        activity Add(n) -> receipt:
            return "paid"
        signal Abort:
            return "aborted"
        timer(5s):
            return "late"

workflow Refund(n: int) -> (int):
    try:
        activity Doomed(n) -> a
    catch e:
        activity Undo(n)
        return n
    return 0 - 1

workflow Saga(n: int) -> (int):
    on_cancel:
        activity Undo(n)
    activity Add(n) -> a
    await timer(20s)
    activity Add(a) -> b
    return b

workflow Tab(n: int) -> (any):
    state:
        items = []
        condition closed
    signal Put(i: int):
        items.append(i)
    signal Close(i: int):
        set closed
    await closed
    await all_handlers_finished
    return items

workflow Slowly(n: int) -> (any):
    state:
        items = []
        condition closed
    signal Put(i: int):
        activity Add(i) -> more
        items.append(more)
    signal Close(i: int):
        set closed
    await closed
    await all_handlers_finished
    return items

workflow Reader(left: int, seen: any) -> (any):
    signal Put(i: int):
        pass
    if (left <= 0):
        return seen
    await signal Put -> i
    seen.append(i)
    await timer(1s)
    close continue_as_new(left - 1, seen)

workflow Cart(n: int) -> (any):
    state:
        items = []
        condition closed
    update Put(i: int) -> (int):
        validator:
            if (i < 0):
                reject "negative"
        items.append(i)
        return len(items)
    signal Close(i: int):
        set closed
    await closed
    await all_handlers_finished
    return items

workflow Chain(n: int, total: int) -> (int):
    activity Add(total) -> more
    if (n <= 0):
        return more
    await timer(1s)
    close continue_as_new(n - 1, more)

workflow Parent(n: int) -> (any):
    promise a <- workflow Steps(n)
    promise b <- workflow Chain(2, n)
    workflow Sleepy(2) -> s
    await a -> x
    await b -> y
    return [x, y, s]

workflow Boss(n: int) -> (any):
    promise helper <- workflow Tab(n)
    for (i in range(n)):
        signal helper.Put(i)
    signal helper.Close(0)
    await helper -> items
    return items

workflow Quitter(n: int) -> (int):
    promise helper <- workflow Forever(n)
    detach workflow Steps(n)
    await timer(1s)
    return n

workflow Canceller(n: int) -> (string):
    promise slow <- workflow Forever(n)
    await timer(1s)
    cancel slow
    try:
        await slow
    catch e: Cancelled:
        return "stopped"
    return "too late"

workflow Forever(n: int):
    await timer(900d)

workflow Caller(n: int) -> (any):
    nexus counting-door Counting.Count(n) -> c
    nexus counting-door Counting.Quick(n) -> q
    detach nexus counting-door Counting.Count(n)
    return [c, q]

workflow FarCaller(n: int) -> (any):
    nexus far Counting.Count(n) -> c
    nexus far Counting.Quick(n) -> q
    detach nexus far Counting.Count(n)
    return [c, q]

workflow FarQuitter(n: int) -> (string):
    promise slow <- nexus far Counting.Slow(n)
        options:
            cancellation_type: wait_cancellation_completed
    promise other <- nexus far Counting.Slow(n)
    await timer(2s)
    cancel slow
    try:
        await slow
    catch e: NexusCancelledError:
        return "stopped"
    return "too late"

workflow Hasty(n: int) -> (string):
    try:
        nexus counting-door Counting.Slow(n) -> c
            options:
                schedule_to_close_timeout: 3s
    catch e: NexusTimeoutError:
        return "timeout"
    return "in time"

workflow Counted(n: int) -> (int):
    activity Add(n) -> a
    await timer(2s)
    return a

workflow Slow(n: int) -> (int):
    await timer(30d)
    return n

nexus service Counting:
    async Count workflow Counted
    async Slow workflow Slow
    sync Quick(n: int) -> (int):
        return n * 2

worker Here:
    workflow Steps
    workflow Sleepy
    workflow Fan
    workflow Pay
    workflow Refund
    workflow Saga
    workflow Tab
    workflow Slowly
    workflow Reader
    workflow Cart
    workflow Chain
    workflow Parent
    workflow Boss
    workflow Quitter
    workflow Canceller
    workflow Forever
    workflow Caller
    workflow Hasty
    workflow FarCaller
    workflow FarQuitter
    activity Add
    activity Doomed
    activity Undo

worker There:
    workflow Counted
    workflow Slow
    activity Add
    nexus service Counting

namespace default:
    worker Here
        options:
            task_queue: "here"

namespace remote:
    worker There
        options:
            task_queue: "there"
    nexus endpoint counting-door
        options:
            task_queue: "there"
            allowed_caller_namespaces: ["default"]
"#;

/// What callers start. Those of [`MAILBOXES`] wait for messages.
pub const STARTED: [&str; 20] = [
    "Steps",
    "Sleepy",
    "Fan",
    "Pay",
    "Refund",
    "Saga",
    "Chain",
    "Parent",
    "Boss",
    "Quitter",
    "Canceller",
    "Forever",
    "Caller",
    "Hasty",
    "FarCaller",
    "FarQuitter",
    "Tab",
    "Slowly",
    "Reader",
    "Cart",
];

/// Workflows that may wait for a message for ever, and their children's callers.
pub const MAILBOXES: [&str; 4] = ["Tab", "Slowly", "Reader", "Cart"];

/// The compiled programs, one copy for the process.
pub fn definition() -> Arc<Definition> {
    static COMPILED: OnceLock<Arc<Definition>> = OnceLock::new();
    let compiled = COMPILED.get_or_init(|| {
        let mut sources = Sources::new();
        sources.add("programs.twf", SOURCE);
        let endpoints = [("far".to_owned(), Known::Elsewhere)].into_iter().collect();
        let options = CheckOptions { endpoints: &endpoints, ..CheckOptions::default() };
        let (definition, sources, found) = Definition::compile_checked(sources, options);
        let told: Vec<_> = found.iter().map(|one| nexus_lang::text::render::concise(one, &sources)).collect();
        definition.ok_or_else(|| told.join("\n")).unwrap()
    });
    Arc::clone(compiled)
}
