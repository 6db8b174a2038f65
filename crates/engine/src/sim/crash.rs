//! A crash: everything but what a store holds is lost, and recovered from that.

use std::fmt;

use nexus_kernel::id::Key;

use super::{Wake, World};
use crate::effect;
use crate::input::Input;
use crate::interpret::{self, ReplayError};
use crate::state::KeyState;

/// What recovery after a crash did not bring back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrashError {
    /// The key.
    pub key: Key,
    /// What is different.
    pub message: String,
}

impl fmt::Display for CrashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after the crash {} is not what it was: {}", self.key, self.message)
    }
}

impl std::error::Error for CrashError {}

impl World<'_> {
    /// Kills the process and starts it again. Attempts that were under way are begun anew, as a server does it; runs
    /// that only their answer exists of are somewhere else and do not notice.
    pub fn crash(&mut self) -> Result<(), CrashError> {
        let remote = |wake: &Wake| matches!(wake, Wake::Input(_, Input::RemoteEnded { .. }));
        self.queue.retain(|_, wake| remote(wake));
        self.held.clear();
        for key in self.order.clone() {
            self.recover(&key).map_err(|message| CrashError { key: key.clone(), message })?;
        }
        Ok(())
    }

    fn recover(&mut self, key: &Key) -> Result<(), String> {
        let Some(cell) = self.cells.get_mut(key) else { return Ok(()) };
        let mut state = KeyState::fold(&key.namespace, &cell.stored)?;
        state.forget_settled();
        let before = std::mem::replace(&mut cell.state, state);
        for run in cell.state.runs.iter_mut().filter(|run| run.status.is_open()) {
            match interpret::replay(key, run, &self.definition, &cell.stored) {
                Ok((machine, unseen)) => (run.machine, run.unseen) = (Some(machine), unseen),
                Err(ReplayError::Damaged(why)) => return Err(why),
                Err(ReplayError::Program(failure)) => return Err(failure.to_string()),
            }
            let lived = before.run(&run.run_id).and_then(|run| run.machine.as_ref());
            if lived.is_some() && lived != run.machine.as_ref() {
                return Err("its program is in another state".to_owned());
            }
        }
        let effects: Vec<_> = cell.state.runs.iter().flat_map(|run| effect::of_state(key, run)).collect();
        for effect in effects {
            self.perform(key, effect);
        }
        Ok(())
    }
}
