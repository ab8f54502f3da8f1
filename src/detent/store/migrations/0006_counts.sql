-- How many secrets an account has in a region, kept by whatever adds and erases them: counting half a million is slow.
CREATE TABLE secret_counts (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  secrets INTEGER NOT NULL,
  PRIMARY KEY (account, region)
);
INSERT INTO secret_counts (account, region, secrets) SELECT account, region, count(*) FROM secrets GROUP BY account, region;

CREATE INDEX secrets_by_deletion ON secrets (deletion_at) WHERE deletion_at IS NOT NULL;
