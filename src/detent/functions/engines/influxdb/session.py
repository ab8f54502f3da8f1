"""The API tokens of one user, as a rotation changes them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from detent.functions.abilities import Issued, Key
from detent.functions.engines.influxdb.api import Api, Missing, Refused, not_influxdb, refusal, rejection
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected
from detent.functions.passwords import Password

_MARKED: Final = "detent "  # what the description of a token begins with that a rotation made
_TOKENS: Final = "/api/v2/authorizations"


class InfluxdbSession:
    """A token of one user."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._login = api.login

    def prove(self) -> None:
        """Ask whose token it is. Raises LoginRejected where it is nobody's, or another user's."""
        failure: LoginRejected | EngineUnavailable
        try:
            name = self._api.ask("GET", "/api/v2/me").get("name")
        except Refused as said:
            failure = rejection(said, self._login, self._api.mode)
        else:
            if name == self._login.username:
                return
            failure = LoginRejected(f"the token is good, but it is of user {name!r}", self._api.mode)
        raise failure

    def ping(self) -> None:
        """Ask whose token it is once more."""
        self._asked("GET", "/api/v2/me")

    def close(self) -> None:
        """Do nothing: no connection outlives its request."""

    def keys(self, user: str) -> Sequence[Key]:
        """Give them by their age; the description of one that a rotation made is its mark."""
        return [Key(one["id"], _mark(one)) for one in self._tokens(user)]

    def issue_key(self, user: str, mark: str) -> Issued:
        """Make one that may do what this secret's newest may, or the user's only one; marked in the same request."""
        like = self._model(user, mark.rpartition("/")[0])
        made = self._asked(
            "POST",
            _TOKENS,
            {
                "orgID": like["orgID"],
                "userID": like["userID"],
                "description": f"{_MARKED}{mark}",
                "permissions": [_permission(one) for one in like["permissions"]],
            },
        )
        return Issued(made["id"], Password(made["token"]))

    def revoke_key(self, user: str, key: str) -> None:  # noqa: ARG002 - an id is of one user
        """Delete it."""
        try:
            self._asked("DELETE", f"{_TOKENS}/{quote(key, safe='')}")
        except Missing:
            return

    def _model(self, user: str, home: str) -> Mapping[str, Any]:
        tokens = self._tokens(user)
        ours = [one for one in tokens if (_mark(one) or "").rpartition("/")[0] == home]
        if ours or len(tokens) == 1:
            return (ours or tokens)[-1]
        raise ChangeRefused(
            f"{user!r} has {len(tokens)} tokens, and none that a rotation of this secret made, so nothing says what a "
            "new one may do: let the user of this secret have its one token only (influx auth list, influx auth delete)"
        )

    def _tokens(self, user: str) -> list[Mapping[str, Any]]:
        found = self._listed(f"{_TOKENS}?userID={self._id(user)}", "authorizations")
        return sorted(found, key=lambda one: (one["createdAt"], one["id"]))

    def _id(self, user: str) -> str:
        found = self._listed(f"/api/v2/users?name={quote(user, safe='')}", "users")
        for one in found:
            if one["name"] == user:
                return str(one["id"])
        raise Missing(f"there is no user {user!r} on the server")

    def _listed(self, path: str, member: str) -> list[Mapping[str, Any]]:
        found = self._asked("GET", path).get(member)
        if not isinstance(found, list):
            raise not_influxdb(self._api.mode)
        return found

    def _asked(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        try:
            return self._api.ask(method, path, body)
        except Refused as said:
            failure = refusal(said, self._login)
        raise failure


def _mark(token: Mapping[str, Any]) -> str | None:
    said = str(token.get("description", ""))
    return said.removeprefix(_MARKED) if said.startswith(_MARKED) else None


def _permission(one: Mapping[str, Any]) -> dict[str, Any]:
    """Take names out, which a server adds to what it tells."""
    kept = {key: one["resource"][key] for key in ("type", "id", "orgID") if one["resource"].get(key)}
    return {"action": one["action"], "resource": kept}
