//! The language: how fast files are read and checked, and what the interpreter does in a second.

use anyhow::{Context, Result, bail};
use nexus_lang::text::source::Sources;
use nexus_lang::twf::check::{CheckOptions, ParsedUnit, check};
use nexus_lang::twf::compile_sources;
use nexus_lang::twf::machine::{CommandKind, Event, Machine, RunInfo, TaskInfo};
use nexus_lang::twf::parser::parse;
use nexus_lang::twf::program::Program;
use serde_json::json;

use crate::measure::{Stopwatch, process_cpu};
use crate::out;

/// A loop of simple statements: assignment, arithmetic, comparison, field access, appending to a list. The timer between
/// two chunks ends a task, for a task has a budget of steps.
const LOOP: &str = "
workflow Loop(chunks: int, rounds: int):
    total = 0
    appended = 0
    item = {count: 0, price: 3}
    for (chunk in range(chunks)):
        items = []
        for (i in range(rounds)):
            total = total + i * 2
            item.count = item.count + item.price
            if (total % 7 == 3):
                items.append(total)
            total -= chunk
        appended += len(items)
        await timer(0)
    close complete(appended)
";

/// Statements of each round besides the one that appends: the step of the loop, three assignments, the condition.
const ROUND_STATEMENTS: u64 = 5;

/// Statements of each chunk: the step of its loop, two assignments, the inner loop, the timer.
const CHUNK_STATEMENTS: u64 = 5;

const CHUNKS: u64 = 60;
const ROUNDS: u64 = 50_000;
const REPEATS: usize = 5;

/// One of the workflows of a large file; `{i}` is its number, `{next}` that of the one it calls.
const WORKFLOW: &str = "
# Handles order {i}.
workflow Checkout{i}(order: Order, retries: int) -> (Receipt):
    state:
        condition paid
        tries = 0
    signal Seen(ref: string):
        paymentRef = ref
        set paid
    query Tries() -> (int):
        return tries
    activity Charge(order) -> receipt
        options:
            start_to_close_timeout: 5m
            retry_policy:
                maximum_attempts: 3
    for (item in order.items):
        if (item.price > 100 and item.kind != \"gift\"):
            activity Ship(item, order.address) -> tracking
            tries += 1
        else:
            total = (total ?? 0) + item.price * item.count
    promise child <- workflow Checkout{next}(order, retries - 1)
    await one:
        paid:
            log(\"paid\", paymentRef)
        timer(15m):
            close fail(Receipt{status: \"timeout\", total: total})
    await child -> sub
    switch (sub.status):
        case \"ok\":
            tries = tries + 1
        else:
            raise Failed(\"not ok\")
    close complete(Receipt{status: \"ok\", ref: paymentRef, receipt, tracking})
";

const ACTIVITIES: &str = "
activity Charge(order: Order) -> (Receipt):
    return charge(order)

activity Ship(order: Order, address: string) -> (string):
    return ship(order)
";

/// Workflows of the large file: ten megabytes.
const WORKFLOWS: usize = 10_000;

/// Prints the figures.
pub(crate) fn run() -> Result<()> {
    reading();
    interpreting()
}

/// Reads and checks one file of ten megabytes, in processor time of one core.
fn reading() {
    let mut text = String::from(ACTIVITIES);
    for i in 0..WORKFLOWS {
        let next = (i + 1) % WORKFLOWS;
        text.push_str(&WORKFLOW.replace("{i}", &i.to_string()).replace("{next}", &next.to_string()));
    }
    let lines = text.lines().count();
    let mut costs: Vec<(f64, f64)> = (0..REPEATS).map(|_| read_once(&text)).collect();
    costs.sort_by(|a, b| f64::total_cmp(&(a.0 + a.1), &(b.0 + b.1)));
    let Some((read, checked)) = costs.get(REPEATS / 2).copied() else { return };
    #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
    let rate = |seconds: f64| lines as f64 / seconds / 1e6;
    out(&format!(
        "read, resolve and check {lines} lines: {:.2} million lines a second of processor time (read {:.2}, check {:.2})",
        rate(read + checked),
        rate(read),
        rate(checked)
    ));
}

/// Seconds of processor time for parsing, and for everything after it.
fn read_once(text: &str) -> (f64, f64) {
    let mut sources = Sources::new();
    let source = sources.add("large.twf", text);
    let begun = process_cpu();
    let parsed = parse(source, text);
    let read = process_cpu();
    let unit = ParsedUnit { source, unit: &parsed.unit };
    let found = check(&[unit], &sources, CheckOptions::default());
    let checked = process_cpu();
    drop(found);
    (read.saturating_sub(begun).as_secs_f64(), checked.saturating_sub(read).as_secs_f64())
}

/// Runs a loop of simple statements.
fn interpreting() -> Result<()> {
    let program = program(LOOP)?;
    let mut rates = Vec::new();
    for _ in 0..REPEATS {
        let begun = Stopwatch::start();
        let appended = drive(&program)?;
        let statements = CHUNKS * (ROUNDS * ROUND_STATEMENTS + CHUNK_STATEMENTS) + appended;
        rates.push(per_second(statements, begun));
    }
    rates.sort_by(f64::total_cmp);
    let (slowest, median) = (rates.first(), rates.get(REPEATS / 2));
    let (slowest, median) = slowest.zip(median).context("no figures")?;
    out(&format!(
        "interpreter: {:.2} million simple statements a second (slowest of {REPEATS}: {:.2})",
        median / 1e6,
        slowest / 1e6
    ));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
fn per_second(count: u64, since: Stopwatch) -> f64 {
    count as f64 / since.seconds()
}

fn program(text: &str) -> Result<Program> {
    let mut sources = Sources::new();
    sources.add("bench.twf", text);
    let compiled = compile_sources(&sources, false);
    compiled.program.with_context(|| format!("{:?}", compiled.diagnostics))
}

/// Runs the loop to its end and gives its result.
fn drive(program: &Program) -> Result<u64> {
    let info =
        RunInfo { workflow_type: "Loop".into(), run_id: "bench".into(), attempt: 1, ..RunInfo::default() };
    let mut machine = Machine::start(program, info, &json!({"chunks": CHUNKS, "rounds": ROUNDS}))?;
    let mut events = Vec::new();
    loop {
        let commands = machine.task(program, &TaskInfo::default(), &events)?;
        let Some(command) = commands.last() else { bail!("the loop waits for nothing") };
        match &command.kind {
            CommandKind::StartTimer { .. } => events = vec![Event::TimerFired { seq: command.seq }],
            CommandKind::Complete { result } => return result.as_u64().context("no count"),
            other => bail!("unexpected: {other:?}"),
        }
    }
}
