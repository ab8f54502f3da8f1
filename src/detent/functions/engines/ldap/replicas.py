"""Further servers of a directory, which hear of a change later: a new password is proven at each of them, too."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from detent.functions.engines import Login, Remaining
from detent.functions.engines.ldap.directory import bound
from detent.functions.errors import EngineUnavailable

REPLICAS_KEY: Final[Mapping[str, str]] = {
    "replicas": 'further servers that must know a new password before it becomes current, as "host:port"',
}
_PLACE: Final = re.compile(r"(\[[0-9A-Fa-f:.%\w]+\]|[^:\s]+):([1-9][0-9]{0,4})", re.ASCII)


def replica_faults(value: Mapping[str, Any]) -> list[str]:
    """Check the key ``replicas``."""
    found = value.get("replicas", [])
    if isinstance(found, list) and all(isinstance(one, str) and _PLACE.fullmatch(one) for one in found):
        return []
    return ['"replicas" must be a list of further servers as "host:port"']


def require_known(login: Login, remaining: Remaining) -> None:
    """Log in at each, once: a server that locks accounts counts refusals, so it is the step that is tried again."""
    for place in login.settings.get("replicas", []):
        found = _PLACE.fullmatch(place)
        if found:
            _require(replace(login, host=found[1].strip("[]"), port=int(found[2])), place, remaining)


def _require(login: Login, place: str, remaining: Remaining) -> None:
    try:
        directory, said = bound(login, remaining)
    except EngineUnavailable as error:
        reason = str(error)
    else:
        directory.close()
        if said.code == 0:
            return
        reason = f"it does not take the password yet ({said.said or said.code}); it is asked again later"
    raise EngineUnavailable(f"the replica {place}: {reason}")
