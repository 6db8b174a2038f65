//! Idempotency keys: a request that carries one is carried out once, however often it is sent.
//!
//! What is kept of a key is what was asked, and for verbs what was answered. The answer of a workflow is not kept: the key
//! is the request id of its start, so that a repetition finds the run itself, which is durable on its own. A key belongs to
//! one caller and is never guessed from an input, as the IETF draft `httpapi-idempotency-key-header` asks.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::call::{Answer, CallContext};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::kv::{Kv, KvCheck, KvCommit, KvWrite};
use nexus_kernel::task::Shutdown;
use nexus_kernel::time::Timestamp;
use ring::digest::{Context, SHA256};
use serde_json::json;

use crate::limits::{KEY_HOURS_MAX, KEY_SWEEP_MINUTES, KEYS_SWEPT_MAX};

const KEYS: &str = "idempotency/key/";
const ENDS: &str = "idempotency/end/";

/// What is known of the keys that were used. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    store: Arc<dyn Kv>,
    clock: SharedClock,
    under_way: Arc<Mutex<HashSet<String>>>,
}

/// What becomes of a request that carries a key.
pub(crate) enum Turn {
    /// It has none, or it changes nothing.
    Free,
    /// It is to be carried out, and remembered.
    Ours(Claim),
    /// It was carried out before.
    Done(Box<Answer>),
}

/// A key whose request is under way here. Gives the key free when it is dropped, as it is when its caller goes away.
pub(crate) struct Claim {
    digest: String,
    under_way: Arc<Mutex<HashSet<String>>>,
    /// Whether the key was there before: what is carried out now repeats something.
    is_repeated: bool,
    print: String,
    ends: Timestamp,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.digest);
    }
}

impl Keys {
    /// Keys kept in this store.
    pub fn new(store: Arc<dyn Kv>, clock: SharedClock) -> Keys {
        Keys { store, clock, under_way: Arc::default() }
    }

    /// Decides what to do with a request, and makes durable that its key is used.
    pub(crate) async fn claim(
        &self,
        operation: &Operation,
        input: &Json,
        context: &CallContext,
    ) -> Result<Turn, Error> {
        let Some(key) = context.idempotency_key.as_deref().filter(|_| operation.effect != Effect::Read)
        else {
            return Ok(Turn::Free);
        };
        let digest = hash(&[&context.caller.identity, key]);
        let print = hash(&[&operation.id(), &input.to_string()]);
        if !self.under_way.lock().unwrap_or_else(PoisonError::into_inner).insert(digest.clone()) {
            return Err(Error::new(&code::KEY_PENDING, code::KEY_PENDING.title)
                .help("wait for its answer, or repeat the request with this key later"));
        }
        let ends = self.clock.now().plus(Duration::from_hours(KEY_HOURS_MAX));
        let mut claim =
            Claim { digest, under_way: Arc::clone(&self.under_way), is_repeated: false, print, ends };
        match self.look(&claim).await? {
            Known::Nothing => self.begin(&claim).await?,
            Known::Begun => claim.is_repeated = true,
            Known::Answered(answer) => return Ok(Turn::Done(answer)),
        }
        Ok(Turn::Ours(claim))
    }

    async fn look(&self, claim: &Claim) -> Result<Known, Error> {
        let found = self.store.kv_get(&Namespace::system(), &format!("{KEYS}{}", claim.digest)).await?;
        let Some(entry) = found else { return Ok(Known::Nothing) };
        let ends = entry.value.get("ends_ms").and_then(Json::as_i64).unwrap_or_default();
        if Timestamp::from_millis(ends) <= self.clock.now() {
            return Ok(Known::Nothing);
        }
        if entry.value.get("print").and_then(Json::as_str) != Some(&claim.print) {
            return Err(Error::new(&code::KEY_REUSED, code::KEY_REUSED.title).help(
                "use a new key for each piece of work, and repeat a request with the very input it had",
            ));
        }
        Ok(match entry.value.get("output") {
            Some(output) => {
                Known::Answered(Box::new(Answer { replayed: true, ..Answer::of(output.clone()) }))
            }
            None => Known::Begun,
        })
    }

    async fn begin(&self, claim: &Claim) -> Result<(), Error> {
        self.write(claim, json!({ "print": claim.print, "ends_ms": claim.ends.millis() })).await
    }

    /// Remembers the answer of a verb. One that fails may be tried again: what it did not do was not done.
    pub(crate) async fn finish(&self, claim: Claim, result: Result<Answer, Error>) -> Result<Answer, Error> {
        let mut answer = result?;
        answer.replayed = claim.is_repeated;
        if answer.run.is_none() {
            let value =
                json!({ "print": claim.print, "ends_ms": claim.ends.millis(), "output": answer.output });
            self.write(&claim, value).await?;
        }
        Ok(answer)
    }

    async fn write(&self, claim: &Claim, value: Json) -> Result<(), Error> {
        let key = format!("{KEYS}{}", claim.digest);
        let end = format!("{ENDS}{:016}/{}", claim.ends.millis(), claim.digest);
        let writes = vec![KvWrite::Put { key, value }, KvWrite::Put { key: end, value: Json::Null }];
        self.store.kv_commit(&Namespace::system(), Vec::new(), writes).await?;
        Ok(())
    }

    /// Forgets keys once their time has come, until the shutdown.
    pub async fn sweep(self, shutdown: Shutdown) {
        loop {
            match self.forget().await {
                Ok(forgotten) if forgotten == KEYS_SWEPT_MAX => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "old idempotency keys could not be forgotten"),
            }
            let next = self.clock.now().plus(Duration::from_mins(KEY_SWEEP_MINUTES));
            tokio::select! {
                biased;
                () = shutdown.begun() => return,
                () = self.clock.sleep_until(next) => {}
            }
        }
    }

    /// Forgets some keys whose time has come, and tells how many entries that were.
    pub(crate) async fn forget(&self) -> Result<usize, Error> {
        let system = Namespace::system();
        let listed = self.store.kv_list(&system, ENDS, None, KEYS_SWEPT_MAX).await?;
        let now = format!("{ENDS}{:016}", self.clock.now().millis());
        let over: Vec<String> =
            listed.into_iter().map(|entry| entry.key).take_while(|end| *end < now).collect();
        for end in &over {
            let digest = end.rsplit('/').next().unwrap_or_default();
            let key = format!("{KEYS}{digest}");
            let mut writes = vec![KvWrite::Delete { key: end.clone() }];
            let mut checks = Vec::new();
            // The key may have been used again since; then it has another end.
            if let Some(entry) = self.store.kv_get(&system, &key).await?
                && entry.value.get("ends_ms").and_then(Json::as_i64) <= Some(self.clock.now().millis())
            {
                checks.push(KvCheck { key: key.clone(), version: Some(entry.version) });
                writes.push(KvWrite::Delete { key });
            }
            let _: KvCommit = self.store.kv_commit(&system, checks, writes).await?;
        }
        Ok(over.len())
    }
}

enum Known {
    Nothing,
    Begun,
    Answered(Box<Answer>),
}

/// A text that tells these apart from all others, wherever one ends and the next begins.
fn hash(parts: &[&str]) -> String {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        context.update(part.as_bytes());
    }
    let mut text = String::new();
    for byte in context.finish().as_ref().iter().take(16) {
        let _ = write!(text, "{byte:02x}"); // a string takes everything
    }
    text
}
