//! Dead letters: events that could not be delivered, kept until somebody has them delivered again or lets go of them.

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::event::Event;
use nexus_kernel::port::kv::KvWrite;

use super::record::{DeadLetter, dead_letter_key, dead_letters_of};
use super::{Subscription, Subscriptions};
use crate::limits::DEAD_LETTERS_MAX;

impl Subscriptions {
    /// Keeps an event that was given up. When there are too many the oldest goes, and the log says so.
    pub(super) async fn bury(
        &self,
        subscription: &Subscription,
        event: &Event,
        (attempts, reason): (u32, String),
    ) -> Result<(), Error> {
        let fact = event.fact.clone();
        let (traceparent, tracestate) =
            fact.trace.map_or((None, None), |trace| (Some(trace.parent()), trace.state));
        let letter = DeadLetter {
            namespace: subscription.namespace.clone(),
            sequence: event.sequence,
            id: fact.id,
            source: fact.source,
            kind: fact.kind,
            subject: fact.subject,
            time: fact.time,
            data: fact.data,
            traceparent,
            tracestate: tracestate.as_deref().map(str::to_owned),
            attempts,
            reason,
            given_up_at: self.parts.clock.now(),
        };
        let value = serde_json::to_value(&letter).map_err(|error| Error::internal(error.to_string()))?;
        let mut writes =
            vec![KvWrite::Put { key: dead_letter_key(&subscription.name, event.sequence), value }];
        let kept = self.dead_letters(&subscription.name, None, DEAD_LETTERS_MAX).await?;
        if let Some(oldest) = kept.first().filter(|_| kept.len() >= DEAD_LETTERS_MAX) {
            tracing::error!(
                subscription = subscription.name,
                event = oldest.sequence,
                id = oldest.id,
                "there are too many dead letters: the oldest is let go of"
            );
            writes.push(KvWrite::Delete { key: dead_letter_key(&subscription.name, oldest.sequence) });
        }
        self.parts.store.kv_commit(&Namespace::system(), Vec::new(), writes).await?;
        Ok(())
    }

    /// Dead letters of a subscription after this one, the oldest first.
    pub(super) async fn dead_letters(
        &self,
        name: &str,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, Error> {
        let after = after.map(|sequence| dead_letter_key(name, sequence));
        let prefix = dead_letters_of(name);
        let listed = self.parts.store.kv_list(&Namespace::system(), &prefix, after.as_deref(), limit).await?;
        let read = |value| serde_json::from_value(value).map_err(|error| Error::internal(error.to_string()));
        listed.into_iter().map(|entry| read(entry.value)).collect()
    }

    /// Tries once to deliver a dead letter; it is let go of when that succeeds.
    pub(super) async fn redeliver(
        &self,
        subscription: &Subscription,
        letter: &DeadLetter,
    ) -> Result<(), Error> {
        subscription.target.deliver(&letter.namespace, &letter.event()).await.map_err(|undelivered| {
            let message = format!("event {} was not delivered: {}", letter.sequence, undelivered.message);
            Error::new(&code::DELIVERY_FAILED, message).help("mend the target, then try again")
        })?;
        self.discard(&subscription.name, letter.sequence).await
    }

    /// Lets go of a dead letter.
    pub(super) async fn discard(&self, name: &str, sequence: u64) -> Result<(), Error> {
        let delete = KvWrite::Delete { key: dead_letter_key(name, sequence) };
        self.parts.store.kv_commit(&Namespace::system(), Vec::new(), vec![delete]).await?;
        Ok(())
    }
}
