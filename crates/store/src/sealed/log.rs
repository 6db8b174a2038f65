//! Records of runs.

use std::ops::Range;

use nexus_kernel::BoxFuture;
use nexus_kernel::id::Key;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::log::{Append, Epoch, LiveKey, Log, Refused, Stored, Trim};

use super::{Place, SealedStore};

impl<S: Log> SealedStore<S> {
    async fn sealed(&self, mut append: Append) -> Result<Append, StoreError> {
        let namespace = &append.key.namespace;
        if self.seals(namespace) {
            append.record = self.keyring.seal(namespace, Place::Record(&append.key), &append.record).await?;
        }
        for row in &mut append.rows {
            row.memo = self.sealed_memo(row).await?;
        }
        Ok(append)
    }

    fn opened(&self, key: &Key, records: Vec<Stored>) -> Result<Vec<Stored>, StoreError> {
        let open = |Stored { sequence, record }: Stored| {
            let record = self.keyring.unseal(&key.namespace, Place::Record(key), record)?;
            Ok(Stored { sequence, record })
        };
        records.into_iter().map(open).collect()
    }
}

impl<S: Log> Log for SealedStore<S> {
    fn acquire(&self, partitions: Range<u16>, owner: &str) -> BoxFuture<'_, Result<Epoch, StoreError>> {
        self.inner.acquire(partitions, owner)
    }

    fn append(&self, batch: Vec<Append>) -> BoxFuture<'_, Result<Vec<Result<u64, Refused>>, StoreError>> {
        Box::pin(async move {
            let mut sealed = Vec::with_capacity(batch.len());
            for append in batch {
                sealed.push(self.sealed(append).await?);
            }
            self.inner.append(sealed).await
        })
    }

    fn read(&self, key: &Key, after: u64) -> BoxFuture<'_, Result<Vec<Stored>, StoreError>> {
        let key = key.clone();
        Box::pin(async move { self.opened(&key, self.inner.read(&key, after).await?) })
    }

    fn live(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<LiveKey>, StoreError>> {
        let open = |LiveKey { cursor, key, records }: LiveKey| {
            let records = self.opened(&key, records)?;
            Ok(LiveKey { cursor, key, records })
        };
        Box::pin(async move { self.inner.live(after, limit).await?.into_iter().map(open).collect() })
    }

    fn trim(&self, trim: Trim) -> BoxFuture<'_, Result<Result<(), Refused>, StoreError>> {
        self.inner.trim(trim)
    }
}
