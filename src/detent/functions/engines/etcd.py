"""etcd 3.4 and later with authentication switched on, by the JSON gateway that every etcd has.

* A login is proven by its token. etcd hashes passwords itself, so they travel as they are.
* etcd 3.4 writes a password that is set into its write-ahead log as it is; 3.5 does not. Its folder must be guarded so.
* No user can change its own password; who changes one needs the role ``root``, which may do everything.
* Two users are alike when they have the same roles.
* With JWTs, every change of any user or role ends the tokens of all: clients must log in anew when etcd says that the
  revision of its auth store is old.
* Not for users without a password, who log in by the name in their certificate.
"""

from collections.abc import Mapping
from http.client import INTERNAL_SERVER_ERROR, UNAUTHORIZED
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected
from detent.functions.httpapi import HttpApi, Reply
from detent.functions.passwords import Password
from detent.functions.tls import TLS_KEYS, tls_faults

_CLONE: Final = "_clone"  # AWS: its templates' suffix
_DENIED: Final = 7  # gRPC: PERMISSION_DENIED
_MISSING: Final = "user name not found"
_GRANT: Final = "etcdctl user grant-role {} root"
_REJECTED: Final = {
    "invalid user ID or password": "login refused: wrong password, or no such user (etcd does not tell which)",
    "no password user": "login refused: this user has no password, it logs in by a certificate only",
}
_OPEN_DOOR: Final = (
    "the server asks nobody for a password, so none can be proven: switch that on by etcdctl auth enable"
)


class EtcdSession:
    """A login's token."""

    def __init__(self, api: HttpApi, login: Login, token: str) -> None:
        self._api = api
        self._login = login
        self._token = token

    def ping(self) -> None:
        """Ask for one's own roles, which everybody may."""
        self._asked("user/get", name=self._login.username)

    def set_password(self, user: str, new: Password) -> None:
        """Change it; all tokens of the user end."""
        self._asked("user/changepw", name=user, password=new.reveal())

    def clone_user(self, source: str, target: str, password: Password) -> None:
        """Give the target the source's roles, and no others."""
        if source == target + _CLONE:  # an original is told by its clone's name
            self.set_password(target, password)
            return
        wanted, there = self._roles(source), self._roles_if_there(target)
        verb = "user/add" if there is None else "user/changepw"
        self._asked(verb, name=target, password=password.reveal())
        for role in sorted(wanted - (there or frozenset())):
            self._asked("user/grant", user=target, role=role)
        for role in sorted((there or frozenset()) - wanted):
            self._asked("user/revoke", name=target, role=role)

    def privileges(self, user: str) -> frozenset[str]:
        """Name the roles."""
        return frozenset(f"role {role}" for role in self._roles(user))

    def close(self) -> None:
        """End the connection; the token expires by itself."""
        self._api.close()

    def _roles(self, user: str) -> frozenset[str]:
        return frozenset(self._asked("user/get", name=user).body.get("roles", []))

    def _roles_if_there(self, user: str) -> frozenset[str] | None:
        try:
            return self._roles(user)
        except _Missing:
            return None

    def _asked(self, verb: str, **members: str) -> Reply:
        reply = self._api.ask("POST", f"/v3/auth/{verb}", members, {"Authorization": self._token})
        if not reply.is_good:
            raise _refusal(reply, self._login.username, members.get("name", ""))
        return reply


class _Missing(ChangeRefused):
    """There is no such user."""


FACTS: Final = Facts(
    names=("etcd",),
    default_port=2379,
    run_against=("etcd 3.4",),
    example={"engine": "etcd", "host": "etcd.example.com", "port": 2379, "username": "app", "password": "…"},
    session=EtcdSession,
    keys={**TLS_KEYS, "ssl": "true: TLS, verified in full; false: none. Missing: verified in full, on loopback none"},
    privileges=dict.fromkeys(
        ("single-user", "alternating-users"),
        # the first asks for a password
        Privileges(own=None, admin=("etcdctl user add {admin}", _GRANT.format("{admin}"))),
    ),
    open_connections="Requests by a token of the former password are refused at once; watches that are open go on.",
    server_log="etcd 3.4 keeps the clear text in its write-ahead log, 3.5 a bcrypt hash; neither is said elsewhere.",
)


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check the keys of TLS."""
    return tls_faults(value)


def connect(login: Login, remaining: Remaining) -> EtcdSession:
    """Log in once, within the remaining time: get a token."""
    api = HttpApi(login, remaining)
    try:
        return EtcdSession(api, login, _token(api, login))
    except BaseException:
        api.close()
        raise


def _token(api: HttpApi, login: Login) -> str:
    members = {"name": login.username, "password": login.password.reveal()}
    reply = api.ask("POST", "/v3/auth/authenticate", members, {})
    token = reply.told("token")
    if reply.is_good and token:
        return token
    raise _rejection(reply, api.mode)


def _rejection(reply: Reply, mode: str) -> LoginRejected | EngineUnavailable:
    said = reply.told("message")
    for phrase, reason in _REJECTED.items():
        if phrase in said:
            return LoginRejected(reason, mode)
    if "authentication is not enabled" in said:
        return EngineUnavailable(_OPEN_DOOR, mode)
    if said:
        return EngineUnavailable(f"not usable; the server said: {said}", mode)
    return EngineUnavailable(
        "what answers there is not etcd's JSON gateway (etcd 3.4 or later, --enable-grpc-gateway): check host and port",
        mode,
    )


def _refusal(reply: Reply, by: str, user: str) -> ChangeRefused | EngineUnavailable:
    said = reply.told("message")
    if reply.told("code") == str(_DENIED):
        return ChangeRefused(f"{by!r} may not do that (the server said: {said}): {_GRANT.format(by)}")
    if _MISSING in said:
        return _Missing(f"there is no user {user!r} on the server: etcdctl user add")
    if reply.status == UNAUTHORIZED or reply.status >= INTERNAL_SERVER_ERROR:
        return EngineUnavailable(f"the server refuses further requests ({reply.status}): {said}".rstrip(": "))
    return ChangeRefused(f"the server refused the change: {said}")
