"""Users of Amazon ElastiCache (Redis OSS, Valkey), which have one or two passwords at once.

No ElastiCache was at hand: the requests are the API reference's, against a scripted API with a real Redis behind it
that takes the passwords. Unconfirmed on a live one: the codes of refusals, and for how long a user is ``modifying``.

* A password is proven by a login at the cache. A user cannot change it there: the admin secret is an IAM user's access
  key, by which the API is asked. Neither the machine's own role nor its settings count.
* ElastiCache tells no passwords, and takes all of them anew: so those that are to stay are named first, by
  ``retire_passwords``, as the strategy does it.
* A change takes a while; a step that has no time left to wait for it goes on at its next try.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from detent.functions.engines import Facts, Login, Privileges, Remaining, time_limit
from detent.functions.engines.elasticache.api import Api
from detent.functions.engines.elasticache.session import ElasticacheSession
from detent.functions.engines.iam.access import Access
from detent.functions.engines.redis.login import logged_in
from detent.functions.engines.redis.session import RedisSession
from detent.functions.errors import EngineUnavailable
from detent.functions.outbound import is_loopback, reachable_address
from detent.functions.passwords import DEFAULT_EXCLUDED, PasswordRules
from detent.functions.tls import TLS_KEYS, tls_faults

_REGION: Final = re.compile(r"[a-z0-9-]{1,63}")
_KEY: Final = re.compile(r"\w{16,128}", re.ASCII)
_ACTIONS: Final = ["elasticache:DescribeUsers", "elasticache:ModifyUser"]
_STATEMENT: Final = {"Effect": "Allow", "Action": _ACTIONS, "Resource": "arn:aws:elasticache:*:*:user:*"}
_POLICY: Final = json.dumps({"Version": "2012-10-17", "Statement": [_STATEMENT]})
_ALLOW: Final = (
    ("aws iam put-user-policy --user-name <admin> --policy-name detent-rotation --policy-document '" + _POLICY + "'")
    .replace("{", "{{")
    .replace("}", "}}")
    .replace("<admin>", "{admin}")
)

FACTS: Final = Facts(
    names=("elasticache",),
    default_port=6379,
    example={
        "engine": "elasticache",
        "host": "master.cache.abcdef.use1.cache.amazonaws.com",
        "port": 6379,
        "username": "app",
        "password": "…",
        "masterarn": "arn:aws:secretsmanager:…",
    },
    session=ElasticacheSession,
    keys={
        "aws_access_key_id": "in the admin secret: the IAM user's access key; its secret part is the password there",
        "region": "in the admin secret: the region of the cache",
        "user_group_id": "in the admin secret: the cache's user group, where two users have one name",
        "endpoint": "in the admin secret: the API's URL; https://elasticache.REGION.amazonaws.com where it is missing",
        "probes": "commands, written as in a shell; what they write stays",
        **TLS_KEYS,
        "ssl": "true: TLS, verified in full; false: none. Missing: verified in full, on loopback none",
    },
    privileges={
        "dual-password": Privileges(
            own=None,
            admin=(
                "aws iam create-user --user-name {admin}",
                _ALLOW,
                "aws iam create-access-key --user-name {admin}",
            ),
        ),
    },
    open_connections="They stay open, whichever password they were made with.",
    server_log="CloudTrail records the calls without passwords, says the manual; the cache keeps digests of them.",
    # AWS: 16 to 128 characters, and few marks; of those that are safe everywhere only the hyphen is among them
    passwords=PasswordRules(excluded=DEFAULT_EXCLUDED + "_.~"),
    settle_seconds=30,
)


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check the admin secret's keys, and those of TLS."""
    found = []
    key, region = value.get("aws_access_key_id"), value.get("region", "us-east-1" if not _is_admin(value) else None)
    if key is not None and not (isinstance(key, str) and _KEY.fullmatch(key)):
        found.append('"aws_access_key_id" must be an access key\'s id, such as AKIAIOSFODNN7EXAMPLE')
    if not (isinstance(region, str) and _REGION.fullmatch(region)):
        found.append('"region" must be a region, such as us-east-1')
    if not isinstance(value.get("user_group_id", ""), str):
        found.append('"user_group_id" must be text')
    return found + _endpoint_faults(value.get("endpoint")) + tls_faults(value)


def connect(login: Login, remaining: Remaining) -> ElasticacheSession:
    """Log in once, within the remaining time: at the cache, or by an access key at the API."""
    if not _is_admin(login.settings):
        # a user of ElastiCache is the same at all of its nodes
        plain = replace(login, settings={**login.settings, "nodes": []})
        return ElasticacheSession(login, RedisSession(logged_in(plain, remaining), plain, remaining), None)
    api = Api(Access(_endpoint(login, remaining), login, "verify-full", "elasticache"), remaining)
    try:
        api.prove()
    except BaseException:
        api.close()
        raise
    return ElasticacheSession(login, None, api)


def _is_admin(value: Mapping[str, Any]) -> bool:
    return value.get("aws_access_key_id") is not None


def _endpoint_faults(endpoint: object) -> list[str]:
    if endpoint is None:
        return []
    try:
        parts = urlsplit(endpoint) if isinstance(endpoint, str) else None
        if parts and parts.scheme in {"https", "http"} and parts.hostname and not parts.query and parts.port != 0:
            return []
    except ValueError:  # the port is no number
        pass
    return ['"endpoint" must be a URL, such as https://elasticache.us-east-1.amazonaws.com']


def _endpoint(login: Login, remaining: Remaining) -> str:
    """Over HTTPS the certificate proves the name that was asked for; in the clear only the address checked will do."""
    default = f"https://elasticache.{login.settings.get('region')}.amazonaws.com"
    parts = urlsplit(str(login.settings.get("endpoint") or default))
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    address = reachable_address(host, port, time_limit(remaining))
    if parts.scheme == "https":
        return f"https://{_bracketed(host)}:{port}"
    if not is_loopback(address):
        raise EngineUnavailable('plain HTTP is spoken to loopback only: let "endpoint" begin with https://')
    return f"http://{_bracketed(address)}:{port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
