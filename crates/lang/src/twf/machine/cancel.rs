//! Cancellation of a run, of what a promise holds, and of losers (rule H10).

use super::run::{Flow, Task};
use super::state::{Cancellation, Coroutine, ItemState, Role, WaitOn, What};
use super::wire::CommandKind;
use crate::text::source::Span;
use crate::twf::failure::Failure;
use crate::twf::fault::Fault;

/// What a cancelled wait raises.
const CANCELED: &str = "the run was cancelled";

impl Task<'_, '_> {
    /// Somebody asked for the cancellation of this run: pending work is asked to stop, every wait raises `Canceled`.
    pub(super) fn cancel_requested(&mut self) {
        if std::mem::replace(&mut self.m.cancel_requested, true) {
            return;
        }
        // The body goes first: what handlers do while they clean up must not end its wait as if nothing had happened.
        let ids: Vec<u32> = self.m.coroutines.keys().copied().collect();
        for id in ids {
            self.cancel_coroutine(id);
        }
        let pending: Vec<u64> =
            self.m.items.iter().filter(|(_, item)| item.is_pending()).map(|(id, _)| *id).collect();
        for id in pending {
            self.cancel_item(id, self.code.span);
        }
    }

    fn cancel_coroutine(&mut self, id: u32) {
        let Some(co) = self.m.coroutines.get_mut(&id).filter(|co| !co.shielded) else { return };
        co.cancel = true;
        // Who waits for branches only is told by them.
        let waits_for_group = |on: &WaitOn| matches!(on, WaitOn::Group(_));
        let own = co.wait.as_ref().filter(|wait| !wait.on.iter().all(waits_for_group)).map(|wait| wait.no);
        if let Some(no) = own {
            self.wake((id, no));
        }
    }

    /// The branches of a lost `await all` case.
    pub(super) fn cancel_group(&mut self, group: u32) {
        let branches: Vec<u32> = self
            .m
            .coroutines
            .iter()
            .filter(|(_, co)| matches!(&co.role, Role::Branch { group: of, .. } if *of == group))
            .map(|(id, _)| *id)
            .collect();
        for id in branches {
            let waits = self.m.coroutines.get(&id).and_then(|co| co.wait.clone());
            for on in waits.iter().flat_map(|wait| &wait.on) {
                match on {
                    WaitOn::Item(item) => self.cancel_item(*item, self.code.span),
                    WaitOn::Group(inner) => self.cancel_group(*inner),
                    _ => {}
                }
            }
            self.cancel_coroutine(id);
        }
    }

    /// Asks for the cancellation of one item. A timer ends at once, a call as its options say.
    pub(super) fn cancel_item(&mut self, id: u64, span: Span) {
        let Some(item) = self.m.items.get_mut(&id).filter(|item| item.is_pending()) else { return };
        let reason = if self.m.cancel_requested { CANCELED } else { "cancelled by the workflow itself" };
        match item.what {
            What::Timer => {
                self.emit(span, CommandKind::CancelTimer { timer: id });
                self.resolve(id, ItemState::Failed(Failure::canceled(reason)));
            }
            What::Message(_) => self.resolve(id, ItemState::Failed(Failure::canceled(reason))),
            What::Activity(_) | What::Child(_) | What::Nexus(_) => self.cancel_call(id, span, reason),
            What::Signal(_) => {}
        }
    }

    /// What becomes of a call that is cancelled is up to its `cancellation_type`.
    fn cancel_call(&mut self, id: u64, span: Span, reason: &str) {
        let Some(item) = self.m.items.get_mut(&id) else { return };
        let cancellation = item.cancellation;
        match cancellation {
            Cancellation::Asked => return,
            Cancellation::Wait => item.cancellation = Cancellation::Asked,
            Cancellation::Try | Cancellation::Abandon => {}
        }
        if cancellation != Cancellation::Abandon {
            self.emit(span, CommandKind::RequestCancel { target: id, wait: cancellation.waits() });
        }
        if !cancellation.waits() {
            self.resolve(id, ItemState::Failed(Failure::canceled(reason)));
        }
    }

    pub(super) fn raise_canceled(&mut self, co: &mut Coroutine) -> Result<Flow, Fault> {
        self.raise(co, Failure::canceled(CANCELED))
    }
}
