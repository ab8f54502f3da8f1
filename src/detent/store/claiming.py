"""Which due rotations a rotator gets: the oldest, but of each target no more than it can bear.

Everything is asked of the store within the claim's own transaction, so that the limits hold for all rotators together.
Rows of a target that can bear no more are passed over in the index; what is not due is never looked at.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from detent.model.pace import Pace
from detent.model.rotation import Rotation
from detent.store import claim_queries, rows
from detent.store.statements import Work
from detent.store.steady import Tick

_SET_BACK = 60 * 10**6  # microseconds: clocks of machines that share a store differ by less
Row = Any


def moments(now: datetime, tick: Tick) -> rows.Params:
    """Give what tells due from not due, and a lease that holds from one that is over."""
    micros = rows.to_micros(now) or 0
    return {"now": micros, "set_back": micros + _SET_BACK, "boot": tick.boot, "tick": tick.micros}


class Claim:
    """One claim by one owner."""

    def __init__(self, tx: Work, now: datetime, owner: str, seconds: float, pace: Pace) -> None:
        """Claim within this transaction."""
        tick = tx.steady()
        self._tx = tx
        self._interval = pace.interval // rows.MICROSECOND
        self._known: Mapping[str, Any] = {
            **moments(now, tick),
            "until": tick.micros + round(seconds * 10**6),
            "owner": owner,
            "at_once": pace.at_once,
            "ailing_at_once": pace.ailing_at_once,
            "spent": (pace.burst - 1) * self._interval,  # how far from full a bucket is that has no token
            "most": pace.burst * self._interval,  # and one that was emptied: further off only after a clock was set
        }

    def some(self, limit: int) -> list[Rotation]:
        """Claim up to so many, in rounds: each takes one of a target, and asks anew what that target can bear."""
        claimed: list[Rotation] = []
        while len(claimed) < limit:
            wanted = limit - len(claimed)
            found = self._tx.write(claim_queries.CLAIMABLE, {**self._known, "limit": wanted}).fetchall()
            taken = self._taken(found)
            claimed += taken
            if not taken or len(taken) == len(found) < wanted:
                break
        return claimed

    def _taken(self, found: Iterable[Row]) -> list[Rotation]:
        """Claim a round's: one of each target, one of all those that ail, and all without a target."""
        seen: set[str] = set()
        taken = []
        for number, target, ails in found:
            kind = "ailing" if ails else target
            if kind is not None and kind in seen:
                continue
            row = self._tx.write(claim_queries.CLAIM, {**self._known, "id": number}).fetchone()
            taken.append(rows.rotation(row))
            if target is not None:
                seen.add(kind)
                self._tx.write(claim_queries.TAKE_TOKEN, {**self._known, "target": target, "interval": self._interval})
        return taken
