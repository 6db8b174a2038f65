-- Bytes that functions keep, by namespace and SHA-256.
CREATE TABLE objects (
  namespace TEXT NOT NULL,
  hash      TEXT NOT NULL,
  bytes     BLOB NOT NULL,
  PRIMARY KEY (namespace, hash)
) STRICT;

-- Bytes of all objects of a namespace.
CREATE TABLE object_bytes (
  namespace TEXT PRIMARY KEY,
  bytes     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Executions that wait, kept beyond their process. Whoever wrote the bytes vouches for them.
CREATE TABLE parked (
  name  TEXT PRIMARY KEY,
  bytes BLOB NOT NULL
) STRICT;
