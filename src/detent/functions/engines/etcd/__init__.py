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
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining
from detent.functions.engines.etcd.session import MAKE_ADMINISTRATOR, EtcdSession
from detent.functions.errors import EngineUnavailable, LoginRejected
from detent.functions.httpapi import HttpApi, Reply
from detent.functions.tls import TLS_KEYS, tls_faults

_REJECTED: Final = {
    "invalid user ID or password": "login refused: wrong password, or no such user (etcd does not tell which)",
    "no password user": "login refused: this user has no password, it logs in by a certificate only",
}
_OPEN_DOOR: Final = (
    "the server asks nobody for a password, so none can be proven: switch that on by etcdctl auth enable"
)

FACTS: Final = Facts(
    names=("etcd",),
    default_port=2379,
    run_against=("etcd 3.4",),
    example={"engine": "etcd", "host": "etcd.example.com", "port": 2379, "username": "app", "password": "…"},
    session=EtcdSession,
    keys={
        "probes": "get KEY, whose row is the value, or put KEY VALUE, which is judged and not done",
        **TLS_KEYS,
        "ssl": "true: TLS, verified in full; false: none. Missing: verified in full, on loopback none",
    },
    privileges=dict.fromkeys(
        ("single-user", "alternating-users"),
        # the first asks for a password
        Privileges(own=None, admin=("etcdctl user add {admin}", MAKE_ADMINISTRATOR.format("{admin}"))),
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
