//! What servers agree on: generations of tags that are kept in Redis, beside those of the own store.
//!
//! Here a generation is a number that nobody has chosen before, and forgetting a tag's answers is to choose another. A number
//! that is gone - evicted, flushed - is chosen anew by whoever misses it, so a loss forgets answers and never brings any back.
//! Which life of Redis has said it is a generation like the others: one that was started again may remember what was so
//! before an answer was forgotten, so what was made under another life is not trusted.
//!
//! An answer is looked at with them whenever it is given, also one in memory: that is one question, and without an answer to
//! it nothing that is kept is given.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use redis::Script;

use super::entry::Entry;
use super::tags::TagId;
use crate::limits::CACHE_DAYS_MAX;
use crate::redis::Redis;

/// How long a number is kept that nobody has changed: longer than any answer is given.
const LIFE: Duration = Duration::from_hours(2 * 24 * CACHE_DAYS_MAX);

/// Reads the numbers of tags; those that are missing become the one that is brought along.
static READ: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local numbers = redis.call('MGET', unpack(KEYS))
for index, key in ipairs(KEYS) do
    if not numbers[index] then
        redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
        numbers[index] = ARGV[1]
    end
end
return numbers",
    )
});

/// The generations of an answer's tags that servers agree on, as they were at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Common {
    /// This server shares with nobody.
    Alone,
    /// Redis is away.
    Unknown,
    /// These.
    Agreed(Arc<[(TagId, u64)]>),
}

impl Common {
    /// Nothing was asked yet.
    pub(super) fn unasked(agreement: Option<&Agreement>) -> Common {
        if agreement.is_some() { Common::Agreed(Arc::default()) } else { Common::Alone }
    }

    /// Whether others may be given what is made now.
    pub(super) fn is_known(&self) -> bool {
        *self != Common::Unknown
    }

    /// The pairs, as an answer has them.
    pub(super) fn pairs(&self) -> &[(TagId, u64)] {
        match self {
            Common::Alone | Common::Unknown => &[],
            Common::Agreed(pairs) => pairs,
        }
    }

    fn of(&self, tag: &TagId) -> Option<u64> {
        self.pairs().iter().find(|(known, _)| known == tag).map(|(_, number)| *number)
    }

    /// Whether an answer was made under the same; nothing where that is not known of all its tags.
    fn vouches(&self, entry: &Entry) -> Option<bool> {
        let mut shared = entry.shared().peekable();
        if shared.peek().is_none() {
            return Some(false); // it was made when there was nobody to share with
        }
        shared.try_fold(true, |is_same, (tag, number)| Some(is_same && self.of(tag)? == *number))
    }
}

/// Whether a kept answer is still good for all servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is.
    Good,
    /// It was forgotten, or nobody can tell any more.
    Void,
    /// Redis is away: nobody can tell now.
    Unknown,
}

/// The generations in Redis.
pub(super) struct Agreement(pub(super) Redis);

impl Agreement {
    fn key(&self, tag: &TagId) -> String {
        self.0.key("cache:tag", tag.bare())
    }

    /// The generations of these tags, which are ones that servers share.
    pub(super) async fn read(&self, tags: impl Iterator<Item = TagId>) -> Common {
        let tags: Vec<TagId> = tags.filter(|tag| *tag != TagId::of_life()).collect();
        let mut invocation = READ.prepare_invoke();
        for tag in &tags {
            invocation.key(self.key(tag));
        }
        invocation.arg(self.nonce()).arg(millis());
        let asked = self.0.ask(async |mut line| invocation.invoke_async::<Vec<u64>>(&mut line).await).await;
        let Ok(said) = asked else { return Common::Unknown };
        let life = [(TagId::of_life(), said.life)];
        Common::Agreed(tags.into_iter().zip(said.value).chain(life).collect())
    }

    /// Whether an answer is still good, as far as is known already or can be asked.
    pub(super) async fn stands(&self, entry: &Entry, known: &Common) -> Standing {
        if !known.is_known() {
            return Standing::Unknown;
        }
        let vouched = match known.vouches(entry) {
            Some(vouched) => Some(vouched),
            // It has other tags than were asked for: what they are about is no part of its key.
            None => self.read(entry.shared().map(|(tag, _)| tag.clone())).await.vouches(entry),
        };
        match vouched {
            Some(true) => Standing::Good,
            Some(false) => Standing::Void,
            None => Standing::Unknown,
        }
    }

    /// Gives tags new generations, for all servers.
    pub(super) async fn renew(&self, tags: &[TagId]) -> Result<(), Error> {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        for tag in tags {
            let number = self.nonce();
            pipeline.cmd("SET").arg(self.key(&tag.shared())).arg(number).arg("PX").arg(millis()).ignore();
        }
        let asked = self.0.ask(async |mut line| pipeline.query_async::<()>(&mut line).await).await;
        asked.map(drop).map_err(|away| {
            Error::new(
                &code::FORGET_UNTOLD,
                "the answers are forgotten here; other servers could not be told",
            )
            .retry_after(away.wait)
            .help("try again when Redis is back; until then other servers may give them")
        })
    }

    fn nonce(&self) -> u64 {
        self.0.nonce()
    }
}

fn millis() -> u64 {
    u64::try_from(LIFE.as_millis()).unwrap_or(u64::MAX)
}
