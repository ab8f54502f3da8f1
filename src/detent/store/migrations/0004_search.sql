-- Each order of a list is read off one index: what is scheduled for deletion apart, then what is ordered by, then the name.
ALTER TABLE secrets ADD COLUMN live INTEGER NOT NULL GENERATED ALWAYS AS (deletion_at IS NULL) VIRTUAL;
ALTER TABLE secrets ADD COLUMN read_day INTEGER NOT NULL GENERATED ALWAYS AS (coalesce(accessed_day, 0)) VIRTUAL;
DROP INDEX secrets_by_creation;
CREATE INDEX secrets_by_creation ON secrets (account, region, live, created_at, name);
CREATE INDEX secrets_by_change ON secrets (account, region, live, changed_at, name);
CREATE INDEX secrets_by_access ON secrets (account, region, live, read_day, name);
CREATE INDEX secrets_by_name ON secrets (account, region, live, name);

-- What secrets are found by (model.search.terms), all but the name. Whose a secret is stands in its row: repeated here,
-- it would make this the greater part of the store. What is there already gets its terms from migrate.py.
CREATE TABLE terms (
  kind INTEGER NOT NULL,
  term TEXT NOT NULL,
  secret_key INTEGER NOT NULL REFERENCES secrets (key) ON DELETE CASCADE,
  PRIMARY KEY (kind, term, secret_key)
) WITHOUT ROWID;
CREATE INDEX terms_by_secret ON terms (secret_key, kind, term);
