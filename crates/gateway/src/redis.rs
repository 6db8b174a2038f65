//! Redis: what several servers share, where one is configured. Nothing needs it.
//!
//! Whatever becomes of it, a call goes on: every question has a time limit, and a circuit breaker stands in front, so that a
//! Redis that is gone costs nothing and one that hangs a single wait now and then. Who asks is told that it is away, and
//! decides what that means.
//!
//! A connection knows which life of Redis it talks to: a Redis that was started anew may have forgotten what it said, or
//! remember something older.

mod address;
mod figures;
mod pairs;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::rng::SharedRng;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};

pub use address::Address;
pub use pairs::RedisPairs;

use crate::breaker::{Breaker, Outcome, Settings, Ticket};
use crate::limits::REDIS_REST_MILLIS;

/// How Redis is used.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// Where it is.
    pub address: Address,
    /// What every key begins with: servers with the same one share what they keep.
    pub prefix: String,
    /// How long a question may take.
    pub timeout: Duration,
}

/// A Redis. Cheap to clone; connected when it is first asked, and again after it was away.
#[derive(Clone)]
pub struct Redis(Arc<Parts>);

struct Parts {
    client: Client,
    options: RedisOptions,
    line: Mutex<Option<Line>>,
    /// One connects, others wait for it.
    connecting: tokio::sync::Mutex<()>,
    breaker: Mutex<Breaker>,
    /// Why it is away, while it is.
    complaint: Mutex<Option<String>>,
    tally: Tally,
    clock: SharedClock,
    rng: SharedRng,
}

/// A connection, and which life of Redis is at its other end.
#[derive(Clone)]
struct Line {
    connection: MultiplexedConnection,
    life: u64,
}

/// How questions ended.
#[derive(Default)]
struct Tally {
    answered: AtomicU64,
    failed: AtomicU64,
    /// Those that were not asked, because Redis is left alone.
    spared: AtomicU64,
}

/// What Redis said.
#[derive(Debug)]
pub(crate) struct Said<T> {
    pub(crate) value: T,
    /// Which life of Redis said it.
    pub(crate) life: u64,
}

/// Redis does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Away {
    /// How long it is left alone.
    pub(crate) wait: Duration,
}

/// Redis is left alone after a single failure: one that hangs would cost every call a wait otherwise.
const BREAKER: Settings = Settings {
    failures: 1,
    percent: None,
    calls_min: 1,
    window: Duration::from_secs(1),
    rest: Duration::from_millis(REDIS_REST_MILLIS),
    probes: 1,
    consecutive: false,
};

/// Leave to ask. Whoever drops it without a word has learned nothing.
struct Pass<'a> {
    redis: &'a Redis,
    ticket: Ticket,
    has_reported: AtomicBool,
}

impl Pass<'_> {
    fn report(&self, outcome: Outcome) {
        if !self.has_reported.swap(true, Ordering::Relaxed) {
            let parts = &self.redis.0;
            lock(&parts.breaker).report(&BREAKER, self.ticket, outcome, parts.clock.now());
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.report(Outcome::Unknown);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Redis {
    /// A Redis at this place. Nothing is connected yet.
    pub fn new(options: RedisOptions, clock: SharedClock, rng: SharedRng) -> Redis {
        Redis(Arc::new(Parts {
            client: options.address.client(),
            options,
            line: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
            breaker: Mutex::default(),
            complaint: Mutex::default(),
            tally: Tally::default(),
            clock,
            rng,
        }))
    }

    /// A key of this kind.
    pub(crate) fn key(&self, kind: &str, name: &str) -> String {
        format!("{}{kind}:{name}", self.0.options.prefix)
    }

    /// A number that nobody has chosen before.
    pub(crate) fn nonce(&self) -> u64 {
        self.0.rng.next_u64()
    }

    /// Why it is away; nothing while it answers, or was never asked.
    pub fn complaint(&self) -> Option<String> {
        lock(&self.0.complaint).clone()
    }

    /// Looks whether it answers. Says why not.
    pub async fn look(&self) -> Result<(), String> {
        let pong = self.ask(async |mut line| redis::cmd("PING").query_async::<String>(&mut line).await).await;
        match pong {
            Ok(_) => Ok(()),
            Err(_) => {
                Err(self.complaint().unwrap_or_else(|| "it is being asked whether it is back".to_owned()))
            }
        }
    }

    /// Asks something, in the time that there is for it.
    pub(crate) async fn ask<T, A>(
        &self,
        question: impl FnOnce(MultiplexedConnection) -> A,
    ) -> Result<Said<T>, Away>
    where
        A: Future<Output = RedisResult<T>>,
    {
        let parts = &*self.0;
        let admitted = lock(&parts.breaker).admit(&BREAKER, parts.clock.now());
        let ticket = admitted.map_err(|wait| {
            parts.tally.spared.fetch_add(1, Ordering::Relaxed);
            Away { wait }
        })?;
        let pass = Pass { redis: self, ticket, has_reported: AtomicBool::new(false) };
        // On the heap: what a connection takes to be made is large, and calls pass here that find one.
        let asked = Box::pin(async {
            let Line { connection, life } = self.line().await?;
            Ok(Said { value: question(connection).await?, life })
        });
        let deadline = parts.clock.sleep_until(parts.clock.now().plus(parts.options.timeout));
        let answer: Option<RedisResult<Said<T>>> = tokio::select! {
            biased;
            answer = asked => Some(answer),
            () = deadline => None,
        };
        match answer {
            Some(Ok(said)) => {
                self.answered();
                pass.report(Outcome::Success);
                Ok(said)
            }
            failed => {
                self.failed(failed.and_then(Result::err).as_ref());
                pass.report(Outcome::Failure);
                Err(Away { wait: BREAKER.rest })
            }
        }
    }

    fn answered(&self) {
        self.0.tally.answered.fetch_add(1, Ordering::Relaxed);
        if lock(&self.0.complaint).take().is_some() {
            tracing::info!(redis = %self.0.options.address, "Redis answers again");
        }
    }

    /// Takes note of a failure; nothing is known of it when the time was over. What comes next is a new connection.
    fn failed(&self, error: Option<&RedisError>) {
        self.0.tally.failed.fetch_add(1, Ordering::Relaxed);
        *lock(&self.0.line) = None;
        let address = &self.0.options.address;
        let why = match error {
            Some(error) => format!("{address}: {error}"),
            None => format!("{address} has not answered within {} ms", self.0.options.timeout.as_millis()),
        };
        let before = lock(&self.0.complaint).replace(why.clone());
        if before.is_none() {
            tracing::warn!(why, "Redis is away, and asked again now and then");
        }
    }

    /// The connection, which is made when there is none.
    async fn line(&self) -> RedisResult<Line> {
        let current = || lock(&self.0.line).clone();
        if let Some(line) = current() {
            return Ok(line);
        }
        let _only = self.0.connecting.lock().await;
        if let Some(line) = current() {
            return Ok(line);
        }
        // Whoever asks has a time limit already.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let mut connection = self.0.client.get_multiplexed_async_connection_with_config(&config).await?;
        let told: String = redis::cmd("INFO").query_async(&mut connection).await?;
        let line = Line { connection, life: life(&told)? };
        *lock(&self.0.line) = Some(line.clone());
        Ok(line)
    }
}

/// Which life of which Redis it is: every start of one has an id of its own. One that only follows another may be behind it, so
/// nothing is asked there.
fn life(info: &str) -> RedisResult<u64> {
    let wrong = |why| Err(RedisError::from((redis::ErrorKind::UnexpectedReturnType, why)));
    let of = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if of("role:") != Some("master") {
        return wrong("this Redis follows another one; name the one that is written to");
    }
    let id = of("run_id:").and_then(|id| id.get(..16));
    match id.and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
        Some(life) => Ok(life),
        None => wrong("INFO does not say which Redis this is"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_says_which_life_it_is_in() {
        let info = |role: &str, id: &str| {
            life(&format!("# Server\r\nrun_id:{id}\r\n# Replication\r\nrole:{role}\r\n"))
        };
        let id = "00000000000000ffaaaaaaaaaaaaaaaaaaaaaaaa";
        assert_eq!(info("master", id).unwrap(), 255);
        assert!(info("slave", id).unwrap_err().to_string().contains("follows another"));
        for nonsense in ["", "ffff", "x000000000000000ffff"] {
            assert!(info("master", nonsense).unwrap_err().to_string().contains("which Redis"));
        }
    }
}
