//! Who owns which partition, and the fence against those who did before.

use std::collections::HashMap;
use std::ops::Range;

use nexus_kernel::id::Partition;
use nexus_kernel::port::log::Epoch;
use rusqlite::{Connection, params};

use super::fault::{Fault, counted, stored};

/// The table `lease`, held in memory by the one writer.
#[derive(Debug)]
pub(crate) struct Leases {
    owners: HashMap<u16, Epoch>,
    newest: u64,
}

impl Leases {
    /// Reads the table.
    pub(crate) fn load(connection: &Connection) -> Result<Leases, Fault> {
        let newest = counter(connection, "epoch")?;
        let mut statement = connection.prepare("SELECT partition, epoch FROM lease")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut owners = HashMap::new();
        for row in rows {
            let (partition, epoch): (u16, i64) = row?;
            owners.insert(partition, Epoch(counted(epoch)?));
        }
        Ok(Leases { owners, newest })
    }

    /// Whether a partition was claimed after `epoch` was given out.
    pub(crate) fn is_stale(&self, Partition(partition): Partition, epoch: Epoch) -> bool {
        self.owners.get(&partition).is_some_and(|owner| *owner > epoch)
    }

    /// Claims partitions. The new epoch is greater than every one before, also when nothing is claimed.
    pub(crate) fn acquire(
        &mut self,
        connection: &Connection,
        partitions: Range<u16>,
        owner: &str,
    ) -> Result<Epoch, Fault> {
        self.newest += 1;
        set_counter(connection, "epoch", self.newest)?;
        let mut claim = connection.prepare_cached(
            "INSERT INTO lease (partition, owner, epoch) VALUES (?1, ?2, ?3)
             ON CONFLICT (partition) DO UPDATE SET owner = excluded.owner, epoch = excluded.epoch",
        )?;
        for partition in partitions {
            claim.execute(params![partition, owner, stored(self.newest)])?;
            self.owners.insert(partition, Epoch(self.newest));
        }
        Ok(Epoch(self.newest))
    }
}

/// A counter of the file.
pub(crate) fn counter(connection: &Connection, name: &str) -> Result<u64, Fault> {
    let mut statement = connection.prepare_cached("SELECT value FROM counters WHERE name = ?1")?;
    match statement.query_row([name], |row| row.get(0)) {
        Ok(value) => counted(value),
        Err(rusqlite::Error::QueryReturnedNoRows) => {
            Err(Fault::Damaged(format!("the counter {name} is missing")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Sets a counter of the file.
pub(crate) fn set_counter(connection: &Connection, name: &str, value: u64) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached("UPDATE counters SET value = ?2 WHERE name = ?1")?;
    statement.execute(params![name, stored(value)])?;
    Ok(())
}
