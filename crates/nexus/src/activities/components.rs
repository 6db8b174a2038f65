//! Activities that are WebAssembly components: `activities/**/*.wasm`.

use nexus_sandbox::Sandbox;

use super::{Bindings, ScriptError};
use crate::project::Project;

impl Bindings {
    /// Compiles the components of a project: each function that one exports is an activity. Nothing of them is executed.
    pub(super) async fn add_components(&mut self, project: &Project, sandbox: &Sandbox) -> Vec<ScriptError> {
        let mut errors = Vec::new();
        for file in &project.components {
            match sandbox.compile_component(&file.path, &file.bytes).await {
                Ok(module) => errors.extend(self.add(&module)),
                Err(error) => errors.push(error.into()),
            }
        }
        errors
    }
}
