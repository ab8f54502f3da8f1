"""AWS IAM, and what speaks its API: the access keys of one user.

* Whoever holds a key can sign for its user, so a login is proven by a signed ListAccessKeys of the secret's user that
  names the key: one that another user holds is no login, even if it may list this user's keys.
* HTTPS, verified in full, also against a CA that AWS_CA_BUNDLE names; ``"ssl": false`` is plain HTTP, on loopback only.
  Nothing else of the environment counts: no profile, no region, no proxy.
* Access keys have no tags, so their user has (``marks``); IAM's console shows them as the keys' descriptions.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining, time_limit
from detent.functions.engines.iam.access import Access
from detent.functions.engines.iam.session import IamSession
from detent.functions.errors import EngineUnavailable
from detent.functions.outbound import is_loopback, reachable_address
from detent.functions.tls import tls_faults, tls_mode

_LIST: Final = ("iam:ListAccessKeys",)
_ROTATE: Final = (
    *_LIST, "iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:ListUserTags", "iam:TagUser", "iam:UntagUser",
)  # fmt: skip


def _allow(whom: str, **actions: tuple[str, ...]) -> str:
    """Write a command that lets somebody do so much to a user's keys. A user's path goes before its name in the ARN."""
    statements = [
        {"Effect": "Allow", "Action": listed, "Resource": f"arn:aws:iam::*:user/<{user}>"}
        for user, listed in actions.items()
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements}).replace("{", "{{").replace("}", "}}")
    text = f"aws iam put-user-policy --user-name <{whom}> --policy-name detent-rotation --policy-document '{document}'"
    return text.replace("<", "{").replace(">", "}")


FACTS: Final = Facts(
    names=("iam",),
    default_host="iam.amazonaws.com",
    default_port=443,
    run_against=("moto 5 in the place of AWS",),
    example={
        "engine": "iam",
        "username": "ci",
        "aws_access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key": "…",
    },
    session=IamSession,
    keys={
        "aws_access_key_id": "the access key's id",
        "aws_secret_access_key": "its secret part",
        "ssl": "false: plain HTTP, to loopback only; else HTTPS, verified in full",
        "region": "the region that requests are signed for; us-east-1 where it is missing, as IAM of AWS wants it",
    },
    privileges={
        "issued-keys": Privileges(
            own=(_allow("user", user=_ROTATE),),
            admin=(
                "aws iam create-user --user-name {admin}",
                _allow("admin", admin=_LIST, user=_ROTATE),
                "aws iam create-access-key --user-name {admin}",
                _allow("user", user=_LIST),  # by that its login is proven, before the admin does anything
            ),
        ),
    },
    open_connections="None stay open: every request is signed, and a revoked key's are refused within seconds.",
    server_log="CloudTrail records the calls with the key's id, never its secret part, which only IAM's answer holds.",
    longest_name=64,
    password_key="aws_secret_access_key",
    key_id="aws_access_key_id",
    settle_seconds=30,
)

_USER: Final = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_KEY: Final = re.compile(r"\w{16,128}", re.ASCII)
_REGION: Final = re.compile(r"[a-z0-9-]{1,63}")


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check what would be put into a request."""
    forms = (
        ("username", _USER, "the name of an IAM user, not its ARN"),
        ("aws_access_key_id", _KEY, "an access key's id, such as AKIAIOSFODNN7EXAMPLE"),
        ("region", _REGION, "a region, such as us-east-1"),
    )
    odd = [f'"{key}" must be {what}' for key, form, what in forms if _is_odd(value.get(key, ""), form)]
    return odd + tls_faults(value)


def connect(login: Login, remaining: Remaining) -> IamSession:
    """Log in once, within the remaining time: list the user's own keys."""
    wait = time_limit(remaining)
    address = reachable_address(login.host, login.port, wait)
    mode = tls_mode(login.settings, loopback=False)
    session = IamSession(Access(_endpoint(login, address, mode), login, mode), remaining)
    try:
        session.prove()
    except BaseException:
        session.close()
        raise
    return session


def _is_odd(part: object, form: re.Pattern[str]) -> bool:
    return part != "" and not (isinstance(part, str) and form.fullmatch(part))


def _endpoint(login: Login, address: str, mode: str) -> str:
    """Over HTTPS the certificate proves the name that was asked for; in the clear only the address checked will do."""
    if mode != "disable":
        return f"https://{_bracketed(login.host)}:{login.port}"
    if not is_loopback(address):
        raise EngineUnavailable('plain HTTP is spoken to loopback only: take "ssl": false out of the secret', mode)
    return f"http://{_bracketed(address)}:{login.port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
