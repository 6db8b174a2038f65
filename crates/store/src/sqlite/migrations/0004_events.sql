-- What happened, by namespace. What is kept of a namespace is the newest part of its log without a hole; `time` is in
-- microseconds since 1970, `data` is JSON.
CREATE TABLE events (
  namespace TEXT NOT NULL,
  sequence  INTEGER NOT NULL,
  type      TEXT NOT NULL,
  time      INTEGER NOT NULL,
  id        TEXT NOT NULL,
  source    TEXT NOT NULL,
  subject   TEXT,
  data      TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_place ON events (namespace, sequence);
CREATE UNIQUE INDEX events_id ON events (namespace, id);

-- The last sequence of each namespace's events, which outlives them.
CREATE TABLE event_heads (
  namespace TEXT PRIMARY KEY,
  last      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
