//! Old records of schedules: each holds the whole schedule, so only the last one is needed.

use nexus_kernel::error::Error;
use nexus_kernel::id::Key;
use nexus_kernel::port::log::{Refused, Stored, Trim};

use crate::record::Record;
use crate::schedule;
use crate::shard::{Shard, taken_over};

/// Records of a schedule that come together before the old ones are deleted.
pub(crate) const RECORDS_KEPT: u64 = 64;

impl Shard {
    /// Notes what a new record makes needless. Twice as much as came together since the last time: what a process that
    /// died left behind goes, too.
    pub(super) fn outdate(&mut self, key: &Key, head: u64, record: &Record) {
        let Some(schedule) = record.schedule.as_ref() else { return };
        if schedule.removed {
            // Nothing is left of it: not even its last record is needed.
            self.outdated.push((key.clone(), window(head).chain([head]).collect()));
        } else if head.is_multiple_of(RECORDS_KEPT) {
            self.outdated.push((key.clone(), window(head).collect()));
        }
    }

    /// Notes what was found of a schedule beside its last record.
    pub(super) fn outdate_found(&mut self, key: &Key, records: &[Stored]) {
        let Some((_, old)) = records.split_last().filter(|_| schedule::is_schedule(key)) else { return };
        if old.len() as u64 > RECORDS_KEPT {
            self.outdated.push((key.clone(), old.iter().map(|stored| stored.sequence).collect()));
        }
    }

    /// Deletes what has been noted. The records that make it needless are durable.
    pub(super) async fn trim_schedules(&mut self) -> Result<(), Error> {
        for (key, sequences) in std::mem::take(&mut self.outdated) {
            let trim = Trim { key, epoch: self.shared.epoch, sequences, runs: Vec::new() };
            match self.shared.store.trim(trim).await? {
                Ok(()) => {}
                Err(Refused::StaleEpoch | Refused::Conflict { .. }) => return Err(taken_over()),
            }
        }
        Ok(())
    }
}

/// The sequences before a record that may not have been deleted yet.
fn window(head: u64) -> std::ops::Range<u64> {
    head.saturating_sub(2 * RECORDS_KEPT).max(1)..head
}
