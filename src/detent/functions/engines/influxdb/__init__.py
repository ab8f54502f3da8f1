"""InfluxDB 2 and Timestream for InfluxDB: the API tokens of one user, by the HTTP API.

No server of it was at hand: requests and answers are the API reference's, against a scripted server. Unconfirmed on a
live one: that a token may ask /api/v2/me who it is of only with read on that user, and the exact texts of refusals.

* A login is proven by /api/v2/me: a token that is another user's is none. An application's token sees no tokens, as
  whoever may read them could read their values; so the admin secret's token issues and revokes.
* A token's description is its mark. A new one may do what this secret's newest may; at the first rotation the user must
  have this one token only, as nothing else would say whose rights are to be passed on.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining, time_limit
from detent.functions.engines.influxdb.api import Api
from detent.functions.engines.influxdb.session import InfluxdbSession
from detent.functions.outbound import is_loopback, reachable_address
from detent.functions.tls import PREFER, TLS_KEYS, tls_faults, tls_mode

_ORG: Final = "<id of the organization>"
_ID: Final = re.compile(r"[0-9a-f]{16}")


def _token(whose: str, *rights: str) -> str:
    """Write the request that makes a token; a right is an action and a type, or one ``type/user``."""
    parted = [right.partition(" ") for right in rights]
    listed = [{"action": action, "resource": _resource(what)} for action, _, what in parted]
    text = json.dumps({"userID": f"<id of [{whose}]>", "orgID": _ORG, "permissions": listed})
    text = text.replace("{", "{{").replace("}", "}}").replace("[user]", "{user}").replace("[admin]", "{admin}")
    return f"POST /api/v2/authorizations {text}"


def _resource(what: str) -> dict[str, str]:
    kind, _, whose = what.partition("/")
    return {"type": kind, **({"id": f"<id of [{whose}]>"} if whose else {"orgID": _ORG})}


FACTS: Final = Facts(
    names=("influxdb", "timestream-influxdb"),
    default_port=8086,
    example={
        "engine": "influxdb",
        "host": "influx.example.com",
        "port": 8086,
        "username": "app",
        "token_id": "0a1b2c3d4e5f6071",
        "token": "…",
        "masterarn": "arn:aws:secretsmanager:…",
    },
    session=InfluxdbSession,
    keys={
        "token_id": "the token's id, as influx auth list shows it",
        "token": "the token itself",
        **TLS_KEYS,
        "ssl": "true: HTTPS, verified in full; false: plain HTTP. Missing: verified in full, on loopback plain HTTP",
    },
    privileges={
        "issued-keys": Privileges(
            own=None,
            admin=(
                'POST /api/v2/users {{"name": "{admin}"}}',
                # the last is what the application's token may: InfluxDB lets nobody pass on more than it has itself
                _token(
                    "admin", "read authorizations", "write authorizations", "read users", "write users", "read buckets"
                ),
                _token("user", "read users/user", "read buckets"),  # by the first its login is proven
            ),
        ),
    },
    open_connections="None stay open: every request carries the token, and a revoked one is refused at once.",
    server_log="It makes the token itself, and before 2.8 its database holds it in the clear; its log may hold its id.",
    password_key="token",
    key_id="token_id",
)


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check what would be put into a request, and the keys of TLS."""
    token, named = value.get("token"), value.get("token_id")
    odd = []
    if isinstance(named, str) and named and not _ID.fullmatch(named):
        odd.append('"token_id" must be a token\'s id, such as 0a1b2c3d4e5f6071')
    if isinstance(token, str) and not token.isprintable():
        odd.append('"token" must hold no control characters')
    return odd + tls_faults(value)


def connect(login: Login, remaining: Remaining) -> InfluxdbSession:
    """Ask once, within the remaining time, whose token it is."""
    address = reachable_address(login.host, login.port, time_limit(remaining))
    mode = tls_mode(login.settings, loopback=is_loopback(address))
    session = InfluxdbSession(Api(login, address, "disable" if mode == PREFER else mode, remaining))
    session.prove()
    return session
