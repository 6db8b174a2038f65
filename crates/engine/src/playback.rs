//! Stepping through a run in time: after every event, what the program holds and what it waits for.

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::runs::RunRow;
use serde_json::{Map, json};

use crate::interpret::{self, ReplayError};
use crate::shard::Shared;
use crate::shard::load::damaged;
use crate::state::KeyState;
use crate::view::{self, HistoryView};

/// What a program was like after one of its tasks.
struct Frame {
    /// The event that ended the task.
    event: u64,
    variables: Vec<(String, Json)>,
    waits: Json,
}

/// Plays a run back, up to an event or to its latest: each event with what it changed, then how things stood.
pub(crate) async fn playback(shared: &Shared, row: RunRow, to: Option<u64>) -> Result<Json, Error> {
    let records = shared.store.read(&row.key, 0).await?;
    let state = KeyState::fold(&row.key.namespace, &records).map_err(|why| damaged(&row.key, &why))?;
    let run = state.run(&row.run_id).ok_or_else(|| damaged(&row.key, "a listed run has no records"))?;
    let definition = shared.definitions.load(run.definition()).await?;
    let mut frames = Vec::new();
    let replayed = interpret::replay_observed(
        &row.key,
        run,
        (&definition, &records),
        &mut |event, machine| {
            let waits = machine.blocked(&definition.program).into_iter().map(|blocked| {
            json!({ "at": definition.place(blocked.span), "source": definition.source_line(blocked.span), "for": blocked.reason })
        });
            let waits = waits.collect();
            frames.push(Frame { event, variables: machine.shown_variables(&definition.program), waits });
        },
    );
    // A program that does not do what its history says is shown as far as it goes.
    let stuck = match replayed {
        Ok(_) => None,
        Err(ReplayError::Program(failure)) => Some(failure),
        Err(ReplayError::Damaged(why)) => return Err(damaged(&row.key, &why)),
    };
    let (events, _) = view::events(shared, &row, 0).await?;
    let history = HistoryView { row, events }.to_json();
    let last = history.get("events").and_then(Json::as_array).map_or(0, Vec::len) as u64;
    if let Some(to) = to.filter(|to| *to == 0 || *to > last) {
        return Err(Error::new(&code::BAD_REQUEST, format!("the run has no event {to}"))
            .help(format!("its events go from 1 to {last}")));
    }
    Ok(told(history, &frames, (to.unwrap_or(last), stuck.map(|failure| json!(failure)))))
}

fn told(mut history: Json, frames: &[Frame], (to, stuck): (u64, Option<Json>)) -> Json {
    let shown = frames.iter().take_while(|frame| frame.event <= to);
    let mut before: &[(String, Json)] = &[];
    let mut changes: Vec<(u64, Map<String, Json>, &Json)> = Vec::new();
    for frame in shown {
        changes.push((frame.event, changed(before, &frame.variables), &frame.waits));
        before = &frame.variables;
    }
    let waits = changes.last().map_or(Json::Array(Vec::new()), |(_, _, waits)| (*waits).clone());
    let variables: Map<String, Json> = before.iter().cloned().collect();
    if let Some(events) = history.get_mut("events").and_then(Json::as_array_mut) {
        events.truncate(usize::try_from(to).unwrap_or(usize::MAX));
        for (event, changes, waits) in changes {
            let at = usize::try_from(event).ok().and_then(|at| at.checked_sub(1));
            if let Some(fields) = at.and_then(|at| events.get_mut(at)).and_then(Json::as_object_mut) {
                fields.insert("changes".into(), Json::Object(changes));
                fields.insert("waits".into(), waits.clone());
            }
        }
    }
    if let Some(fields) = history.as_object_mut() {
        fields.insert("variables".into(), Json::Object(variables));
        fields.insert("waits".into(), waits);
        fields.extend(stuck.map(|failure| ("stuck".to_owned(), failure)));
    }
    history
}

/// The variables that hold something else than before; at first those that hold anything.
fn changed(before: &[(String, Json)], after: &[(String, Json)]) -> Map<String, Json> {
    let old =
        |name: &str| before.iter().find(|(known, _)| known == name).map_or(&Json::Null, |(_, value)| value);
    after.iter().filter(|(name, value)| old(name) != value).cloned().collect()
}
