-- When a key was last rotated and when it is erased; each rotation makes another generation of its material.
ALTER TABLE keysets ADD COLUMN rotated_at INTEGER;
ALTER TABLE keysets ADD COLUMN deletion_at INTEGER;
ALTER TABLE keysets ADD COLUMN generation INTEGER NOT NULL DEFAULT 1;

-- The first five bytes of a ciphertext say which key of its keyset sealed it: so what lies under an older one is found.
CREATE INDEX versions_by_seal ON versions (keyset_id, substr(ciphertext, 1, 5)) WHERE ciphertext IS NOT NULL;
CREATE INDEX access_keys_by_seal ON access_keys (keyset_id, substr(ciphertext, 1, 5));
