//! The text of an exported run: JSON lines. The first says what it is, the second holds the definition, then come the
//! parts of the history, and the last is a checksum of all lines before it.

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Key, Namespace, RunId, WorkflowId};
use nexus_kernel::limits::EXPORT_BYTES_MAX;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::record::{Event, RunPart, VERSION as RECORD_VERSION};
use crate::transfer::Exported;

/// The version of this format. Another one is refused, never guessed at.
const VERSION: u8 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    nexus_run: u8,
    record: u8,
    namespace: Namespace,
    workflow_id: WorkflowId,
    run_id: RunId,
    exported_at: Timestamp,
    parts: usize,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Definition { hash: Hash, text: String },
    Part(Box<RunPart>),
    Sha256(Hash),
}

/// The text of a run.
pub(crate) fn write(run: &Exported) -> Result<String, Error> {
    let header = Header {
        nexus_run: VERSION,
        record: RECORD_VERSION,
        namespace: run.key.namespace.clone(),
        workflow_id: run.key.workflow_id.clone(),
        run_id: run.run.clone(),
        exported_at: run.at,
        parts: run.parts.len(),
    };
    let definition =
        Line::Definition { hash: Hash::of(run.definition.as_bytes()), text: run.definition.clone() };
    let mut text = line(&header)?;
    text.push_str(&line(&definition)?);
    for part in &run.parts {
        text.push_str(&line(&Line::Part(Box::new(part.clone())))?);
    }
    let sum = Line::Sha256(Hash::of(text.as_bytes()));
    text.push_str(&line(&sum)?);
    Ok(text)
}

fn line(value: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string(value).map_err(|error| Error::internal(error.to_string()))?;
    Ok(text + "\n")
}

/// Reads a text back. Whatever is wrong with it is told, and nothing of it is used.
pub(crate) fn read(text: &str) -> Result<Exported, Error> {
    if text.len() > EXPORT_BYTES_MAX {
        return Err(refused(&format!("it is larger than {EXPORT_BYTES_MAX} bytes")));
    }
    let header = header(text)?;
    let mut lines = whole(text)?.lines().skip(1);
    let definition = match parse(lines.next())? {
        Line::Definition { hash, text } if hash == Hash::of(text.as_bytes()) => text,
        _ => return Err(refused("its definition is not what it says")),
    };
    let mut parts = Vec::new();
    for line in lines {
        match parse(Some(line))? {
            Line::Part(part) => parts.push(*part),
            _ => return Err(refused("a line is not where it belongs")),
        }
    }
    if parts.len() != header.parts {
        return Err(refused(&format!("it should have {} parts and has {}", header.parts, parts.len())));
    }
    sound(&header.run_id, &parts)?;
    let key = Key { namespace: header.namespace, workflow_id: header.workflow_id };
    Ok(Exported { key, run: header.run_id, at: header.exported_at, definition, parts })
}

/// The first line. The version is looked at before anything else: another one may have other fields.
fn header(text: &str) -> Result<Header, Error> {
    let first = text.lines().next().unwrap_or_default();
    let found: Option<serde_json::Value> = serde_json::from_str(first).ok();
    let version = found.as_ref().and_then(|it| it.get("nexus_run")?.as_u64());
    let record = found.as_ref().and_then(|it| it.get("record")?.as_u64());
    match (version, record) {
        (None, _) => Err(refused("this is no exported run")),
        (Some(version), _) if version != u64::from(VERSION) => {
            Err(refused(&format!("it has version {version} of the format, and this is version {VERSION}")))
        }
        (_, record) if record != Some(u64::from(RECORD_VERSION)) => {
            Err(refused("its history was written by another version of Nexus"))
        }
        _ => serde_json::from_str(first).map_err(|error| refused(&format!("its first line: {error}"))),
    }
}

/// The lines before the checksum, which must be right.
fn whole(text: &str) -> Result<&str, Error> {
    let cut = || refused("the file ends before its checksum");
    let end = text.strip_suffix('\n').ok_or_else(cut)?;
    let at = end.rfind('\n').ok_or_else(cut)? + 1;
    let (lines, last) = text.split_at_checked(at).ok_or_else(cut)?;
    match serde_json::from_str(last) {
        Ok(Line::Sha256(sum)) if sum == Hash::of(lines.as_bytes()) => Ok(lines),
        Ok(Line::Sha256(_)) => Err(refused("it was changed: the checksum is another one")),
        _ => Err(cut()),
    }
}

fn parse(line: Option<&str>) -> Result<Line, Error> {
    serde_json::from_str(line.unwrap_or_default())
        .map_err(|error| refused(&format!("a line cannot be read: {error}")))
}

/// Whether parts are one whole history: a start, then every event once.
fn sound(run: &RunId, parts: &[RunPart]) -> Result<(), Error> {
    let mut next = 1;
    for part in parts {
        if part.run != *run || part.copied.is_none() {
            return Err(refused("a part belongs to something else"));
        }
        if !part.events.is_empty() && part.first != next {
            return Err(refused(&format!("event {next} is missing")));
        }
        let starts = |event: &Event| matches!(event, Event::WorkflowExecutionStarted(_));
        for event in &part.events {
            if starts(event) != (next == 1) {
                return Err(refused("it does not begin with its start"));
            }
            next += 1;
        }
    }
    if next == 1 { Err(refused("it has no events")) } else { Ok(()) }
}

/// A text that is not imported.
pub(crate) fn refused(why: &str) -> Error {
    Error::new(&code::IMPORT_REFUSED, format!("the run cannot be imported: {why}"))
        .help("export it again with `nexus run export`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Copied;
    use nexus_kernel::memory::rng::SeededRng;

    fn exported() -> Exported {
        let at = Timestamp::from_millis(1_700_000_000_000);
        let run = RunId::generate(at, &SeededRng::new(1));
        let copied = Some(Copied { at, bytes: 100 });
        let start = Event::WorkflowExecutionStarted(Box::default());
        let first = RunPart { copied, events: vec![start], ..RunPart::new(run.clone(), 1) };
        let task = vec![Event::WorkflowTaskCompleted {}];
        let second = RunPart { copied, events: task, ..RunPart::new(run.clone(), 2) };
        let key = Key { namespace: Namespace::default(), workflow_id: WorkflowId::new("w").unwrap() };
        Exported { key, run, at, definition: "{}".into(), parts: vec![first, second] }
    }

    #[test]
    fn what_is_written_reads_back() {
        let run = exported();
        let read = read(&write(&run).unwrap()).unwrap();
        assert_eq!((read.key, read.run, read.parts), (run.key, run.run, run.parts));
    }

    #[test]
    fn every_damage_is_told() {
        let text = write(&exported()).unwrap();
        for cut in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            assert_eq!(read(&text[..cut]).unwrap_err().code(), &code::IMPORT_REFUSED, "cut at {cut}");
        }
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(read(&changed).unwrap_err().code(), &code::IMPORT_REFUSED, "changed at {at}");
        }
        let newer = text.replacen("\"nexus_run\":1", "\"nexus_run\":2", 1);
        assert!(read(&newer).unwrap_err().message().contains("version 2"));
        assert!(read("{}").unwrap_err().message().contains("no exported run"));
    }

    #[test]
    fn a_history_with_a_hole_is_refused_although_its_checksum_is_right() {
        let mut run = exported();
        run.parts[1].first = 3;
        assert!(read(&write(&run).unwrap()).unwrap_err().message().contains("event 2 is missing"));
        let mut run = exported();
        run.parts.remove(0);
        assert!(read(&write(&run).unwrap()).is_err());
    }
}
