//! An execution that waits, kept beyond the process that it began in.
//!
//! What waits is its memory's difference from the engine's image, the operations it waits for, and what it has used. A
//! parcel of these is sealed with a key of the one who keeps it. It is opened only for the same engine, the same code and
//! the same namespace, and only when nobody has changed a bit of it; whoever cannot open it calls the function again.
//!
//! Only an execution whose operations can all be asked for again is kept, and none that has read a secret: its memory
//! would hold it.

mod record;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use nexus_kernel::port::StoreError;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::rng::SharedRng;
use nexus_kernel::{BoxFuture, tell_of};

use crate::GUEST_HASH;
use crate::cache::seal::{Seal, Secret};
use crate::call::Invocation;
use crate::compile::Module;
use crate::host::{Started, State};
use crate::op::Op;
use crate::spill::{Difference, Spilled};
pub(crate) use record::Usage;
use record::{ABI, Header, Pending};

/// What the seal of a parcel is for: that of a file of the code cache is no good here.
const PURPOSE: &str = "parked execution";

/// Whoever keeps an execution while it waits for long.
pub trait Keeper: Send + Sync {
    /// Whether this execution may be kept now.
    fn may_keep(&self) -> bool;

    /// Keeps a parcel, in place of the one before.
    fn save(&self, parcel: Vec<u8>) -> BoxFuture<'static, Result<(), StoreError>>;

    /// The execution has ended, or nobody waits for it any more: the parcel is of no use.
    fn forget(&self);
}

/// Who keeps an execution, by which key, and what was kept of it by an earlier process.
#[derive(Clone)]
pub struct Keep {
    /// Who.
    pub keeper: Arc<dyn Keeper>,
    /// Parcels are sealed with it.
    pub key: ParkKey,
    /// What an earlier process kept: the execution goes on from there instead of being begun.
    pub parcel: Option<Arc<Vec<u8>>>,
}

/// A secret that parcels are sealed with. Whoever has it can make a guest's memory say anything.
#[derive(Clone)]
pub struct ParkKey(Arc<Secret>);

impl ParkKey {
    /// The key of a folder, in its file `secret`, which only this user may read; made when there is none. Errors say
    /// why it cannot be used.
    pub fn of(folder: &Path, rng: &SharedRng) -> Result<ParkKey, String> {
        Secret::of(folder, rng).map(|secret| ParkKey(Arc::new(secret)))
    }

    fn close(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let seal = self.0.seal(PURPOSE, &bytes);
        bytes.extend(seal);
        bytes
    }

    fn open<'a>(&self, sealed: &'a [u8]) -> Option<&'a [u8]> {
        let (bytes, seal) = sealed.split_at_checked(sealed.len().checked_sub(size_of::<Seal>())?)?;
        // Every byte is looked at, so that the time says nothing about how many are right.
        let expected = self.0.seal(PURPOSE, bytes);
        let difference = expected.iter().zip(seal).fold(0, |all, (a, b)| all | (a ^ b));
        (difference == 0).then_some(bytes)
    }
}

/// Why a parcel is not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("it was changed, cut short, or sealed by somebody else")]
    Seal,
    #[error("it cannot be read")]
    Unreadable,
    #[error("it was made by another engine")]
    Engine,
    #[error("it is of other code")]
    Code,
    #[error("it is of another namespace or function")]
    Owner,
}

/// The operations that an execution waits for, for as long as somebody may keep it.
pub(crate) struct Waits {
    keep: Option<Keep>,
    module: Module,
    export: String,
    pending: BTreeMap<u32, Arc<Started>>,
    saved: bool,
}

impl Waits {
    /// Of an execution that waits for nothing yet.
    pub(crate) fn new(invocation: &Invocation) -> Waits {
        Waits {
            keep: invocation.keep.clone(),
            module: invocation.module.clone(),
            export: invocation.export.clone(),
            pending: BTreeMap::new(),
            saved: false,
        }
    }

    /// What an earlier process kept of this execution, when it can be opened for this call.
    pub(crate) fn reopen(&self, invocation: &Invocation) -> Option<Opened> {
        let keep = self.keep.as_ref()?;
        let parcel = keep.parcel.as_ref()?;
        match open(keep, parcel, invocation) {
            Ok(opened) => Some(opened),
            Err(why) => {
                tell_of!(invocation.context.doer(), warn, %why, "a function that waited is begun again");
                None
            }
        }
    }

    /// An operation begins.
    pub(crate) fn begin(&mut self, started: &Arc<Started>) {
        if self.keep.is_some() {
            self.pending.insert(started.id, started.clone());
        }
    }

    /// It has been answered.
    pub(crate) fn end(&mut self, id: u32) {
        self.pending.remove(&id);
    }

    /// Whether the execution can be kept as it stands.
    pub(crate) fn can_keep(&self, state: &State) -> bool {
        let again = |started: &Arc<Started>| started.op.can_be_asked_again();
        let has_secret = state.scope.as_ref().is_some_and(|scope| !scope.redactions.is_empty());
        self.keep.as_ref().is_some_and(|keep| keep.keeper.may_keep())
            && !has_secret
            && !self.pending.is_empty()
            && self.pending.values().all(again)
    }

    /// Hands a parcel to the keeper; true when it is kept. What cannot be kept is told, and does no harm.
    pub(crate) async fn save(&mut self, spilled: &Spilled) -> bool {
        let Some(keep) = &self.keep else { return false };
        let Some(parcel) = self.parcel(spilled, keep) else { return false };
        match keep.keeper.save(parcel).await {
            Ok(()) => {
                self.saved = true;
                true
            }
            Err(error) => {
                if let Some(scope) = &spilled.state.scope {
                    tell_of!(scope.doer, warn, %error, "a function that waits could not be kept");
                }
                false
            }
        }
    }

    fn parcel(&self, spilled: &Spilled, keep: &Keep) -> Option<Vec<u8>> {
        let scope = spilled.state.scope.as_deref();
        let header = Header {
            abi: ABI,
            engine: engine_hash(),
            code: code_hash(&self.module),
            export: self.export.clone(),
            namespace: scope.map(|scope| scope.namespace.clone()).unwrap_or_default(),
            once: scope.map(|scope| scope.once.clone()).unwrap_or_default(),
            memory_bytes: spilled.memory_bytes(),
            usage: spilled.state.usage(),
            logs: spilled.state.logs.clone(),
            pending: self.pending.values().map(|started| Pending::of(started)).collect(),
        };
        let mut bytes = header.write();
        spilled.difference()?.write(&mut bytes);
        Some(keep.key.close(bytes))
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        if let Some(keep) = self.keep.as_ref().filter(|keep| self.saved || keep.parcel.is_some()) {
            keep.keeper.forget();
        }
    }
}

/// What a parcel holds, checked for the call that it is to be.
pub(crate) struct Opened {
    pub(crate) usage: Usage,
    pub(crate) logs: Vec<crate::outcome::LogLine>,
    pub(crate) pending: Vec<Started>,
    pub(crate) memory_bytes: usize,
    pub(crate) difference: Difference,
    pub(crate) once: String,
}

/// Opens a parcel for a call.
pub(crate) fn open(keep: &Keep, parcel: &[u8], invocation: &Invocation) -> Result<Opened, Refusal> {
    let bytes = keep.key.open(parcel).ok_or(Refusal::Seal)?;
    let (header, rest) = Header::read(bytes).ok_or(Refusal::Unreadable)?;
    if header.abi != ABI || header.engine != engine_hash() {
        return Err(Refusal::Engine);
    }
    if header.code != code_hash(&invocation.module) {
        return Err(Refusal::Code);
    }
    if header.namespace != invocation.context.namespace || header.export != invocation.export {
        return Err(Refusal::Owner);
    }
    let difference = Difference::read(rest);
    let pending = header.pending.into_iter().map(Pending::started).collect::<Option<Vec<_>>>();
    Ok(Opened {
        usage: header.usage,
        logs: header.logs,
        pending: pending.ok_or(Refusal::Unreadable)?,
        memory_bytes: header.memory_bytes,
        difference,
        once: header.once,
    })
}

/// The engine that this program has. Its image is part of it, so a difference means nothing to another one.
fn engine_hash() -> Hash {
    static HASH: OnceLock<Hash> = OnceLock::new();
    HASH.get_or_init(|| Hash::of(GUEST_HASH.as_bytes())).clone()
}

fn code_hash(module: &Module) -> Hash {
    Hash::of(&[module.file().as_bytes(), &[0], module.bytecode()].concat())
}

impl Op {
    /// Whether asking once more does what asking once does: reading, waiting, and requests that are known by an id.
    pub(crate) const fn can_be_asked_again(self) -> bool {
        match self {
            Op::Sleep
            | Op::KvGet
            | Op::KvList
            | Op::FileRead
            | Op::BlobPut
            | Op::BlobGet
            | Op::WorkflowStart
            | Op::WorkflowSignal
            | Op::WorkflowQuery
            | Op::WorkflowResult
            | Op::EventPublish
            | Op::SessionGet => true,
            Op::Random
            | Op::Uuid
            | Op::HostNow
            | Op::KvCommit
            | Op::Http
            | Op::Host
            | Op::SecretRead
            | Op::BlobDelete
            | Op::SessionUpdate => false,
        }
    }

    /// Whether it may take as long as the function may wait: its end is not this server's doing.
    pub(crate) const fn is_patient(self) -> bool {
        matches!(self, Op::Sleep | Op::WorkflowResult)
    }
}
