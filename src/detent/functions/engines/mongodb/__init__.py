"""MongoDB 4.4 and later, and what speaks its protocol (Amazon DocumentDB).

No server of it was at hand: the commands are the manual's, run by PyMongo against a scripted server that speaks the
wire protocol, SCRAM-SHA-256 and TLS. Unconfirmed on a live one: that a user may ask usersInfo for its own restrictions,
DocumentDB's answers to connectionStatus and hello, and the codes of Atlas.

* Each server is reached directly. What one tells of other members of its set is not followed: the secret's key
  ``nodes`` names them, a change is made at the primary among them, and a new password is proven on every one.
* A mongos may know a former password for half a minute, so one that refuses the new one is asked again.
* The password itself travels, as the server takes a digest for SCRAM-SHA-1 only; its log shows none of it.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining
from detent.functions.engines.mongodb.driver import logged_in
from detent.functions.engines.mongodb.session import MongodbSession
from detent.functions.engines.redis.nodes import node_faults
from detent.functions.tls import TLS_KEYS, tls_faults


def _command(**members: object) -> str:
    """Write a command as JSON, <name> as what the name is put for."""
    text = json.dumps(members, ensure_ascii=False).replace("{", "{{").replace("}", "}}")
    return text.replace("<", "{").replace(">", "}")


def _role(name: str, *actions: str) -> str:
    everywhere = {"resource": {"db": "", "collection": ""}, "actions": list(actions)}
    return _command(createRole=name, privileges=[everywhere], roles=[])


_SINGLE: Final = (
    _role("detentPasswords", "viewUser", "changePassword"),
    _command(createUser="<admin>", pwd="…", roles=["detentPasswords"]),
)
_PAIR: Final = (
    _role(
        "detentUsers",
        *("viewUser", "changePassword", "createUser", "grantRole", "revokeRole"),
        *("changeCustomData", "setAuthenticationRestriction"),
    ),
    _command(createUser="<admin>", pwd="…", roles=["detentUsers"]),
)

FACTS: Final = Facts(
    names=("mongodb", "mongo", "documentdb"),
    default_port=27017,
    example={
        "engine": "mongodb",
        "host": "db-1.example.com",
        "port": 27017,
        "username": "app",
        "password": "…",
        "dbname": "admin",
        "nodes": ["db-2.example.com:27017"],
    },
    session=MongodbSession,
    keys={
        "authSource": "the database that the user is kept in; dbname, else admin, where it is missing",
        "dbname": "the database in which probes run; admin where it is missing",
        "nodes": 'every further server, as "host:port": members of the replica set, or mongos',
        "probes": 'commands as JSON, such as {"find": "orders", "limit": 1}; what they write stays',
        **TLS_KEYS,
        "ssl": "true: TLS, verified in full; false: none. Missing: verified in full, on loopback none",
    },
    privileges={
        "single-user": Privileges(
            own=(
                _role("detentOwnPassword", "changeOwnPassword"),
                _command(grantRolesToUser="<user>", roles=["detentOwnPassword"]),
            ),
            admin=_SINGLE,
        ),
        "alternating-users": Privileges(own=None, admin=_PAIR),
    },
    open_connections="They stay open, whichever password they were made with.",
    server_log="It gets the password itself; its log hides it, says the manual; the profiler has no such command.",
    settle_seconds=30,
)


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check authSource, dbname, nodes and the keys of TLS."""
    odd = [
        f'"{key}" must be text'
        for key in ("authSource", "dbname")
        if value.get(key) is not None and not isinstance(value[key], str)
    ]
    return odd + node_faults(value) + tls_faults(value)


def connect(login: Login, remaining: Remaining) -> MongodbSession:
    """Log in once, within the remaining time."""
    return MongodbSession(logged_in(login, remaining), login, remaining)
