//! Which definition a run goes on with, and why it did not follow a newer one.

use nexus_kernel::failure::Failure;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::visibility::{AttributeValue, Attributes};

use crate::namespaces::PROBLEMS;
use crate::record::Note;
use crate::state::RunState;

/// The attribute under which a run says which changes of its definition are in effect.
const PATCHES: &str = "TemporalChangeVersion";

/// The definition that a run goes on with.
#[derive(Debug, Clone, PartialEq)]
pub struct Pinned {
    /// The definition.
    pub definition: Hash,
    /// The definition that it did not follow last, and why.
    pub stayed: Option<(Hash, Failure)>,
    /// Changes of definitions that are in effect and that later definitions must ask for.
    pub patches: Vec<String>,
}

impl Pinned {
    /// That of a run which has just been started.
    pub fn to(definition: Hash) -> Pinned {
        Pinned { definition, stayed: None, patches: Vec::new() }
    }
}

impl RunState {
    /// The definition that it goes on with.
    pub fn definition(&self) -> &Hash {
        &self.pinned.definition
    }

    /// Takes in that it follows a newer definition, or that it does not.
    pub(super) fn note_definition(&mut self, note: &Note) {
        match note {
            Note::DefinitionChanged { definition } => {
                (self.pinned.definition, self.pinned.stayed) = (definition.clone(), None);
                // The other program gets to try what this one could not do.
                self.blocked = None;
                self.machine = None;
            }
            Note::DefinitionRefused { definition, failure } => {
                self.pinned.stayed = Some((definition.clone(), failure.clone()));
            }
            _ => {}
        }
    }

    /// A run is found by the changes that are in effect for it, and an open one that could not follow a newer definition
    /// by that.
    pub(super) fn report_definition(&self, attributes: &mut Attributes) {
        if !self.pinned.patches.is_empty() {
            attributes.set(PATCHES, AttributeValue::KeywordList(self.pinned.patches.clone()));
        }
        let Some((definition, failure)) = self.pinned.stayed.as_ref().filter(|_| self.status.is_open())
        else {
            return;
        };
        let mut told = match attributes.get(PROBLEMS) {
            Some(AttributeValue::KeywordList(told)) => told.clone(),
            _ => Vec::new(),
        };
        told.push("category=VersionNotFollowed".to_owned());
        told.push(format!("cause={}", failure.type_name));
        told.push(format!("version={}", definition.short()));
        attributes.set(PROBLEMS, AttributeValue::KeywordList(told));
    }
}

/// Whether a run's row changes with a note.
pub fn note_changes_row(note: &Note) -> bool {
    matches!(note, Note::DefinitionChanged { .. } | Note::DefinitionRefused { .. })
}
