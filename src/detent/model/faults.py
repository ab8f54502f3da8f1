"""How a step can fail, as far as its function tells: what may be tried again, how soon, and how often.

A function tells it by the name of the error that it raises; any name that does not stand here is just a failure.
"""

import zlib
from datetime import timedelta
from enum import StrEnum

_TRIES = 5  # in a window
_FIRST_PAUSE = timedelta(seconds=10)
_LONGEST_PAUSE = timedelta(hours=1)
_MOST_DOUBLED = 16  # times: far beyond the longest pause
_SPREAD = 4  # a pause is up to a quarter longer, so that what failed together is not tried again together
_TRIES_REFUSED = 3  # of one login: servers lock accounts from about five wrong passwords on


class Fault(StrEnum):
    """What kind of failure it was."""

    PASSWORD_REFUSED = "PasswordRefused"  # the target's rules turned the new password down
    LOGIN_REFUSED = "LoginRefused"  # the target answered, and no password that was tried logs in
    UNREACHABLE = "Unreachable"  # the target did not answer; nothing was changed there
    OTHER = ""

    @classmethod
    def named(cls, name: str) -> "Fault":
        """Give the fault that an error of this name tells."""
        return cls(name) if name in list(cls) else cls.OTHER


def most_tries(fault: Fault, *, sole: bool) -> int:
    """Say how often a window sees a step tried; `sole`: its logins are all of one version, so that few are made."""
    if fault is Fault.LOGIN_REFUSED:
        return _TRIES_REFUSED if sole else 1
    return _TRIES


def pause_after(failures: int, seed: str) -> timedelta:
    """Give the pause after so many failures: 10, 20, 40 … seconds up to an hour, and a share more, fixed by `seed`."""
    doubled: int = 1 << min(failures - 1, _MOST_DOUBLED)
    pause = min(_FIRST_PAUSE * doubled, _LONGEST_PAUSE)
    return pause + pause * (zlib.crc32(f"{seed} {failures}".encode()) / 2**32 / _SPREAD)
