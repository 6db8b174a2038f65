//! What is stored of an execution that waits, beside its memory.

use nexus_kernel::id::Namespace;
use nexus_kernel::port::blob::Hash;
use serde::{Deserialize, Serialize};

use crate::host::Started;
use crate::op::Op;
use crate::outcome::LogLine;

/// Version of this record and of what host and guest say to each other.
pub(super) const ABI: u32 = 1;

/// Everything but the memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) abi: u32,
    pub(super) engine: Hash,
    pub(super) code: Hash,
    pub(super) export: String,
    pub(super) namespace: Namespace,
    pub(super) once: String,
    pub(super) memory_bytes: usize,
    pub(super) usage: Usage,
    pub(super) logs: Vec<LogLine>,
    pub(super) pending: Vec<Pending>,
}

/// What an execution has used of its limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Usage {
    pub(crate) cpu_us: u64,
    pub(crate) slices: u64,
    pub(crate) spills: u64,
    pub(crate) host_calls: u64,
    pub(crate) numbered: u64,
    pub(crate) log_bytes: usize,
    pub(crate) passed_bytes: usize,
}

/// An operation that it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pending {
    id: u32,
    op: i32,
    number: u64,
    arg: String,
}

impl Pending {
    pub(super) fn of(started: &Started) -> Pending {
        let Started { id, op, arg, number } = started;
        // An argument that is no text is no JSON either: asked again it fails as it would have.
        Pending { id: *id, op: op.number(), number: *number, arg: String::from_utf8_lossy(arg).into_owned() }
    }

    /// The operation, to be asked for again; nothing when it is none of those.
    pub(super) fn started(self) -> Option<Started> {
        let op = Op::from_number(self.op).filter(|op| op.can_be_asked_again())?;
        Some(Started { id: self.id, op, arg: self.arg.into_bytes(), number: self.number })
    }
}

impl Header {
    /// Its length, and itself as JSON.
    pub(super) fn write(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).unwrap_or_default(); // nothing in it has no JSON
        let len = u32::try_from(json.len()).unwrap_or(u32::MAX);
        [&len.to_le_bytes()[..], &json].concat()
    }

    /// The header, and what follows it.
    pub(super) fn read(bytes: &[u8]) -> Option<(Header, &[u8])> {
        let (len, rest) = bytes.split_first_chunk::<4>()?;
        let (json, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
        Some((serde_json::from_slice(json).ok()?, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::LogLevel;

    /// Stored parcels are read by later versions of this program, or refused by their number.
    #[test]
    fn the_record_is_what_it_was() {
        let started = Started { id: 3, op: Op::Sleep, arg: br#"{"until":5}"#.to_vec(), number: 1 };
        let usage = Usage {
            cpu_us: 1,
            slices: 2,
            spills: 3,
            host_calls: 4,
            numbered: 5,
            log_bytes: 6,
            passed_bytes: 7,
        };
        let header = Header {
            abi: ABI,
            engine: Hash::of(b"engine"),
            code: Hash::of(b"code"),
            export: "Main".to_owned(),
            namespace: Namespace::default(),
            once: "o-1/run_1/3".to_owned(),
            memory_bytes: 4_194_304,
            usage,
            logs: vec![LogLine {
                level: LogLevel::Info,
                message: "hi".to_owned(),
                at: nexus_kernel::time::Timestamp::from_millis(5),
            }],
            pending: vec![Pending::of(&started)],
        };
        let bytes = header.write();
        let json = std::str::from_utf8(&bytes[4..]).unwrap();
        let rest = json.split_once(r#""export""#).unwrap().1;
        assert_eq!(
            rest,
            concat!(
                r#":"Main","namespace":"default","once":"o-1/run_1/3","memory_bytes":4194304,"#,
                r#""usage":{"cpu_us":1,"slices":2,"spills":3,"host_calls":4,"numbered":5,"log_bytes":6,"passed_bytes":7},"#,
                r#""logs":[{"level":"info","message":"hi","at":5000}],"#,
                r#""pending":[{"id":3,"op":50,"number":1,"arg":"{\"until\":5}"}]}"#,
            )
        );
        let (read, rest) = Header::read(&bytes).unwrap();
        assert_eq!((read, rest.len()), (header, 0));
        assert!(Header::read(&bytes[..bytes.len() - 1]).is_none());
    }

    #[test]
    fn operations_that_cannot_be_repeated_are_not_read() {
        for op in [Op::KvCommit.number(), Op::Http.number(), Op::Random.number(), 99] {
            assert!(Pending { id: 1, op, number: 0, arg: "{}".to_owned() }.started().is_none(), "{op}");
        }
    }
}
