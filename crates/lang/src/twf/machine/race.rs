//! `await one:`: every case is started, the first in source order that is ready wins.

use super::run::{Flow, Task};
use super::state::{Cancellation, Coroutine, ItemState, WaitOn, What};
use super::wire::CommandKind;
use crate::text::source::Span;
use crate::twf::code::{CaseOn, Race};
use crate::twf::failure::Failure;
use crate::twf::fault::Fault;

impl Task<'_, '_> {
    /// Starts every case and waits.
    pub(super) fn begin_race(&mut self, id: u32, co: &mut Coroutine, race: &Race) -> Result<Flow, Fault> {
        let mut on = Vec::with_capacity(race.cases.len());
        for (case, at) in race.cases.iter().zip(0..) {
            on.push(match &case.on {
                CaseOn::On(target) => self.begin_on(co, target, (at, case.span))?,
                CaseOn::All(all) => WaitOn::Group(self.start_group(co, all)?),
            });
        }
        self.wait(id, co, on, false)
    }

    /// A case has won: its body runs, the others lose.
    pub(super) fn race_won(
        &mut self,
        co: &mut Coroutine,
        race: &Race,
        on: &[WaitOn],
        at: usize,
    ) -> Result<Flow, Fault> {
        let (Some(case), Some(won)) = (race.cases.get(at), on.get(at)) else {
            return Err(Fault::internal("a race without its winner"));
        };
        let outcome = self.outcome(*won, case.after.bind.as_ref())?;
        self.drop_losers(on, Some(at), race.cancels_losers, self.span(co));
        let value = match outcome {
            Ok(value) => value,
            Err(failure) if case.after.capture && !failure.is_canceled() => self.captured(&failure),
            Err(failure) => return self.race_failed(co, race, *failure),
        };
        self.bind(co, case.after.bind.as_ref(), value)?;
        Ok(self.jump(co, case.body))
    }

    fn race_failed(&mut self, co: &mut Coroutine, race: &Race, failure: Failure) -> Result<Flow, Fault> {
        let Some((var, label)) = &race.fail else { return self.raise(co, failure) };
        if let Some(var) = var {
            let value = self.failure_value(&failure);
            self.evaluator(co.scope).set(*var, value);
        }
        Ok(self.jump(co, *label))
    }

    /// Lets go of the cases that did not win: timers are cancelled, the rest runs on unless losers are cancelled.
    pub(super) fn drop_losers(&mut self, on: &[WaitOn], winner: Option<usize>, cancel: bool, span: Span) {
        for (_, on) in on.iter().enumerate().filter(|(at, _)| Some(*at) != winner) {
            match on {
                WaitOn::Item(item) => self.drop_item(*item, cancel, span),
                WaitOn::Token(handler) => self.offer(*handler),
                WaitOn::Group(group) => self.drop_group(*group, cancel),
                WaitOn::Started(item) => self.drop_item(*item, false, span),
                WaitOn::Predicate | WaitOn::HandlersFinished => {}
            }
        }
    }

    /// An item that a promise holds is the promise's business.
    fn drop_item(&mut self, id: u64, cancel: bool, span: Span) {
        let Some(item) = self.m.items.get(&id) else { return };
        if item.held {
            return;
        }
        let (is_pending, is_timer) = (item.state == ItemState::Pending, item.what == What::Timer);
        let is_cancelled = cancel && item.cancellation != Cancellation::Abandon;
        if !is_pending || is_timer {
            self.m.items.remove(&id);
        } else if let Some(item) = self.m.items.get_mut(&id) {
            item.orphan = true;
        }
        if is_pending && is_timer {
            self.emit(span, CommandKind::CancelTimer { timer: id });
        } else if is_pending && is_cancelled {
            self.emit(span, CommandKind::RequestCancel { target: id, wait: false });
        }
    }

    fn drop_group(&mut self, id: u32, cancel: bool) {
        let Some(group) = self.m.groups.get_mut(&id) else { return };
        if group.left == 0 {
            self.m.groups.remove(&id);
            return;
        }
        group.orphan = true;
        if cancel {
            self.cancel_group(id);
        }
    }
}
