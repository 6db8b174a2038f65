//! Replay and snapshots: the same batches give the same commands and the same state, from any point on.

use super::*;
use crate::twf::stub::Batch;

/// A program that uses everything at once.
const EVERYTHING: &str = "
workflow Kid(n: int) -> (int):
    await timer(1m)
    if (n == 3):
        close fail(Odd{message: \"three\"})
    close complete(n * 2)

nexus service Work:
    sync Twice(n: int) -> (int):
        activity A(n) -> x
        return n * 2

worker everything:
    workflow W
    workflow Kid
    activity A
    activity B
    activity C
    nexus service Work

namespace here:
    worker everything
        options:
            task_queue: q
    nexus endpoint Here
        options:
            task_queue: q

workflow W(xs: any):
    state:
        condition enough
        notes = []
    signal Note(text: string):
        notes.append(text)
        if (len(notes) >= 2):
            set enough
    update Rename(name: string) -> (string):
        title = name + \"-\" + str(len(notes))
        activity C(title)
        return title
    query Notes():
        return notes
    token = uuid()
    lucky = random(1000)
    promise clock <- timer(10m)
    promise seen <- signal Note
    await all (x in xs) -> doubled:
        try:
            workflow Kid(x) -> r
        catch e: Odd:
            r = {failed: e.message, at: now()}
        finally:
            activity B(x)
    for (round in range(3)):
        await one:
            enough:
                break
            activity A(round) -> a:
                notes.append(a)
            timer(5m):
                log(\"late\", round)
    nexus Here Work.Twice(lucky) -> twice
    await seen -> first_note
    await clock
    ps = []
    for (n in [1, 2]):
        promise p <- activity C({n, token})
        ps.append(p)
    await all ps -> got
    close complete({doubled, notes, lucky, token, twice, first_note, got, title, left: random()})
";

fn batches(program: &Program) -> Vec<Batch> {
    let mut host = StubHost::with_answers(program, |name, input, calls| {
        Ok(json!({"by": name, "input": input, "calls": calls}))
    })
    .after(30_000, signal("Note", json!("one")))
    .after(40_000, Event::Updated { id: "u".into(), name: "Rename".into(), input: json!("t") })
    .after(90_000, signal("Note", json!({"text": "two"})));
    let outcome = host.run("W", &json!({"xs": [1, 3, 2]})).unwrap();
    let Outcome::Completed(result) = outcome else { panic!("{outcome:?}") };
    assert_eq!(result["first_note"], "one");
    assert_eq!(result["doubled"][1]["failed"], "three");
    host.batches().to_vec()
}

fn input() -> Json {
    json!({"xs": [1, 3, 2]})
}

fn replay(program: &Program, info: &RunInfo, batches: &[Batch]) -> (Machine, Vec<Vec<Command>>) {
    let mut machine = Machine::start(program, info.clone(), &input()).unwrap();
    let commands = batches
        .iter()
        .map(|batch| {
            let info = TaskInfo { replaying: true, ..batch.info };
            machine.task(program, &info, &batch.events).unwrap()
        })
        .collect();
    (machine, commands)
}

fn without_logs(commands: &[Command]) -> Vec<Command> {
    commands.iter().filter(|command| command.seq > 0).cloned().collect()
}

#[test]
fn every_prefix_replays_to_the_same_state_and_commands() {
    let program = program(EVERYTHING);
    let batches = batches(&program);
    let info = RunInfo { workflow_id: "w-1".into(), ..info("W") };
    let (whole, _) = replay(&program, &info, &batches);
    assert!(batches.len() > 12 && whole.is_closed());
    // A machine that lives through it all, against one that is rebuilt before each task.
    let mut living = Machine::start(&program, info.clone(), &input()).unwrap();
    for (at, batch) in batches.iter().enumerate() {
        let (mut rebuilt, _) = replay(&program, &info, &batches[..at]);
        assert_eq!(
            serde_json::to_string(&rebuilt).unwrap(),
            serde_json::to_string(&living).unwrap(),
            "task {at}"
        );
        let now = living.task(&program, &batch.info, &batch.events).unwrap();
        let again = rebuilt.task(&program, &batch.info, &batch.events).unwrap();
        assert_eq!(now, again, "task {at}");
    }
}

#[test]
fn a_snapshot_at_any_point_goes_on_like_the_original() {
    let program = program(EVERYTHING);
    let batches = batches(&program);
    let mut machine = Machine::start(&program, info("W"), &input()).unwrap();
    let (_, expected) = replay(&program, &info("W"), &batches);
    for (batch, expected) in batches.iter().zip(expected) {
        let stored = serde_json::to_string(&machine).unwrap();
        machine = serde_json::from_str(&stored).unwrap();
        let commands = machine.task(&program, &batch.info, &batch.events).unwrap();
        assert_eq!(without_logs(&commands), without_logs(&expected));
    }
    assert!(machine.is_closed());
}

#[test]
fn another_seed_gives_other_draws_and_the_same_seed_the_same() {
    let program = program("\nworkflow W():\n    close complete([uuid(), random(), random(5, 9), uuid()])\n");
    let result = |seed: u64| {
        let mut machine = Machine::start(&program, RunInfo { seed, ..info("W") }, &json!({})).unwrap();
        line(&machine.task(&program, &TaskInfo::default(), &[]).unwrap()[0])
    };
    assert_eq!(result(1), result(1));
    assert_ne!(result(1), result(2));
    // The generator is part of the format: a change of these values is a new version of the interpreter.
    insta::assert_snapshot!(result(7));
}

#[test]
fn a_machine_refuses_another_definition_and_foreign_history() {
    let first = program("\nworkflow W():\n    activity A(1)\n");
    let second = program("\nworkflow W():\n    activity A(2)\n");
    let mut machine = Machine::start(&first, info("W"), &json!({})).unwrap();
    assert_eq!(machine.task(&second, &TaskInfo::default(), &[]).unwrap_err().code, "DEFINITION_CHANGED");
    let fault = machine.task(&first, &TaskInfo::default(), &[done(4, json!(0))]).unwrap_err();
    assert_eq!(fault.code, "NON_DETERMINISM");
}

#[test]
fn a_collection_between_tasks_changes_nothing_that_can_be_seen() {
    let program = program(
        "
workflow W():
    kept = {list: []}
    kept.list.append(kept.list)
    kept.list.pop()
    promise early <- activity B(0)
    for (round in range(30)):
        waste = map(range(100), x => {x, pair: [x, x]})
        kept.list.append({round, last: waste[99]})
        activity A(round) -> r
        promise lost <- activity B(round)
    await early -> e
    close complete([len(kept.list), kept.list[29].last.pair, kept.list[3].round, e])
",
    );
    let mut run = Driven::new(&program, json!({}));
    let mut commands = run.task(&[]);
    let mut largest = 0;
    while !run.machine.is_closed() {
        let events: Vec<Event> = commands
            .iter()
            .filter_map(|line| Some(done(line.split(' ').next()?.parse().ok()?, json!(["x"]))))
            .collect();
        commands = run.task(&events);
        largest = largest.max(run.machine.heap.len());
    }
    assert_eq!(commands, ["61 B[29]", r#"62 complete [30,[99,99],3,["x"]]"#]);
    assert!(largest < 2_500, "{largest} cells");
}

#[test]
fn stored_forms_are_stable() {
    let program = program("\nworkflow W(n: int):\n    promise t <- timer(1m)\n    activity A({n})\n");
    let mut machine = Machine::start(&program, info("W"), &json!({"n": 1})).unwrap();
    let commands = machine.task(&program, &TaskInfo::default(), &[]).unwrap();
    let mut stored = serde_json::to_value(&machine).unwrap();
    stored["digest"] = json!("-");
    insta::assert_json_snapshot!("machine", stored);
    insta::assert_json_snapshot!("commands", commands.iter().map(|it| &it.kind).collect::<Vec<_>>());
}
