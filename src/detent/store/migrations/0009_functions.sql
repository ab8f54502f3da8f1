-- Users' own rotation functions. What lies sealed is under the root keyset: a function's environment and log, and events.
CREATE TABLE functions (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  runtime TEXT NOT NULL,
  handler TEXT NOT NULL,
  timeout INTEGER NOT NULL,
  memory INTEGER NOT NULL,
  code_sha256 TEXT NOT NULL,
  code_bytes INTEGER NOT NULL,
  revision TEXT NOT NULL,
  modified_at INTEGER NOT NULL,
  role TEXT NOT NULL,
  description TEXT NOT NULL,
  layers TEXT,
  remote TEXT,
  policy TEXT NOT NULL,
  tags TEXT,
  keyset_id TEXT NOT NULL,
  ciphertext BLOB NOT NULL,
  UNIQUE (account, region, name)
);
CREATE INDEX functions_by_code ON functions (code_sha256);
CREATE INDEX functions_by_seal ON functions (keyset_id, substr(ciphertext, 1, 5));

-- Code by what it is: two functions of the same code share it. It goes with the last of them.
CREATE TABLE function_code (
  sha256 TEXT PRIMARY KEY,
  zip BLOB NOT NULL
);

-- What functions wrote, an entry an invocation.
CREATE TABLE function_logs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  function_key INTEGER NOT NULL REFERENCES functions (key) ON DELETE CASCADE,
  request_id TEXT NOT NULL,
  logged_at INTEGER NOT NULL,
  keyset_id TEXT NOT NULL,
  ciphertext BLOB NOT NULL
);
CREATE INDEX function_logs_by_time ON function_logs (function_key, logged_at, id);
CREATE INDEX function_logs_by_seal ON function_logs (keyset_id, substr(ciphertext, 1, 5));

-- Events that a function is still to be invoked with, each by one process at a time, until its lease ends.
CREATE TABLE function_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  function_key INTEGER NOT NULL REFERENCES functions (key) ON DELETE CASCADE,
  request_id TEXT NOT NULL,
  accepted_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  keyset_id TEXT NOT NULL,
  ciphertext BLOB NOT NULL
);
CREATE INDEX function_events_by_due ON function_events (due_at);
CREATE INDEX function_events_by_function ON function_events (function_key);
CREATE INDEX function_events_by_seal ON function_events (keyset_id, substr(ciphertext, 1, 5));
