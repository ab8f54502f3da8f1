-- Users and roles. A name is unique among its kind whatever its case; numbers are never used again.
CREATE TABLE identities (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  account TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  id TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  tags TEXT,
  trust TEXT,
  longest_session INTEGER
);
CREATE UNIQUE INDEX identities_by_name ON identities (account, kind, lower(name));

CREATE TABLE identity_policies (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  account TEXT NOT NULL,
  name TEXT NOT NULL,
  document TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX identity_policies_by_name ON identity_policies (account, lower(name));

CREATE TABLE attachments (
  identity_key INTEGER NOT NULL REFERENCES identities (key) ON DELETE CASCADE,
  policy_key INTEGER NOT NULL REFERENCES identity_policies (key),
  PRIMARY KEY (identity_key, policy_key)
);
CREATE INDEX attachments_by_policy ON attachments (policy_key);

-- An access key without an identity is its account's root's, or a rotation step's.
ALTER TABLE access_keys ADD COLUMN identity_key INTEGER REFERENCES identities (key) ON DELETE CASCADE;
ALTER TABLE access_keys ADD COLUMN active INTEGER NOT NULL DEFAULT 1;
ALTER TABLE access_keys ADD COLUMN used_at INTEGER;
ALTER TABLE access_keys ADD COLUMN used_service TEXT;
ALTER TABLE access_keys ADD COLUMN used_region TEXT;
ALTER TABLE access_keys ADD COLUMN session TEXT;
CREATE INDEX access_keys_by_identity ON access_keys (identity_key) WHERE identity_key IS NOT NULL;
