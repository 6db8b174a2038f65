//! A disk without room: the store stops at the first write that fails and never tries it again, what was acknowledged
//! stays, and with room again a new process goes on.

use nexus_kernel::id::Partition;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::log::{Append, Epoch, Log as _};
use nexus_store::SqliteStore;

use super::fixture::{open, wait};
use super::kept::{key, record};
use super::mounted::Mounted;

/// The records of the key's worker after this one, until one is refused: the last that was acknowledged, and why.
async fn fill(store: &SqliteStore, epoch: Epoch, mut last: u64) -> (u64, StoreError) {
    loop {
        match append(store, epoch, last).await {
            Ok(sequence) => last = sequence,
            Err(reason) => return (last, reason),
        }
    }
}

async fn append(store: &SqliteStore, epoch: Epoch, expected: u64) -> Result<u64, StoreError> {
    let record = record(1, expected + 1);
    let one = Append { key: key(1), expected, epoch, record, live: true, rows: Vec::new() };
    Ok(store.append(vec![one]).await?.remove(0).unwrap())
}

fn acquire(store: &SqliteStore) -> Epoch {
    wait(store.acquire(0..Partition::COUNT, "whoever fills the disk")).unwrap()
}

#[test]
fn a_full_disk_stops_the_store_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let Some(Mounted(disk)) = &Mounted::new(&image, 10, folder.path().join("disk")) else { return };
    let ballast = disk.join("ballast");
    std::fs::write(&ballast, vec![1; 4 * 1024 * 1024]).unwrap();
    let data = disk.join("data");
    let store = open(&data).unwrap();
    let epoch = acquire(&store);
    let (last, reason) = wait(fill(&store, epoch, 0));
    assert!(reason.to_string().contains("full"), "{reason}");
    assert!(last > 100, "the disk had room for {last} records");

    std::fs::remove_file(ballast).unwrap();
    let (after, again) = wait(fill(&store, epoch, last));
    assert_eq!(after, last, "a write that failed is not tried again, whatever has become of the disk");
    assert_eq!(again.to_string(), reason.to_string());
    drop(store);

    let store = open(&data).unwrap();
    let kept = wait(store.read(&key(1), 0)).unwrap();
    assert!((1..).zip(&kept).all(|(number, it)| it.sequence == number && it.record == record(1, number)));
    assert!(kept.len() as u64 >= last, "{last} were acknowledged, {} are there", kept.len());
    let epoch = acquire(&store);
    assert_eq!(wait(append(&store, epoch, kept.len() as u64)).unwrap(), kept.len() as u64 + 1);
}
