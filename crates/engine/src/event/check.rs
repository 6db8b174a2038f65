//! What may be published.

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::limits::{ID_BYTES_MAX, PAYLOAD_BYTES_MAX};

use crate::event::NewEvent;

/// Longest type, in bytes.
pub(crate) const TYPE_BYTES_MAX: usize = 200;

/// Most events that are published at once.
pub(crate) const EVENTS_MAX: usize = 100;

/// What types of events begin with that only Nexus publishes.
const RESERVED: &str = "nexus.";

/// Refuses events that do not keep to the rules before any of them is written.
///
/// # Errors
///
/// What is wrong with the first that does not.
pub fn all(events: &[NewEvent]) -> Result<(), Error> {
    if events.is_empty() || events.len() > EVENTS_MAX {
        let message = format!("{} events were given", events.len());
        return Err(invalid(message, &format!("publish 1 to {EVENTS_MAX} events at once")));
    }
    events.iter().try_for_each(one)
}

fn one(event: &NewEvent) -> Result<(), Error> {
    if !is_type(&event.kind) {
        let message = format!("{:?} is no type of an event", shortened(&event.kind));
        let help = format!(
            "use 1 to {TYPE_BYTES_MAX} letters, digits, `-`, `_` and `:` in parts between dots, such as order.paid"
        );
        return Err(invalid(message, &help));
    }
    if event.kind.starts_with(RESERVED) {
        let message = format!("{:?} is a type that only Nexus publishes", event.kind);
        return Err(invalid(message, &format!("choose a type that does not begin with {RESERVED:?}")));
    }
    text("id", event.id.as_deref())?;
    text("subject", event.subject.as_deref())?;
    text("source", event.source.as_deref())?;
    let bytes = size(&event.data);
    if bytes > PAYLOAD_BYTES_MAX {
        let message = format!("the data of an event have {bytes} bytes, and {PAYLOAD_BYTES_MAX} are allowed");
        return Err(Error::new(&code::EVENT_INVALID, message)
            .help("store large data elsewhere and pass a reference to it"));
    }
    Ok(())
}

fn is_type(kind: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':'))
    };
    kind.len() <= TYPE_BYTES_MAX && kind.split('.').all(part)
}

/// Ids, subjects and sources are printable text.
fn text(what: &str, given: Option<&str>) -> Result<(), Error> {
    match given {
        Some(text) if text.is_empty() || text.len() > ID_BYTES_MAX || text.chars().any(char::is_control) => {
            let message = format!("the {what} of an event is empty, too long or holds control characters");
            Err(invalid(message, &format!("use 1 to {ID_BYTES_MAX} bytes of printable text")))
        }
        _ => Ok(()),
    }
}

fn invalid(message: String, help: &str) -> Error {
    Error::new(&code::EVENT_INVALID, message).help(help)
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

fn size(data: &Json) -> usize {
    data.to_string().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_parts_between_dots() {
        for good in ["a", "order.paid", "com.example.order-1", "system:error", "A_b.9"] {
            assert!(one(&NewEvent::new(good, Json::Null)).is_ok(), "{good}");
        }
        let long = "x".repeat(TYPE_BYTES_MAX + 1);
        for bad in ["", ".", "a.", ".a", "a..b", "a b", "é", "a*", "nexus.started", long.as_str()] {
            let refused = one(&NewEvent::new(bad, Json::Null)).unwrap_err();
            assert_eq!(refused.code(), &code::EVENT_INVALID, "{bad}");
        }
    }

    #[test]
    fn data_and_texts_have_limits() {
        let event = |change: fn(&mut NewEvent)| {
            let mut event = NewEvent::new("a", Json::Null);
            change(&mut event);
            one(&event)
        };
        assert!(event(|it| it.data = "x".repeat(PAYLOAD_BYTES_MAX - 2).into()).is_ok());
        assert!(event(|it| it.data = "x".repeat(PAYLOAD_BYTES_MAX - 1).into()).is_err());
        assert!(event(|it| it.subject = Some("order 1 ä".to_owned())).is_ok());
        assert!(event(|it| it.subject = Some(String::new())).is_err());
        assert!(event(|it| it.id = Some("a\nb".to_owned())).is_err());
        assert!(event(|it| it.source = Some("x".repeat(ID_BYTES_MAX + 1))).is_err());
        assert!(all(&[]).is_err());
        assert!(all(&vec![NewEvent::new("a", Json::Null); EVENTS_MAX + 1]).is_err());
    }
}
