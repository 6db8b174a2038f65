//! Exporting and importing runs.

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Key, RunId};
use nexus_kernel::port::blob::Hash;

use crate::definition::Definition;
use crate::engine::{Address, EngineHandle, stopping};
use crate::input::Reply;
use crate::interpret;
use crate::record::Note;
use crate::reset::past::Past;
use crate::shard::{Errand, Message};
use crate::state::KeyState;
use crate::transfer::wire::{self, refused};
use crate::transfer::{Exported, OpenRun};

/// A run that was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Namespace and workflow id.
    pub key: Key,
    /// The run.
    pub run: RunId,
    /// Whether its program does again what its history says.
    pub replays: bool,
}

impl EngineHandle {
    /// A run with its history and its definition, as one text.
    pub async fn export(&self, of: &Address) -> Result<String, Error> {
        let records = self.shared.store.read(&of.key, 0).await?;
        let past = Past::read(&of.key, &records)?;
        let run = past.run(of.run.as_ref())?;
        let state = run.state(&past).ok_or_else(|| Error::internal("a run that was found has no state"))?;
        let definition = self.shared.definitions.load(state.definition()).await?;
        let definition =
            String::from_utf8(definition.bytes()).map_err(|error| Error::internal(error.to_string()))?;
        let parts = run.parts().to_vec();
        let at = self.shared.clock.now();
        wire::write(&Exported { key: of.key.clone(), run: run.id.clone(), at, definition, parts })
    }

    /// Takes in a run from another server. Nothing is written when anything about it is wrong.
    pub async fn import(&self, text: &str, open: OpenRun) -> Result<Imported, Error> {
        let exported = wire::read(text)?;
        let (key, run) = (exported.key.clone(), exported.run.clone());
        if self.shared.store.run(&run).await?.is_some() {
            let message = format!("the run {run} is here already");
            return Err(Error::new(&code::RUN_EXISTS, message)
                .help("delete it with `nexus run delete` when the export is to take its place")
                .run(run));
        }
        let hash = self.keep_definition(&exported).await?;
        let errand = Errand::Import(Box::new(exported), open);
        let (message, reply) = Message::errand(key.clone(), errand);
        self.shared.router.send(message);
        match reply.await.map_err(|_| stopping())? {
            Reply::Started { .. } => {}
            Reply::Refused(error) => return Err(error),
            _ => return Err(Error::internal("an import was not answered as one")),
        }
        let replays = self.replays(&key, &run, &hash).await?;
        Ok(Imported { key, run, replays })
    }

    /// Keeps the definition of a run before anything refers to it.
    async fn keep_definition(&self, exported: &Exported) -> Result<Hash, Error> {
        let bytes = exported.definition.as_bytes();
        let definition = Definition::from_bytes(bytes)
            .map_err(|why| refused(&format!("its definition cannot be used here: {why}")))?;
        let started = exported.started().ok_or_else(|| refused("it has no start"))?;
        // A run that followed a newer version has that one.
        let notes = exported.parts.iter().flat_map(|part| &part.notes);
        let followed = notes.rev().find_map(|note| match note {
            Note::DefinitionChanged { definition } => Some(definition),
            _ => None,
        });
        if *followed.unwrap_or(&started.definition) != definition.hash {
            return Err(refused("its definition is that of another run"));
        }
        self.shared.store.blob_put(bytes.to_vec()).await?;
        self.shared.definitions.load(&definition.hash).await?;
        Ok(definition.hash.clone())
    }

    async fn replays(&self, key: &Key, run: &RunId, definition: &Hash) -> Result<bool, Error> {
        let records = self.shared.store.read(key, 0).await?;
        let definition = self.shared.definitions.load(definition).await?;
        let state = KeyState::fold(&key.namespace, &records).map_err(Error::internal)?;
        let found = state.run(run).map(|run| interpret::replay(key, run, &definition, &records));
        Ok(found.is_some_and(|replayed| replayed.is_ok()))
    }
}
