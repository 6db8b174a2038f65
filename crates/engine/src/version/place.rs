//! Where a run's children and operations go when its version is not the current one.
//!
//! Editing a project must not break its open runs: what they call is found in their own version when the current one has
//! it no more, and a child is of its parent's version.

use std::sync::Arc;

use nexus_kernel::failure::Failure;
use nexus_kernel::id::Key;
use nexus_lang::twf::program::Versioning;

use crate::decide::Context;
use crate::definition::Definition;
use crate::deliver::{self, Aim};
use crate::failures::NOT_FOUND;
use crate::input::Start;
use crate::record::OriginKind;
use crate::shard::Shared;
use crate::state::{Intent, RunState};

/// Where a child or operation is to be started, and how. A child is looked up in its parent's version first, an operation
/// in the current one, whose list of allowed callers holds.
pub(crate) fn target(
    shared: &Shared,
    key: &Key,
    run: &RunState,
    (seq, intent): (u64, Intent),
) -> Result<Aim, Failure> {
    let (current, own) = (shared.definitions.current(), shared.definitions.loaded(run.definition()));
    let is_child = matches!(intent, Intent::StartChild { .. });
    let own_hash = own.as_ref().map(|own| own.hash.clone());
    let (first, second) = if is_child { (own, current) } else { (current, own) };
    let registry = &shared.registry;
    let found = match deliver::target((registry, first.as_deref()), key, run, seq, intent.clone()) {
        Err(failure) if failure.type_name == NOT_FOUND => {
            deliver::target((registry, second.as_deref()), key, run, seq, intent).map_err(|_| failure)
        }
        found => found,
    };
    found.map(|aim| match aim {
        Aim::Here(target, start) => Aim::Here(target, Box::new(Start { definition: own_hash, ..*start })),
        outside @ Aim::Outside(_) => outside,
    })
}

/// The definitions that a new run may get, the best first. Without a calling run it is that of its key. A child gets its
/// parent's, unless its workflow follows new versions; an operation gets that of its key if that still has it. While a
/// version ramps, the other one is better than none.
pub(crate) fn choices(request: &Start, context: &Context<'_>) -> Vec<Arc<Definition>> {
    let current = context.current.clone();
    let own = request.definition.as_ref().and_then(|hash| (context.definition)(hash));
    let is_child = request.origin.as_ref().is_some_and(|origin| origin.kind == OriginKind::Child);
    let namespace = context.key.namespace.as_str();
    let follows = |definition: &Arc<Definition>| {
        definition.program.versioning_in(&request.workflow, namespace) == Versioning::AutoUpgrade
    };
    let own_first = is_child && !current.as_ref().is_some_and(follows);
    let mut all: Vec<_> = if own_first {
        own.into_iter().chain(current).collect()
    } else {
        current.into_iter().chain(own).collect()
    };
    all.extend(context.beside.clone());
    all.dedup_by(|one, other| one.hash == other.hash);
    let has_it = |definition: &Arc<Definition>| definition.program.workflow(&request.workflow).is_some();
    if all.iter().any(has_it) {
        all.retain(has_it);
    }
    all
}
