CREATE TABLE rotations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  secret_key INTEGER NOT NULL REFERENCES secrets (key) ON DELETE CASCADE,
  token TEXT,
  purpose TEXT NOT NULL,
  state TEXT NOT NULL,
  step TEXT NOT NULL,
  failures INTEGER NOT NULL,
  due_at INTEGER,
  opens_at INTEGER NOT NULL,
  closes_at INTEGER NOT NULL,
  started_at INTEGER,
  ended_at INTEGER,
  reason TEXT,
  epoch INTEGER NOT NULL,
  lease_owner TEXT,
  lease_until INTEGER
);
-- One unfinished rotation a secret, and beside it at most one unfinished test of its configuration.
CREATE UNIQUE INDEX rotations_unfinished ON rotations (secret_key, purpose) WHERE ended_at IS NULL;
CREATE INDEX rotations_due ON rotations (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX rotations_by_secret ON rotations (secret_key, token);

CREATE TABLE attempts (
  rotation_id INTEGER NOT NULL REFERENCES rotations (id) ON DELETE CASCADE,
  step TEXT NOT NULL,
  number INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  reason TEXT,
  PRIMARY KEY (rotation_id, step, number)
);
