-- A primary's replicas and a replica's primary are JSON, each in the row that owns the fact.
ALTER TABLE secrets ADD COLUMN replicas TEXT;
ALTER TABLE secrets ADD COLUMN primary_link TEXT;

-- Keysets that a KmsKeyId names, each sealed by the root keyset.
CREATE TABLE keysets (
  id TEXT PRIMARY KEY,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  alias TEXT,
  created_at INTEGER NOT NULL,
  enabled INTEGER NOT NULL,
  sealed BLOB NOT NULL
);
CREATE UNIQUE INDEX keysets_by_alias ON keysets (account, region, alias) WHERE alias IS NOT NULL;
CREATE INDEX keysets_by_creation ON keysets (account, region, created_at, id);
