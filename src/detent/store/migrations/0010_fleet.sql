-- Where a version's value logs in: a keyed hash of host and port, made by the service, for the scheduler sees no value.
ALTER TABLE versions ADD COLUMN target TEXT;

-- A rotation's target is its secret's current one when the rotation was kept. A lease is counted by a clock that cannot
-- be set, which begins anew with each boot; saved_at is by the one that can, and shows that it has been set back since.
ALTER TABLE rotations ADD COLUMN target TEXT;
ALTER TABLE rotations ADD COLUMN lease_boot TEXT;
ALTER TABLE rotations ADD COLUMN saved_at INTEGER;
DROP INDEX rotations_due;
CREATE INDEX rotations_due ON rotations (due_at, id, target) WHERE due_at IS NOT NULL AND lease_until IS NULL;
CREATE INDEX rotations_leased ON rotations (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX rotations_under_way ON rotations (saved_at) WHERE state = 'in-progress' AND due_at IS NOT NULL;

-- A bucket of tokens each: full again at this moment, if nothing is claimed until then. It ails: the last try failed.
CREATE TABLE targets (
  target TEXT PRIMARY KEY,
  full_at INTEGER NOT NULL,
  ails INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX targets_by_fullness ON targets (full_at);
CREATE INDEX targets_ailing ON targets (target) WHERE ails = 1;
