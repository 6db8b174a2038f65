//! Transitions of schedules.

use nexus_kernel::id::RunId;

use crate::decide::{Context, Transition};
use crate::effect;
use crate::input::Reply;
use crate::record::{Record, VERSION};
use crate::schedule::{self, Happening, Request};
use crate::state::KeyState;

/// Decides what happens to a key's schedule.
pub(super) fn schedule(state: &mut KeyState, happening: Happening, context: &Context<'_>) -> Transition {
    let is_request = matches!(happening, Happening::Request(_));
    let is_delete = matches!(happening, Happening::Request(Request::Delete));
    let before = state.schedule.as_deref();
    let fresh = || RunId::generate(context.now, context.rng);
    let next = match schedule::step(before, happening, context.now, fresh) {
        Ok(Some(next)) => next,
        Ok(None) => {
            let shown = before.filter(|_| is_request).cloned();
            return Transition::reply(shown.map_or(Reply::Done, |it| Reply::Schedule(Box::new(it))));
        }
        Err(error) => return Transition::refused(error),
    };
    let known = before.map(schedule::Schedule::errands).unwrap_or_default();
    let mut effects = effect::of_schedule(&next);
    effects.retain(|effect| !matches!(effect, effect::Effect::Errand(errand) if known.contains(errand)));
    if is_delete {
        effects.clear();
    }
    state.keep_schedule(Box::new(next.clone()));
    let reply = if is_request { Reply::Schedule(Box::new(next.clone())) } else { Reply::Done };
    let record = Record { v: VERSION, at: context.now, runs: Vec::new(), schedule: Some(Box::new(next)) };
    Transition { record: Some(record), effects, reply }
}
