"""ElastiCache's users by its API: found by their name, waited for, modified."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from detent.functions.engines import Remaining, time_limit
from detent.functions.engines.iam.access import Access
from detent.functions.engines.iam.failures import DENIED, REJECTED, told, unusable_reason
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, PasswordRefused
from detent.functions.passwords import Password

_FIRST_LOOK: Final = 0.1  # seconds
_LAST_LOOK: Final = 5.0
_NEEDED: Final = "elasticache:DescribeUsers and elasticache:ModifyUser on arn:aws:elasticache:*:*:user:*"


class Api:
    """What asks by an access key."""

    def __init__(self, access: Access, remaining: Remaining) -> None:
        self._access = access
        self._by = access.login.username
        self._remaining = remaining

    def prove(self) -> None:
        """Ask for users, which the key is for. Raises LoginRejected, EngineUnavailable."""
        reply = self._access.ask("describe_users", time_limit(self._remaining))
        if isinstance(reply, Exception):
            raise _rejection(reply)

    def active(self, name: str) -> Mapping[str, Any]:
        """Give the user of that name once nothing of it is being changed. Raises EngineUnavailable, ChangeRefused."""
        pause = _FIRST_LOOK
        user = self._named(name)
        while user["Status"] != "active":
            if self._remaining() < 2 * pause:
                raise EngineUnavailable(f"ElastiCache is not done with the user {name!r} yet ({user['Status']})")
            time.sleep(pause)
            pause = min(2 * pause, _LAST_LOOK)
            user = self._users(UserId=user["UserId"])[0]
        return user

    def set_passwords(self, name: str, passwords: Sequence[Password]) -> None:
        """Let the user have these and no others, and wait until it has."""
        user = self.active(name)
        self._asked("modify_user", UserId=user["UserId"], Passwords=[one.reveal() for one in passwords])
        self.active(name)

    def close(self) -> None:
        """End the connection."""
        self._access.close()

    def _named(self, name: str) -> Mapping[str, Any]:
        group = self._access.login.settings.get("user_group_id")
        found = [
            user
            for user in self._users()
            if user["UserName"] == name and (not group or group in user.get("UserGroupIds", []))
        ]
        if not found:
            raise ChangeRefused(f"ElastiCache has no user {name!r}{f' in the group {group!r}' if group else ''}")
        if len(found) > 1:
            ids = ", ".join(sorted(str(user["UserId"]) for user in found))
            raise ChangeRefused(
                f"ElastiCache has {len(found)} users of the name {name!r} ({ids}): name the cache's user group by "
                '"user_group_id" in the admin secret'
            )
        return found[0]

    def _users(self, **which: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        more = which
        while True:
            page = self._asked("describe_users", **more)
            found += page.get("Users", [])
            if not page.get("Marker"):
                return found
            more = {"Marker": page["Marker"]}

    def _asked(self, operation: str, **members: object) -> Mapping[str, Any]:
        reply = self._access.ask(operation, time_limit(self._remaining), **members)
        if isinstance(reply, Exception):
            raise self._refusal(reply)
        return reply

    def _refusal(self, error: Exception) -> Exception:
        code, said = told(error)
        reason = unusable_reason(error, code, said) or REJECTED.get(code)
        if reason or code == "InvalidUserState":  # somebody else is changing it
            return EngineUnavailable(reason or f"ElastiCache does not do this now: {said}")
        if code in DENIED:
            return ChangeRefused(f"{self._by!r} may not do this ({said}): it needs {_NEEDED}")
        if code == "InvalidParameterValue" and "password" in said.lower():
            return PasswordRefused(f"ElastiCache refuses the new password: {said}")
        return ChangeRefused(f"ElastiCache refused the change: {code}: {said}")


def _rejection(error: Exception) -> LoginRejected | EngineUnavailable:
    code, said = told(error)
    unusable = unusable_reason(error, code, said)
    if not unusable and code in REJECTED:
        return LoginRejected(REJECTED[code], "verify-full")
    if code in DENIED:
        return EngineUnavailable(f"the key is good, but may not do this ({said}): it needs {_NEEDED}")
    return EngineUnavailable(unusable or f"not usable; the server said: {code}: {said}")
