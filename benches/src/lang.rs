//! The language: what the interpreter does in a second.

use anyhow::{Context, Result, bail};
use nexus_lang::text::source::Sources;
use nexus_lang::twf::compile_sources;
use nexus_lang::twf::machine::{CommandKind, Event, Machine, RunInfo, TaskInfo};
use nexus_lang::twf::program::Program;
use serde_json::json;

use crate::measure::Stopwatch;
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

/// Prints the figures.
pub(crate) fn run() -> Result<()> {
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
