//! The list of runs: its memos.

use nexus_kernel::id::RunId;
use nexus_kernel::port::StoreError;
use nexus_kernel::port::runs::{RunRow, Runs, UsedAttribute};
use nexus_kernel::visibility::{Group, RunCount, RunQuery};
use nexus_kernel::{BoxFuture, Json};

use super::{Place, SealedStore};

impl<S> SealedStore<S> {
    /// A memo as it is kept. There is nothing to hide about none.
    pub(super) async fn sealed_memo(&self, row: &RunRow) -> Result<Json, StoreError> {
        match &row.memo {
            Json::Null => Ok(Json::Null),
            memo => self.keep_json(&row.key.namespace, Place::Memo(&row.run_id), memo.clone()).await,
        }
    }

    fn opened_row(&self, mut row: RunRow) -> Result<RunRow, StoreError> {
        row.memo = self.open_json(&row.key.namespace, Place::Memo(&row.run_id), row.memo)?;
        Ok(row)
    }
}

impl<S: Runs> Runs for SealedStore<S> {
    fn run(&self, run_id: &RunId) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>> {
        let run_id = run_id.clone();
        Box::pin(async move { self.inner.run(&run_id).await?.map(|row| self.opened_row(row)).transpose() })
    }

    fn runs(&self, query: RunQuery) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>> {
        Box::pin(async move {
            self.inner.runs(query).await?.into_iter().map(|row| self.opened_row(row)).collect()
        })
    }

    fn count(&self, count: RunCount) -> BoxFuture<'_, Result<Vec<Group>, StoreError>> {
        self.inner.count(count)
    }

    fn attribute_types(&self) -> BoxFuture<'_, Result<Vec<UsedAttribute>, StoreError>> {
        self.inner.attribute_types()
    }
}
