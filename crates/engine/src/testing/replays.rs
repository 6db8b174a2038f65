//! Every history replays: a check for whatever store a test has filled.

use std::sync::Arc;

use nexus_kernel::port::SharedStore;
use nexus_kernel::port::runs::{RunFilter, RunRow};

use crate::definition::Definition;
use crate::interpret::{self, ReplayError};
use crate::state::KeyState;

/// What is wrong with the histories of a store, a line for each run whose program does not do again what its history
/// says.
pub async fn unreplayable(store: &SharedStore) -> Vec<String> {
    let all = RunFilter { limit: usize::MAX >> 1, ..RunFilter::default() };
    let mut found = Vec::new();
    for row in store.runs(all.into()).await.unwrap_or_default() {
        if let Err(why) = replays(store, &row).await {
            found.push(format!("{} {} ({}): {why}", row.key, row.run_id, row.workflow));
        }
    }
    found
}

async fn replays(store: &SharedStore, row: &RunRow) -> Result<(), String> {
    let records = store.read(&row.key, 0).await.map_err(|error| error.to_string())?;
    let state = KeyState::fold(&row.key.namespace, &records)?;
    let run = state.run(&row.run_id).ok_or("a listed run has no records")?;
    let bytes = store.blob_get(run.definition()).await.map_err(|error| error.to_string())?;
    let definition: Arc<Definition> = Definition::from_bytes(&bytes.ok_or("its definition is missing")?)?;
    match interpret::replay(&row.key, run, &definition, &records) {
        Ok(_) => Ok(()),
        Err(ReplayError::Damaged(why)) => Err(why),
        Err(ReplayError::Program(failure)) => Err(failure.message),
    }
}
