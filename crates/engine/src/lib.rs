//! Durable execution: shards, histories, timers, task queues, Nexus calls.
