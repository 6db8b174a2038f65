//! What a run is to the others when a reset made it or ended it.

use nexus_kernel::id::{RunId, WorkflowId};
use nexus_kernel::time::Timestamp;

use crate::record::{IntentId, Performer, Reapply, ResetTo};
use crate::state::{Intent, RemoteCall, RunState};

impl RunState {
    /// When it came into being: when it was started, or when a reset made it. Its history may be older.
    pub fn created_at(&self) -> Timestamp {
        self.started.reset.as_ref().map_or(self.started_at, |reset| reset.at)
    }

    /// The run that made a command: this one, or one whose history it took over.
    pub fn issuer(&self, seq: u64) -> &RunId {
        let issuers = self.started.reset.iter().flat_map(|reset| &reset.issuers);
        let mut of = issuers.filter(|(_, last)| seq <= *last);
        of.next().map_or(&self.run_id, |(run, _)| run)
    }

    /// The name under which the effect of a command is known elsewhere.
    pub fn request_of(&self, seq: u64) -> String {
        format!("{}/{seq}", self.issuer(seq))
    }

    /// Whether a child that is started now takes the place of one that was started before the reset, and that
    /// nobody waits for any more.
    pub fn replaces(&self, seq: u64, workflow_id: &WorkflowId) -> bool {
        let Some(reset) = &self.started.reset else { return false };
        let again = |(at, (key, _)): (&u64, &(nexus_kernel::id::Key, RunId))| {
            (reset.kept() + 1..seq).contains(at) && key.workflow_id == *workflow_id
        };
        seq > reset.kept() && reset.replaced.contains(workflow_id) && !self.children.iter().any(again)
    }

    /// Makes sure to hear of the end of a run that another one started.
    pub(super) fn attach(&mut self, seq: u64) {
        if *self.issuer(seq) == self.run_id {
            return;
        }
        let Some(remote) = self.remotes.get(&seq).filter(|remote| !remote.stopping) else { return };
        let is_nexus = matches!(remote.call, RemoteCall::Nexus { .. });
        let excluded = self.started.reset.as_ref().is_some_and(|it| it.exclude.contains(&Reapply::Nexus));
        // Whoever carries it out outside brings the end to whichever run waits for it.
        let handler = remote.handler.as_ref().and_then(Performer::run);
        if let Some((key, run)) = handler.filter(|_| !(is_nexus && excluded)) {
            self.outbox.insert(IntentId::Attach(seq), Intent::Attach(key, run));
        }
    }

    /// What was pending begins anew.
    pub(super) fn begin_again(&mut self, at: Timestamp) {
        (self.blocked, self.begun) = (None, true);
        for activity in self.activities.values_mut() {
            (activity.scheduled_at, activity.counted_from, activity.available_at) = (at, at, at);
        }
    }

    /// Lets go of what another run takes over. The parent-close policy does not hold for a reset: children that were
    /// started later go on, too.
    pub(super) fn hand_over(&mut self, to: &ResetTo) {
        self.successor = Some(to.run.clone());
        self.outbox.retain(|id, _| !matches!(id, IntentId::Start(seq) if *seq <= to.kept));
        self.remotes.retain(|seq, remote| *seq > to.kept && matches!(remote.call, RemoteCall::Nexus { .. }));
    }
}
