-- The log is the truth: one immutable row for each transition, in the order of arrival.
-- `record` is JSON text as the engine wrote it (a BLOB only if it is not text).
CREATE TABLE log (
  position INTEGER PRIMARY KEY,
  key_id   INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  record   ANY NOT NULL
) STRICT;
CREATE UNIQUE INDEX log_key ON log (key_id, sequence);

-- What a history belongs to. `live` is 1 while the key still has work to do.
CREATE TABLE keys (
  key_id      INTEGER PRIMARY KEY,
  namespace   TEXT NOT NULL,
  workflow_id TEXT NOT NULL,
  live        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX keys_name ON keys (workflow_id, namespace);
CREATE INDEX keys_live ON keys (live) WHERE live = 1;

-- The list of runs: a projection, written in the transaction of the record it follows from.
-- Run ids sort by time of start; times are microseconds since 1970.
CREATE TABLE runs (
  run_id      TEXT PRIMARY KEY,
  namespace   TEXT NOT NULL,
  workflow_id TEXT NOT NULL,
  workflow    TEXT NOT NULL,
  status      TEXT NOT NULL,
  started_at  INTEGER NOT NULL,
  closed_at   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_namespace ON runs (namespace, run_id);
CREATE INDEX runs_status ON runs (namespace, status, run_id);
CREATE INDEX runs_workflow ON runs (namespace, workflow, run_id);

-- Key-value pairs of a namespace; `value` is JSON.
CREATE TABLE kv (
  namespace TEXT NOT NULL,
  key       TEXT NOT NULL,
  value     TEXT NOT NULL,
  version   INTEGER NOT NULL,
  PRIMARY KEY (namespace, key)
) STRICT, WITHOUT ROWID;

-- Immutable bytes by their SHA-256.
CREATE TABLE blobs (
  hash  TEXT NOT NULL UNIQUE,
  bytes BLOB NOT NULL
) STRICT;

-- Who owns which partition of the log, and under which claim.
CREATE TABLE lease (
  partition INTEGER PRIMARY KEY,
  owner     TEXT NOT NULL,
  epoch     INTEGER NOT NULL
) STRICT;

-- Counters that must never go back, even when everything they counted is deleted.
CREATE TABLE counters (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('epoch', 0), ('kv_version', 0);
