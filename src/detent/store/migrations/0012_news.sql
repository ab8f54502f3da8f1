-- Webhooks: each gets the news of its account and region in the order in which they came, one process at a time.
CREATE TABLE webhooks (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  url TEXT NOT NULL,
  kinds TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  keyset_id TEXT NOT NULL,
  ciphertext BLOB NOT NULL,
  due_at INTEGER,
  epoch INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  reason TEXT,
  UNIQUE (account, region, name)
);
CREATE INDEX webhooks_by_due ON webhooks (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhooks_by_seal ON webhooks (keyset_id, substr(ciphertext, 1, 5));

CREATE TABLE news (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  webhook_key INTEGER NOT NULL REFERENCES webhooks (key) ON DELETE CASCADE,
  event_id TEXT NOT NULL,
  told_at INTEGER NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX news_by_webhook ON news (webhook_key, id);

-- Until when a rotation was to be done when it was planned, and since when it is known that it was not.
ALTER TABLE rotations ADD COLUMN deadline_at INTEGER;
ALTER TABLE rotations ADD COLUMN overdue_at INTEGER;
UPDATE rotations SET deadline_at = closes_at WHERE ended_at IS NULL;
-- How often a worker that was lost had its lease taken over.
ALTER TABLE rotations ADD COLUMN taken_over INTEGER NOT NULL DEFAULT 0;
CREATE INDEX rotations_taken_over ON rotations (taken_over) WHERE taken_over > 0;
CREATE INDEX rotations_by_deadline ON rotations (deadline_at) WHERE ended_at IS NULL AND overdue_at IS NULL;
CREATE INDEX rotations_overdue ON rotations (overdue_at) WHERE ended_at IS NULL AND overdue_at IS NOT NULL;
CREATE INDEX rotations_by_end ON rotations (ended_at) WHERE ended_at IS NOT NULL;

-- What is checked between two steps: of one secret, or of all that have a tag. Each row's checks are JSON, in order.
CREATE TABLE checks (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  secret_key INTEGER REFERENCES secrets (key) ON DELETE CASCADE,
  tag_key TEXT,
  tag_value TEXT,
  checks TEXT NOT NULL
);
CREATE UNIQUE INDEX checks_by_secret ON checks (secret_key) WHERE secret_key IS NOT NULL;
CREATE UNIQUE INDEX checks_by_tag ON checks (account, region, tag_key, tag_value) WHERE secret_key IS NULL;

-- Where a rotation stands among its checks, as they were when it came to the first of them.
CREATE TABLE holds (
  rotation_id INTEGER PRIMARY KEY REFERENCES rotations (id) ON DELETE CASCADE,
  checks TEXT NOT NULL,
  position INTEGER NOT NULL,
  since_at INTEGER NOT NULL,
  passed TEXT NOT NULL
);
