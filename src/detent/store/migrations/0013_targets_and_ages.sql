-- Values that were stored before their targets were kept: the service goes through them once, from the first on.
INSERT INTO facts (name, value)
  SELECT 'targets to fill', x'' WHERE EXISTS (SELECT 1 FROM versions WHERE target IS NULL AND ciphertext IS NOT NULL);

-- Since when a secret that rotates has its current version: the oldest of all is asked for again and again.
ALTER TABLE secrets ADD COLUMN credential_at INTEGER;
UPDATE secrets SET credential_at =
  (SELECT v.created_at FROM versions v WHERE v.secret_key = secrets.key AND v.id = secrets.labels ->> 'AWSCURRENT')
  WHERE deletion_at IS NULL AND primary_link IS NULL AND rotation ->> 'enabled';
CREATE INDEX secrets_by_credential ON secrets (credential_at) WHERE credential_at IS NOT NULL;

-- All that are under way, and not only those that are due some time: they are listed by it, too.
DROP INDEX rotations_under_way;
CREATE INDEX rotations_under_way ON rotations (saved_at) WHERE state = 'in-progress';
