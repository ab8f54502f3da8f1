"""Redis 6 and later, and Valkey.

* A user has a set of passwords; the server gets their hashes only. The commands are no part of MONITOR or SLOWLOG.
* ACL users are not replicated: the secret's key ``nodes`` names every further server, and each change is made on all.
* A change outlives a restart: it is saved to the aclfile, else to the configuration file. What stands there and was
  not loaded is overwritten, as by every ACL SAVE or CONFIG REWRITE.
* Who may not read its own user is tried with a password that nobody knows, too: in ACL LOG that is one refusal a login.
* ``+acl|setuser`` is full power, as whoever has it can give itself every right: better the admin secret's user has it
  than the application. The admin secret names its servers itself, by its own ``nodes``.
* Not for the user that replicas log in as (masteruser, masterauth): their configuration is not changed.
* Redis negotiates no TLS: on loopback there is none unless it is asked for, elsewhere it is verified.
"""

from collections.abc import Mapping
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining
from detent.functions.engines.redis.failures import Refusal, not_usable
from detent.functions.engines.redis.login import logged_in
from detent.functions.engines.redis.nodes import node_faults
from detent.functions.engines.redis.session import RIGHTS, RedisSession
from detent.functions.tls import TLS_KEYS, tls_faults

_LEAST: Final = Privileges(
    own=(f"ACL SETUSER {{user}} {RIGHTS}",),
    admin=(f"ACL SETUSER {{admin}} on >… -@all {RIGHTS}",),
)

FACTS: Final = Facts(
    names=("redis", "valkey"),
    default_port=6379,
    run_against=("Redis 7.0",),
    example={
        "engine": "redis",
        "host": "cache-1.example.com",
        "port": 6379,
        "username": "app",
        "password": "…",
        "nodes": ["cache-2.example.com:6379"],
    },
    session=RedisSession,
    keys={
        "dbname": "the number of the database in which probes run; 0 where it is missing",
        "nodes": 'every further server, as "host:port": replicas, the primary, the cluster; users are not replicated',
        "persist": "false: a change may be lost at the server's next start. Missing: it must be saved",
        "probes": "commands, written as in a shell; what they write stays",
        **TLS_KEYS,
        "ssl": "true: TLS, verified in full; false: none. Missing: verified in full, on loopback none",
    },
    privileges={"single-user": _LEAST, "dual-password": _LEAST},
    open_connections="They stay open, whichever password they were made with; CLIENT KILL USER ends them.",
    server_log="It gets SHA-256 digests, which an ACL file holds; MONITOR and SLOWLOG never show the password.",
)


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check dbname, nodes, persist and the keys of TLS."""
    found = [] if _is_number(value.get("dbname", 0)) else ['"dbname" must be a number: Redis numbers its databases']
    if not isinstance(value.get("persist", True), bool):
        found.append('"persist" must be true or false')
    return found + node_faults(value) + tls_faults(value)


def connect(login: Login, remaining: Remaining) -> RedisSession:
    """Log in once, within the remaining time."""
    wire = logged_in(login, remaining)
    database = str(login.settings.get("dbname", 0))
    if database == "0":
        return RedisSession(wire, login, remaining)
    try:
        wire.ask("SELECT", database)
    except Refusal as said:
        failure = not_usable(said, wire.mode)
    else:
        return RedisSession(wire, login, remaining)
    wire.close()
    raise failure


def _is_number(database: object) -> bool:
    """Redis has 16 databases unless told otherwise; which there are, the server knows."""
    return isinstance(database, int | str) and not isinstance(database, bool) and str(database).isdecimal()
