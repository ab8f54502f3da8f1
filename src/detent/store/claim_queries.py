"""The statements of `claiming`: the limits per target are one condition, used by all that look for what is due."""

from detent.store.queries import ROTATION_COLUMNS, RUNNING

_LEASED = "w.lease_until > :tick AND w.lease_boot = :boot"
_LEASE_OVER = "r.lease_until IS NOT NULL AND (r.lease_until <= :tick OR coalesce(r.lease_boot, '-') <> :boot)"
_SET_BACK = "r.state = 'in-progress' AND r.due_at > :now AND r.saved_at > :set_back AND r.lease_until IS NULL"
_FULL_UP = (  # as many are at work there as may be
    f"SELECT w.target FROM rotations w WHERE {_LEASED} AND w.target IS NOT NULL GROUP BY w.target"
    " HAVING count(*) >= :at_once"
)
_WITHOUT_TOKEN = "SELECT t.target FROM targets t WHERE t.full_at > :now + :spent AND t.full_at <= :now + :most"
_AILING = (
    "SELECT t.target FROM targets t WHERE t.ails = 1"
    f" AND (EXISTS (SELECT 1 FROM rotations w WHERE {_LEASED} AND w.target = t.target)"
    f" OR (SELECT count(*) FROM rotations w JOIN targets a ON a.target = w.target WHERE {_LEASED} AND a.ails = 1"
    " AND w.lease_owner = :owner) >= :ailing_at_once)"
)
_BEARS = (
    f"(r.target IS NULL OR (r.target NOT IN ({_FULL_UP}) AND r.target NOT IN ({_WITHOUT_TOKEN})"
    f" AND r.target NOT IN ({_AILING})))"
)
_FOUND = "SELECT r.id, r.target, r.due_at FROM rotations r WHERE"
CLAIMABLE = (
    "SELECT id, target, (SELECT ails FROM targets t WHERE t.target = found.target) AS ails"
    f" FROM (SELECT * FROM ({_FOUND} r.due_at <= :now AND r.lease_until IS NULL AND {_BEARS}"
    " ORDER BY r.due_at, r.id LIMIT :limit) AS waiting"
    f" UNION ALL {_FOUND} {_LEASE_OVER} AND r.due_at <= :now AND {_BEARS}"
    f" UNION ALL {_FOUND} {_SET_BACK} AND {_BEARS}) AS found WHERE {RUNNING} ORDER BY due_at, id LIMIT :limit"
)
CLAIM = (  # what is due only after a clock was set back is due now
    "UPDATE rotations SET lease_owner = :owner, lease_until = :until, lease_boot = :boot, epoch = epoch + 1,"
    " taken_over = taken_over + CASE WHEN lease_until IS NULL THEN 0 ELSE 1 END,"
    " due_at = CASE WHEN due_at > :now THEN :now ELSE due_at END"
    f" WHERE id = :id RETURNING {ROTATION_COLUMNS.replace('r.', '')}"
)
TAKE_TOKEN = (
    "INSERT INTO targets (target, full_at) VALUES (:target, :now + :interval) ON CONFLICT (target) DO UPDATE SET"
    " full_at = :interval + CASE WHEN targets.full_at > :now AND targets.full_at <= :now + :most"
    " THEN targets.full_at ELSE :now END"
)
NOTE_TARGET = (
    "UPDATE targets SET ails = :ails WHERE ails <> :ails AND target = (SELECT target FROM rotations WHERE id = :id)"
)
RENEW_LEASE = (
    "UPDATE rotations SET lease_until = :until, lease_boot = :boot"
    " WHERE id = :id AND epoch = :epoch AND lease_until IS NOT NULL"
)
NEXT_DUE = (
    "SELECT min(due_at) FROM (SELECT * FROM (SELECT due_at FROM rotations WHERE due_at IS NOT NULL"
    " AND lease_until IS NULL ORDER BY due_at LIMIT 1) AS waiting"
    f" UNION ALL SELECT CASE WHEN {_LEASED} AND w.due_at < :now + w.lease_until - :tick"
    " THEN :now + w.lease_until - :tick ELSE w.due_at END"
    " FROM rotations w WHERE w.lease_until IS NOT NULL AND w.due_at IS NOT NULL"
    f" UNION ALL SELECT :now FROM rotations r WHERE {_SET_BACK}) AS found WHERE {RUNNING}"
)
OVERDUE = (
    "SELECT (SELECT count(*) FROM rotations WHERE due_at <= :now AND lease_until IS NULL)"
    f" + (SELECT count(*) FROM rotations r WHERE {_LEASE_OVER} AND r.due_at <= :now)"
)
