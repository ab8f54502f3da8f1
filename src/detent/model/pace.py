"""How fast rotations may begin: what is spread, and how a target is spared."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Pace:
    """Limits for each target. A rotation whose secret names no target is held to none of them.

    The bucket of a target holds `burst` tokens and gains one every `interval`; each claim takes one. A target that
    *ails*, because the last try there failed, is worked at by one rotation at a time, and all ailing ones together by
    at most `ailing_at_once` of a rotator: so a dead host delays nobody else.
    """

    at_once: int = 4
    per_second: float = 10.0  # 0: as fast as can be
    ailing_at_once: int = 4

    @property
    def interval(self) -> timedelta:
        """How long a token takes to come; zero: there is no bucket."""
        return timedelta(seconds=1 / self.per_second) if self.per_second else timedelta(0)

    @property
    def burst(self) -> int:
        """How many tokens a bucket holds: those of a second, or as many as may be at work at once."""
        return max(self.at_once, round(self.per_second))
