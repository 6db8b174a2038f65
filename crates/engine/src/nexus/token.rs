//! Tokens: what a completion shows in order to be let in, and what an operation that a run carries out is called.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexus_kernel::Json;
use nexus_kernel::id::{EndpointId, Key, Namespace, WorkflowId};
use nexus_kernel::sign::Signer;
use serde_json::json;

/// What stands for an operation of a run, in the first member of its token. Temporal's servers have the same.
const OF_A_RUN: u64 = 1;

/// The command that a completion is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Awaited {
    /// The key of the run that waits.
    pub key: Key,
    /// The name of the request, which stays when the run is reset.
    pub request: String,
    /// The endpoint that it went through.
    pub endpoint: EndpointId,
}

impl Awaited {
    /// What whoever is to bring the completion has to show. Nobody but this server can make it.
    pub(crate) fn seal(&self, signer: &Signer) -> String {
        let text = json!([self.key.namespace, self.key.workflow_id, self.request, self.endpoint]).to_string();
        let text = URL_SAFE_NO_PAD.encode(text);
        format!("1.{text}.{}", signer.sign(&text))
    }

    /// Reads what is shown; nothing when this server has not made it.
    pub(crate) fn open(sealed: &str, signer: &Signer) -> Option<Awaited> {
        let (text, signature) = sealed.strip_prefix("1.")?.rsplit_once('.')?;
        if !signer.is_signed(text, signature) {
            return None;
        }
        let parts: Json = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let part = |at: usize| parts.get(at).and_then(Json::as_str);
        let key =
            Key { namespace: Namespace::new(part(0)?).ok()?, workflow_id: WorkflowId::new(part(1)?).ok()? };
        let endpoint = serde_json::from_value(parts.get(3)?.clone()).ok()?;
        Some(Awaited { key, request: part(2)?.to_owned(), endpoint })
    }
}

/// What the operation that runs under a key is called. It is no secret: whoever shows it must be allowed what they ask.
pub(crate) fn of_key(key: &Key) -> String {
    URL_SAFE_NO_PAD.encode(json!({ "t": OF_A_RUN, "ns": key.namespace, "wid": key.workflow_id }).to_string())
}

/// The key that an operation runs under.
pub(crate) fn key_of(token: &str) -> Option<Key> {
    let parts: Json = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let part = |name: &str| parts.get(name).and_then(Json::as_str);
    if parts.get("t").and_then(Json::as_u64) != Some(OF_A_RUN) {
        return None;
    }
    Some(Key {
        namespace: Namespace::new(part("ns")?).ok()?,
        workflow_id: WorkflowId::new(part("wid")?).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn awaited() -> Awaited {
        let workflow_id = WorkflowId::new("order \"7\" / ä").unwrap();
        let key = Key { namespace: Namespace::default(), workflow_id };
        Awaited { key, request: "run_1/3".into(), endpoint: EndpointId::of_name("billing") }
    }

    #[test]
    fn only_what_this_server_sealed_is_opened() {
        let (signer, other) = (Signer::new(&[7; 32]), Signer::new(&[8; 32]));
        let sealed = awaited().seal(&signer);
        assert_eq!(Awaited::open(&sealed, &signer), Some(awaited()));
        assert_eq!(Awaited::open(&sealed, &other), None);
        let changed = sealed.replacen("1.", "1.A", 1);
        for wrong in ["", "1.", "1..", &changed, &sealed[1..], &format!("{sealed}0")] {
            assert_eq!(Awaited::open(wrong, &signer), None, "{wrong}");
        }
    }

    #[test]
    fn tokens_of_operations_come_back() {
        let key = awaited().key;
        assert_eq!(key_of(&of_key(&key)), Some(key));
        for wrong in ["", "!", "e30", &URL_SAFE_NO_PAD.encode(r#"{"t":2,"ns":"a","wid":"b"}"#)] {
            assert_eq!(key_of(wrong), None, "{wrong}");
        }
    }
}
