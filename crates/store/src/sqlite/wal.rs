//! The write-ahead log as a file. SQLite ends recovery at the first frame that does not add up, without a word; after a
//! crash that is the torn tail of a group nobody was told about, but after damage it may be acknowledged work.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::fault::Fault;

const MAGIC: u32 = 0x377f_0682;
const HEADER_BYTES: u64 = 32;
const PAGE_BYTES: usize = 4_096;
const FRAME_BYTES: u64 = 24 + PAGE_BYTES as u64;

/// The page at 1 GiB, which SQLite never writes: its bytes carry the locks.
const PENDING_PAGE: u32 = 0x4000_0000 / PAGE_BYTES as u32 + 1;

/// The log of a database file.
pub(crate) fn path_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

/// Checks that recovery kept everything that was acknowledged, and that the file holds every page the log does not.
pub(crate) fn verify(connection: &Connection, path: &Path, wal: &Path) -> Result<(), Fault> {
    let frames: i64 = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))?;
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let recovered =
        Recovered { frames: frames.try_into().unwrap_or(0), pages: pages.try_into().unwrap_or(0) };
    let file = match File::open(wal) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(&error)),
    };
    let bytes = file.metadata().map_err(|error| unreadable(&error))?.len();
    let mut log =
        Log { file, frames: bytes.saturating_sub(HEADER_BYTES) / FRAME_BYTES, head: Header::default() };
    log.verify(path, recovered).map_err(|error| unreadable(&error))?
}

fn unreadable(error: &io::Error) -> Fault {
    Fault::Damaged(format!("it cannot be read: {error}"))
}

/// What SQLite made of the log.
#[derive(Debug, Clone, Copy)]
struct Recovered {
    /// Frames it accepted.
    frames: u64,
    /// Pages of the database with them.
    pages: u32,
}

/// What the frames of this round of the log have in common.
#[derive(Debug, Clone, Copy, Default)]
struct Header {
    salt: [u8; 8],
    big_endian: bool,
}

/// What stands before each page.
#[derive(Debug, Clone, Copy)]
struct Frame {
    head: [u8; 8],
    page: u32,
    commits: bool,
    is_current: bool,
    checksum: [u32; 2],
}

struct Log {
    file: File,
    frames: u64,
    head: Header,
}

impl Log {
    fn verify(&mut self, path: &Path, recovered: Recovered) -> io::Result<Result<(), Fault>> {
        if self.frames == 0 {
            return Ok(Ok(()));
        }
        let mut header = [0; 32];
        self.read_at(0, &mut header)?;
        let Some(head) = parse_header(&header) else { return self.verify_empty() };
        self.head = head;
        if self.has_lost_commits(recovered.frames)? {
            let what =
                format!("frame {} does not add up, and acknowledged work follows it", recovered.frames + 1);
            return Ok(Err(Fault::Damaged(what)));
        }
        self.verify_pages(path, recovered)
    }

    /// The header is synchronised before the first frame is written, so frames behind a broken one are damage. A file
    /// of zeros is what some file systems leave of one that was never synchronised.
    fn verify_empty(&mut self) -> io::Result<Result<(), Fault>> {
        for number in 1..=self.frames {
            if self.frame(number)?.head != [0; 8] {
                return Ok(Err(Fault::Damaged("its header is broken".to_owned())));
            }
        }
        Ok(Ok(()))
    }

    /// A group is written only after the one before it was synchronised and acknowledged. So two commits in a row,
    /// chained by their checksums, behind the first frame that does not add up mean that acknowledged work is lost.
    fn has_lost_commits(&mut self, recovered: u64) -> io::Result<bool> {
        let mut commits = 0;
        for number in recovered + 1..=self.frames {
            let frame = self.frame(number)?;
            commits += u32::from(frame.is_current && frame.commits);
        }
        // Nearly always the rest is of an earlier round or one torn group, and no page has to be read.
        if commits < 2 { Ok(false) } else { self.has_chained_commits(recovered) }
    }

    fn has_chained_commits(&mut self, recovered: u64) -> io::Result<bool> {
        let mut seed = [0; 2];
        let mut commits = 0;
        for number in recovered + 1..=self.frames {
            let frame = self.frame(number)?;
            let mut page = vec![0; PAGE_BYTES];
            self.file.read_exact(&mut page)?;
            let sum = checksum(self.head, checksum(self.head, seed, &frame.head), &page);
            if sum != frame.checksum || !frame.is_current {
                commits = 0;
            }
            commits += u32::from(frame.is_current && frame.commits);
            if commits >= 2 {
                return Ok(true);
            }
            seed = frame.checksum;
        }
        Ok(false)
    }

    /// A crash during a checkpoint leaves the file shorter than the database; then the log has the missing pages.
    fn verify_pages(&mut self, path: &Path, recovered: Recovered) -> io::Result<Result<(), Fault>> {
        let held = u32::try_from(path.metadata()?.len() / PAGE_BYTES as u64).unwrap_or(u32::MAX);
        if held >= recovered.pages {
            return Ok(Ok(()));
        }
        let mut logged = HashSet::from([PENDING_PAGE]);
        for number in 1..=recovered.frames.min(self.frames) {
            logged.insert(self.frame(number)?.page);
        }
        Ok(match (held + 1..=recovered.pages).find(|page| !logged.contains(page)) {
            Some(page) => {
                Err(Fault::Damaged(format!("the database was cut off: its page {page} is nowhere")))
            }
            None => Ok(()),
        })
    }

    /// The header of a frame, numbered from 1. The file is then at its page.
    fn frame(&mut self, number: u64) -> io::Result<Frame> {
        let mut bytes = [0; 24];
        self.read_at(HEADER_BYTES + (number - 1) * FRAME_BYTES, &mut bytes)?;
        let [page, size, salt_1, salt_2, sum_1, sum_2] = words(&bytes);
        let mut head = [0; 8];
        head.copy_from_slice(bytes.first_chunk::<8>().unwrap_or(&[0; 8]));
        let salt = [salt_1.to_be_bytes(), salt_2.to_be_bytes()].concat();
        let is_current = salt == self.head.salt;
        Ok(Frame { head, page, commits: size != 0, is_current, checksum: [sum_1, sum_2] })
    }

    fn read_at(&mut self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(bytes)
    }
}

fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let mut words = [0; N];
    for (word, chunk) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*chunk);
    }
    words
}

fn parse_header(bytes: &[u8; 32]) -> Option<Header> {
    let [magic, _version, page_bytes, _round, salt_1, salt_2, sum_1, sum_2] = words(bytes);
    let mut salt = [0; 8];
    salt.copy_from_slice(&[salt_1.to_be_bytes(), salt_2.to_be_bytes()].concat());
    let header = Header { salt, big_endian: magic & 1 == 1 };
    let summed = checksum(header, [0; 2], bytes.get(..24)?);
    let fits = magic & !1 == MAGIC && page_bytes as usize == PAGE_BYTES && summed == [sum_1, sum_2];
    fits.then_some(header)
}

/// SQLite's checksum: two sums over pairs of words, in the byte order of the machine that began the log.
fn checksum(header: Header, [mut first, mut second]: [u32; 2], bytes: &[u8]) -> [u32; 2] {
    let word = |bytes: &[u8; 4]| {
        if header.big_endian { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) }
    };
    for pair in bytes.as_chunks::<4>().0.chunks_exact(2) {
        if let [left, right] = pair {
            first = first.wrapping_add(word(left)).wrapping_add(second);
            second = second.wrapping_add(word(right)).wrapping_add(first);
        }
    }
    [first, second]
}
