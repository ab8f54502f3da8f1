-- A document is kept as it was given: it is returned so.
CREATE TABLE policies (
  secret_key INTEGER NOT NULL REFERENCES secrets (key) ON DELETE CASCADE,
  name TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (secret_key, name)
);

-- A document may name hundreds of principals, and each is looked up.
CREATE INDEX access_keys_by_account ON access_keys (account);
CREATE INDEX access_keys_by_principal ON access_keys (principal_arn);
