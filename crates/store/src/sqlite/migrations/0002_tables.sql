-- The log is the truth: one immutable row for each transition, in the order of arrival.
-- `record` is JSON text as the engine wrote it (a BLOB only if it is not text); `crc` is the CRC-32C of its place and bytes.
CREATE TABLE log (
  position INTEGER PRIMARY KEY,
  key_id   INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  crc      INTEGER NOT NULL,
  record   ANY NOT NULL
) STRICT;
CREATE UNIQUE INDEX log_key ON log (key_id, sequence);

-- What a history belongs to. `live` is 1 while the key still has work to do. Records that retention deleted are counted in
-- `trimmed`; the next record has a number above `floor` although the last ones may be gone.
CREATE TABLE keys (
  key_id      INTEGER PRIMARY KEY,
  namespace   TEXT NOT NULL,
  workflow_id TEXT NOT NULL,
  live        INTEGER NOT NULL,
  floor       INTEGER NOT NULL DEFAULT 0,
  trimmed     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX keys_name ON keys (workflow_id, namespace);
CREATE INDEX keys_live ON keys (live) WHERE live = 1;

-- The list of runs: a projection, written in the transaction of the record it follows from.
-- Run ids sort by time of start; times are microseconds since 1970. `closed_order` sorts open runs as closed at the end of time.
CREATE TABLE runs (
  run_id             TEXT PRIMARY KEY,
  namespace          TEXT NOT NULL,
  workflow_id        TEXT NOT NULL,
  workflow           TEXT NOT NULL,
  status             TEXT NOT NULL,
  started_at         INTEGER NOT NULL,
  execution_at       INTEGER NOT NULL,
  closed_at          INTEGER,
  closed_order       INTEGER NOT NULL GENERATED ALWAYS AS (coalesce(closed_at, 9223372036854775807)) VIRTUAL,
  task_queue         TEXT NOT NULL,
  definition         TEXT,
  events             INTEGER,
  bytes              INTEGER,
  transitions        INTEGER,
  parent_workflow_id TEXT,
  parent_run_id      TEXT,
  root_workflow_id   TEXT,
  root_run_id        TEXT,
  attributes         TEXT,
  memo               TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_default ON runs (namespace, closed_order, started_at, run_id);
CREATE INDEX runs_status ON runs (namespace, status, closed_order, started_at, run_id);
CREATE INDEX runs_workflow ON runs (namespace, workflow, closed_order, started_at, run_id);
CREATE INDEX runs_start ON runs (namespace, started_at, run_id);
CREATE INDEX runs_workflow_id ON runs (workflow_id, namespace);

-- The search attributes of `runs.attributes` by value: a row for each value, element of a list, or word of a text. `kind`
-- is the attribute's type, so that values of different types under one name never meet.
CREATE TABLE attributes (
  namespace TEXT NOT NULL,
  name      TEXT NOT NULL,
  kind      TEXT NOT NULL,
  value     ANY NOT NULL,
  run_id    TEXT NOT NULL,
  PRIMARY KEY (namespace, name, kind, value, run_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX attributes_run ON attributes (run_id, name, kind, value);

-- The type that each attribute had when it was first set.
CREATE TABLE attribute_types (
  namespace TEXT NOT NULL,
  name      TEXT NOT NULL,
  kind      TEXT NOT NULL,
  PRIMARY KEY (namespace, name)
) STRICT, WITHOUT ROWID;

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
