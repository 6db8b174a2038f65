//! Activities that are WebAssembly components: `activities/**/*.wasm`.

use nexus_kernel::code;
use nexus_sandbox::{JsError, Sandbox};

use super::{Bindings, ScriptError};
use crate::project::Project;

impl Bindings {
    /// Compiles the components of a project: each function that one exports is an activity. Nothing of them is executed.
    pub(super) async fn add_components(&mut self, project: &Project, sandbox: &Sandbox) -> Vec<ScriptError> {
        let mut errors = Vec::new();
        for file in &project.components {
            match sandbox.compile_component(&file.path, &file.bytes).await {
                Ok(module) => errors.extend(self.add(&module, Ok(None))),
                Err(error) => errors.push(told(error)),
            }
        }
        errors
    }
}

/// An error without a place in a text; its code says what kind of fault it is.
fn told(error: JsError) -> ScriptError {
    let id = error.code.id;
    let mut told = ScriptError::from(error);
    if id != code::SCRIPT_INVALID.id {
        told.message = format!("{} [{id}]", told.message);
    }
    told
}
