-- What a rotation needs to know to be healed, replaced or rolled back.
ALTER TABLE rotations ADD COLUMN acted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rotations ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rotations ADD COLUMN origin TEXT;
-- Of those under way the target may know the new credential, unless they have not come so far.
UPDATE rotations SET acted = 1 WHERE purpose = 'rotation' AND state IN ('in-progress', 'failed')
  AND step <> 'createSecret';
