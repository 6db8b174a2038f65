-- Bytes of each namespace's records, values and data of events. Objects are counted in `object_bytes`.
CREATE TABLE used_bytes (
  namespace TEXT PRIMARY KEY,
  bytes     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO used_bytes (namespace, bytes)
  SELECT namespace, sum(bytes) FROM (
    SELECT keys.namespace AS namespace, octet_length(log.record) AS bytes FROM log JOIN keys USING (key_id)
    UNION ALL SELECT namespace, octet_length(value) FROM kv
    UNION ALL SELECT namespace, octet_length(data) FROM events
  ) GROUP BY namespace;
