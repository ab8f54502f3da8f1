-- Times are microseconds since 1970 UTC, days are proleptic ordinals, maps are JSON objects.
CREATE TABLE facts (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
);

CREATE TABLE secrets (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  arn TEXT NOT NULL,
  description TEXT,
  kms_key_id TEXT,
  type TEXT,
  tags TEXT,
  labels TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  accessed_day INTEGER,
  deletion_at INTEGER,
  rotation TEXT,
  revision INTEGER NOT NULL,
  UNIQUE (account, region, name)
);
CREATE INDEX secrets_by_creation ON secrets (account, region, created_at, name);

CREATE TABLE versions (
  secret_key INTEGER NOT NULL REFERENCES secrets (key) ON DELETE CASCADE,
  id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  accessed_day INTEGER,
  keyset_id TEXT,
  ciphertext BLOB,
  PRIMARY KEY (secret_key, id)
);

CREATE TABLE access_keys (
  id TEXT PRIMARY KEY,
  account TEXT NOT NULL,
  principal_arn TEXT NOT NULL,
  keyset_id TEXT NOT NULL,
  ciphertext BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  session_token_hash BLOB,
  rotation_token_hash BLOB,
  grant_secret TEXT,
  grant_token TEXT,
  grant_admin TEXT
);
CREATE INDEX access_keys_by_grant ON access_keys (grant_secret);
CREATE INDEX access_keys_by_expiry ON access_keys (expires_at);
