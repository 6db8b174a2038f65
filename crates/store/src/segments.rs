//! Segments as files of a folder: named by their numbers, readable by their owner only, synchronised with every write.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nexus_kernel::BoxFuture;
use nexus_kernel::port::segments::{Segment, SegmentError, Segments};

/// What follows the number in the name of a file.
const SUFFIX: &str = ".jsonl";

/// Segments in a folder. Clones are the same.
#[derive(Debug, Clone)]
pub struct FileSegments(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    /// The file that was written last, with its number and its length.
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    number: u64,
    file: File,
    bytes: u64,
}

impl FileSegments {
    /// Segments in this folder, which is made with the first of them.
    pub fn new(folder: PathBuf) -> FileSegments {
        FileSegments(Arc::new(Inner { folder, open: Mutex::default() }))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Does it where blocking does not matter.
    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, SegmentError>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || work(&inner)).await;
            done.unwrap_or_else(|error| Err(io::Error::other(error)))
                .map_err(|error| SegmentError(error.to_string()))
        })
    }
}

impl Inner {
    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:020}{SUFFIX}"))
    }

    fn list(&self) -> io::Result<Vec<Segment>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let number =
                name.to_str().and_then(|name| name.strip_suffix(SUFFIX)).and_then(|it| it.parse().ok());
            if let Some(number) = number {
                found.push(Segment { number, bytes: entry.metadata()?.len() });
            }
        }
        found.sort_by_key(|segment| segment.number);
        Ok(found)
    }

    fn read(&self, number: u64, from: u64, most: usize) -> io::Result<Vec<u8>> {
        let file = File::open(self.path(number))?;
        let left = file.metadata()?.len().saturating_sub(from);
        let mut bytes = vec![0; usize::try_from(left).unwrap_or(usize::MAX).min(most)];
        file.read_exact_at(&mut bytes, from)?;
        Ok(bytes)
    }

    fn write(&self, number: u64, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut held = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // What a failure has left is not relied on: the file is opened and cut again.
        let mut open = match held.take().filter(|open| open.number == number && open.bytes == at) {
            Some(open) => open,
            None => self.open(number, at)?,
        };
        if open.file.metadata()?.nlink() == 0 {
            return Err(io::Error::other(format!("segment {number} was taken away")));
        }
        open.file.write_all_at(bytes, at)?;
        open.file.sync_data()?;
        open.bytes = at + bytes.len() as u64;
        *held = Some(open);
        Ok(())
    }

    fn open(&self, number: u64, at: u64) -> io::Result<Open> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let path = self.path(number);
        let is_new = !path.exists();
        if is_new && at > 0 {
            return Err(io::Error::other(format!("segment {number} is gone")));
        }
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        let length = file.metadata()?.len();
        if length < at {
            return Err(io::Error::other(format!("segment {number} is shorter than {at}")));
        }
        if length > at {
            file.set_len(at)?;
        }
        if is_new {
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(Open { number, file, bytes: at })
    }

    fn remove(&self, number: u64) -> io::Result<()> {
        match fs::remove_file(self.path(number)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => File::open(&self.folder)?.sync_all(),
        }
    }
}

impl Segments for FileSegments {
    fn segments(&self) -> BoxFuture<'_, Result<Vec<Segment>, SegmentError>> {
        self.blocking(Inner::list)
    }

    fn segment_read(
        &self,
        number: u64,
        from: u64,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<u8>, SegmentError>> {
        self.blocking(move |inner| inner.read(number, from, most))
    }

    fn segment_write(&self, number: u64, at: u64, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), SegmentError>> {
        self.blocking(move |inner| inner.write(number, at, &bytes))
    }

    fn segment_remove(&self, number: u64) -> BoxFuture<'_, Result<(), SegmentError>> {
        self.blocking(move |inner| inner.remove(number))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    struct Kept {
        segments: FileSegments,
        _folder: tempfile::TempDir,
    }

    impl std::ops::Deref for Kept {
        type Target = FileSegments;

        fn deref(&self) -> &FileSegments {
            &self.segments
        }
    }

    fn fresh() -> Kept {
        let folder = tempfile::tempdir().unwrap();
        Kept { segments: FileSegments::new(folder.path().join("audit")), _folder: folder }
    }

    nexus_kernel::segments_contract!(fresh);

    #[tokio::test]
    async fn files_are_their_owners() {
        let segments = fresh();
        segments.segment_write(7, 0, b"x".to_vec()).await.unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(segments.folder()), 0o700);
        assert_eq!(mode(&segments.folder().join("00000000000000000007.jsonl")), 0o600);
    }

    #[tokio::test]
    async fn a_file_that_somebody_took_away_is_an_error() {
        let segments = fresh();
        segments.segment_write(7, 0, b"x".to_vec()).await.unwrap();
        fs::remove_file(segments.0.path(7)).unwrap();
        for _ in 0..2 {
            assert!(segments.segment_write(7, 1, b"y".to_vec()).await.is_err());
        }
    }
}
