//! The variables of a run, for people who look into it.

use serde_json::{Value as Json, json};

use super::Machine;
use crate::twf::boundary::export;
use crate::twf::program::Program;
use crate::twf::value::Value;

impl Machine {
    /// The variables of the run by name, in the order in which the program names them first; those of branches and
    /// handler calls, which come and go, are left out. A value that cannot leave the run is shown as what it is, such
    /// as `{"$promise": ..}`.
    pub fn shown_variables(&self, program: &Program) -> Vec<(String, Json)> {
        let Some(code) = program.code(&self.info.workflow_type) else { return Vec::new() };
        let named = code.globals.iter().zip(&self.globals);
        named.map(|(name, value)| (name.to_string(), self.shown(value))).collect()
    }

    fn shown(&self, value: &Value) -> Json {
        export(&self.heap, value).unwrap_or_else(|_| json!({ "$value": value.kind() }))
    }
}
