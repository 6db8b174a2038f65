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
const PENDING_PAGE: u32 = 0x4000_0000 / 4_096 + 1;

/// The log of a database file.
pub(crate) fn path_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

/// What recovery made of a log, and the log itself to compare it with.
pub(crate) struct Recovered {
    /// Frames that SQLite accepted.
    frames: u64,
    /// Pages of the database with them.
    pages: u32,
    log: Option<Log>,
}

impl Recovered {
    /// Asks SQLite and opens the file, if there is one.
    pub(crate) fn load(connection: &Connection, wal: &Path) -> Result<Recovered, Fault> {
        let frames: i64 = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))?;
        let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        let log = Log::open(wal).map_err(|error| unreadable(&error))?;
        Ok(Recovered { frames: frames.try_into().unwrap_or(0), pages: pages.try_into().unwrap_or(0), log })
    }

    /// Checks that recovery kept everything that was acknowledged.
    pub(crate) fn verify_commits(&mut self) -> Result<(), Fault> {
        let Some(log) = &mut self.log else { return Ok(()) };
        let fault = match &log.header {
            None => log.is_written().map(|is_written| is_written.then(|| "its header is broken".to_owned())),
            Some(header) => {
                log.has_lost_commits(*header, self.frames).map(|has| has.then(|| hole(self.frames)))
            }
        };
        fault.map_err(|error| unreadable(&error))?.map_or(Ok(()), |what| Err(Fault::Damaged(what)))
    }

    /// Checks that every page is in the file or in the log: a checkpoint that was cut off leaves a short file, and then
    /// the log has the rest.
    pub(crate) fn verify_pages(&mut self, path: &Path) -> Result<(), Fault> {
        let bytes = path.metadata().map_err(|error| unreadable(&error))?.len();
        let held = u32::try_from(bytes / PAGE_BYTES as u64).unwrap_or(u32::MAX);
        if held >= self.pages {
            return Ok(());
        }
        let mut logged = HashSet::from([PENDING_PAGE]);
        if let Some(log) = &mut self.log {
            for number in 1..=self.frames.min(log.frames) {
                logged.insert(log.frame(number).map_err(|error| unreadable(&error))?.page);
            }
        }
        match (held + 1..=self.pages).find(|page| !logged.contains(page)) {
            Some(page) => Err(Fault::Damaged(format!("it was cut off, and its page {page} is gone"))),
            None => Ok(()),
        }
    }
}

fn hole(frames: u64) -> String {
    format!("frame {} does not add up, and acknowledged work follows it", frames + 1)
}

fn unreadable(error: &io::Error) -> Fault {
    Fault::Damaged(format!("it cannot be read: {error}"))
}

/// What the frames of this round of the log have in common.
#[derive(Debug, Clone, Copy)]
struct Header {
    salt: u64,
    big_endian: bool,
}

/// What stands before each page.
#[derive(Debug, Clone, Copy)]
struct Frame {
    head: [u8; 8],
    page: u32,
    commits: bool,
    salt: u64,
    checksum: [u32; 2],
}

impl Frame {
    /// Whether it was written in the round of the log that this header began.
    fn is_of(&self, header: Header) -> bool {
        self.salt == header.salt
    }
}

fn salt(first: u32, second: u32) -> u64 {
    u64::from(first) << 32 | u64::from(second)
}

struct Log {
    file: File,
    frames: u64,
    header: Option<Header>,
}

impl Log {
    fn open(path: &Path) -> io::Result<Option<Log>> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let frames = file.metadata()?.len().saturating_sub(HEADER_BYTES) / FRAME_BYTES;
        let mut header = [0; 32];
        if frames > 0 {
            file.read_exact(&mut header)?;
        }
        Ok(Some(Log { file, frames, header: parse_header(&header) }))
    }

    /// The header is synchronised before the first frame is written, so frames behind a broken one are damage. A file
    /// of zeros is what some file systems leave of one that was never synchronised.
    fn is_written(&mut self) -> io::Result<bool> {
        for number in 1..=self.frames {
            if self.frame(number)?.head != [0; 8] {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A group is written only after the one before it was synchronised and acknowledged. So two commits in a row,
    /// chained by their checksums, behind the first frame that does not add up mean that acknowledged work is lost.
    fn has_lost_commits(&mut self, header: Header, recovered: u64) -> io::Result<bool> {
        let mut commits = 0;
        for number in recovered + 1..=self.frames {
            let frame = self.frame(number)?;
            commits += u32::from(frame.is_of(header) && frame.commits);
        }
        // Nearly always the rest is of an earlier round or one torn group, and no page has to be read.
        if commits < 2 { Ok(false) } else { self.has_chained_commits(header, recovered) }
    }

    fn has_chained_commits(&mut self, header: Header, recovered: u64) -> io::Result<bool> {
        let mut seed = [0; 2];
        let mut commits = 0;
        for number in recovered + 1..=self.frames {
            let frame = self.frame(number)?;
            let mut page = vec![0; PAGE_BYTES];
            self.file.read_exact(&mut page)?;
            let sum = checksum(header, checksum(header, seed, &frame.head), &page);
            if sum != frame.checksum || !frame.is_of(header) {
                commits = 0;
            }
            commits += u32::from(frame.is_of(header) && frame.commits);
            if commits >= 2 {
                return Ok(true);
            }
            seed = frame.checksum;
        }
        Ok(false)
    }

    /// The header of a frame, numbered from 1. The file is then at its page.
    fn frame(&mut self, number: u64) -> io::Result<Frame> {
        let mut bytes = [0; 24];
        self.read_at(HEADER_BYTES + (number - 1) * FRAME_BYTES, &mut bytes)?;
        let [page, size, salt_1, salt_2, sum_1, sum_2] = words(&bytes);
        let mut head = [0; 8];
        head.copy_from_slice(bytes.first_chunk::<8>().unwrap_or(&[0; 8]));
        let salt = salt(salt_1, salt_2);
        Ok(Frame { head, page, commits: size != 0, salt, checksum: [sum_1, sum_2] })
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
    let header = Header { salt: salt(salt_1, salt_2), big_endian: magic & 1 == 1 };
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
