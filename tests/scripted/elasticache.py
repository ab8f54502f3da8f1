"""ElastiCache's users as its API reference says, with a real Redis that takes their passwords once they are active."""

import re
import shlex
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, ClassVar
from unittest import mock
from urllib.parse import parse_qs

from botocore.httpsession import URLLib3Session

from detent.functions.engines.elasticache import api
from scripted.spoken_target import SpokenTarget
from scripted.web import Answer, Script, at, served
from servers.certificates import Certificates
from servers.redis import RedisTarget, start_redis

_BUSY = 2  # how often a change is looked at before it is done
_NAMESPACE = "http://elasticache.amazonaws.com/doc/2015-02-02/"
KEY = "AKIAIOSFODNN7EXAMPLE"


def refused(code: str, message: str, status: int = 400) -> Answer:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return status, f'<ErrorResponse xmlns="{_NAMESPACE}">{error}<RequestId>1</RequestId></ErrorResponse>'


class User:
    def __init__(self, name: str, group: str) -> None:
        self.name, self.group = name, group
        self.passwords: list[str] = []
        self.busy = 0

    def told(self, number: int) -> str:
        status = "modifying" if self.busy else "active"
        return (
            f"<UserId>user-{number}</UserId><UserName>{self.name}</UserName><Status>{status}</Status>"
            f"<Engine>redis</Engine><UserGroupIds><member>{self.group}</member></UserGroupIds><Authentication>"
            f"<Type>password</Type><PasswordCount>{len(self.passwords)}</PasswordCount></Authentication>"
        )


class ElasticacheScript(Script):
    """``apply`` gives a user's passwords to the cache. It reads signatures no further than whose key they are by."""

    def __init__(self, apply: Callable[[str, list[str]], None]) -> None:
        super().__init__()
        self.users: list[User] = []
        self.allowed: dict[str, set[str]] = {}  # IAM user -> actions
        self.keys: dict[str, str] = {}  # access key -> IAM user
        self.stuck = False
        self.page = 100
        self._apply = apply

    @at("POST", "/")
    def ask(self, headers: Any, body: str) -> Answer:
        members = {name: found[0] for name, found in parse_qs(body).items()}
        action = members.pop("Action")
        assert members.pop("Version") == "2015-02-02"
        self.written.append(action)
        key = re.search(r"Credential=(\w+)/", headers["Authorization"])
        by = self.keys.get(key[1] if key else "")
        if by is None:
            return refused("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
        if f"elasticache:{action}" not in self.allowed.get(by, set()):
            return refused("AccessDenied", f"User: {by} is not authorized to perform: elasticache:{action}", 403)
        known = {"DescribeUsers": self.describe, "ModifyUser": self.modify}
        if action not in known or action in self.fails:
            self.unknown += [action] if action not in known else []
            return self.fails.get(action, (404, ""))
        result = known[action](members)
        if isinstance(result, tuple):
            return result
        return (
            200,
            f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result>{result}</{action}Result></{action}Response>',
        )

    def describe(self, members: dict[str, str]) -> str:
        assert set(members) <= {"Marker", "UserId"}
        start, named = int(members.get("Marker", 0)), members.get("UserId")
        shown = list(enumerate(self.users))[start : start + self.page]
        if named:
            shown = [(number, user) for number, user in enumerate(self.users) if named == f"user-{number}"]
        for _, user in shown:
            self.step(user)
        end = start + self.page
        more = f"<Marker>{end}</Marker>" if end < len(self.users) and not named else ""
        return f"<Users>{''.join(f'<member>{user.told(number)}</member>' for number, user in shown)}</Users>{more}"

    def modify(self, members: dict[str, str]) -> str | Answer:
        number = int(members.pop("UserId").removeprefix("user-"))
        user = self.users[number]
        passwords = [members.pop(name) for name in sorted(members) if re.fullmatch(r"Passwords\.member\.[12]", name)]
        assert members == {}
        if user.busy:
            return refused("InvalidUserState", "User is being modified")
        if not all(16 <= len(password) <= 128 and password.isascii() for password in passwords):
            return refused("InvalidParameterValue", "Passwords length must be between 16-128 characters.")
        user.passwords, user.busy = passwords, _BUSY
        return user.told(number)

    def step(self, user: User) -> None:
        if user.busy and not self.stuck:
            user.busy -= 1
            if not user.busy:
                self._apply(user.name, user.passwords)

    def settle(self, name: str) -> None:
        """Let everything be done that was begun for a user."""
        for user in self.users:
            while user.name == name and user.busy and not self.stuck:
                self.step(user)


class ElasticacheTarget(SpokenTarget):
    engine = "elasticache"
    says: ClassVar = {"wrong password": "wrong password", "unknown user": "no such user"}
    sends: ClassVar = [(URLLib3Session, "send")]
    granted_probe: ClassVar = {"statement": "SET app:probe '4 2'", "expect": ["OK"]}
    refused_probe: ClassVar = "CONFIG GET requirepass"
    writes_log: ClassVar = "ModifyUser"
    offers_tls = True
    tells_passwords = False

    def __init__(self, cache: RedisTarget) -> None:
        self.cache = cache
        self.script = ElasticacheScript(self._apply)
        self.endpoint = ""
        self._administrators: dict[str, str] = {}

    @property
    def surprises(self) -> list[str]:
        return self.script.unknown

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        place = {**self.cache.value(user, password), "engine": self.engine, "password": password}
        if user in self._administrators:
            key = {"aws_access_key_id": self._administrators[user], "region": "us-east-1"}
            place |= {**key, "endpoint": self.endpoint}
        return {**place, **settings}

    def create_user(self, user: str, password: str, group: str = "group-1") -> None:
        self.cache.create_user(user, password)
        # ElastiCache's users may not read themselves, so an engine must do without that
        self.cache.run("ACL", "SETUSER", user, "-acl|getuser")
        made = User(user, group)
        made.passwords = [password]
        self.script.users.append(made)

    def create_administrator(self, user: str, password: str, over: str) -> None:  # noqa: ARG002 - a key is its password
        for command in self.module.FACTS.privileges["dual-password"].admin:
            words = shlex.split(command.format(user=over, admin=user).removeprefix("aws iam "))
            if words[0] == "put-user-policy":
                self.script.allowed[user] = set(re.findall(r"elasticache:\w+", words[-1]))
            elif words[0] == "create-access-key":
                self._administrators[user] = f"{KEY[:-6]}{len(self.script.keys):06}"
                self.script.keys[self._administrators[user]] = user

    def set_password(self, user: str, password: str) -> None:
        self._apply(user, [password])

    def _apply(self, user: str, passwords: list[str]) -> None:
        self.cache.run("ACL", "SETUSER", user, "resetpass", *(f">{password}" for password in passwords))

    def logs_in(self, user: str, password: str) -> bool:
        self.script.settle(user)
        return self.cache.logs_in(user, password)

    def end_sessions(self, user: str) -> None:
        self.cache.end_sessions(user)

    def tls_settings(self) -> dict[str, Any]:
        return self.cache.tls_settings()

    def require_tls(self) -> dict[str, Any]:
        return self.new_value(**self.tls_settings())

    def log_text(self) -> str:
        return "\n".join([*self.script.written, self.cache.log_text()])


def start_elasticache(running: ExitStack, certificates: Certificates) -> ElasticacheTarget:
    target = ElasticacheTarget(start_redis(running, certificates, kind="alone"))
    running.enter_context(mock.patch.object(api, "_FIRST_LOOK", 0.005))
    target.endpoint = f"http://127.0.0.1:{running.enter_context(served(target.script))}"
    return target
