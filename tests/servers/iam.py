"""AWS IAM as moto's server speaks it: it checks signatures and policies, and keeps two access keys a user.

Not as AWS does: it matches no ``Resource`` but ``*`` (for IAM it does not say what a call is about), lets an inactive
key sign, shows every change at once, never throttles and gives every list on one page. What AWS says then is answered
by ``servers.canned``.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

from servers.certificates import Certificates
from servers.detent import free_port
from servers.target import Target

_UNCHECKED = 3  # requests that make the operator; every later one is checked
_START_SECONDS = 60
_EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
_NOBODY = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "no-such-secret"}


class IamTarget(Target):
    """A running IAM, asked by an operator. A user's first key stands for the password that it was made with."""

    engine = "iam"
    says: ClassVar = {
        "wrong password": "wrong secret access key",
        "unknown user": "no such access key",
        "revoked key": "no such access key",
    }
    writes_log: ClassVar = "POST / HTTP"
    sends: ClassVar = [(URLLib3Session, "send")]
    drivers: ClassVar = ("botocore.exceptions",)

    def __init__(self, port: int, log: Path) -> None:
        self.host, self.port = "127.0.0.1", port
        self._log = log
        self._session = botocore.session.Session()
        self._issued: dict[tuple[str, str], dict[str, str]] = {}
        with closing(self.client(_NOBODY)) as first:
            first.create_user(UserName="operator")
            first.put_user_policy(UserName="operator", PolicyName="all", PolicyDocument=json.dumps(_EVERYTHING))
            self.iam = self.client(_key(first.create_access_key(UserName="operator")))

    def product(self) -> str:
        return f"moto {version('moto').partition('.')[0]} in the place of AWS"

    def client(self, key: Mapping[str, Any]) -> Any:
        """An unmodified client that signs by this key."""
        return self._session.create_client(
            "iam",
            region_name="us-east-1",
            endpoint_url=f"http://{self.host}:{self.port}",
            aws_access_key_id=key["aws_access_key_id"],
            aws_secret_access_key=key["aws_secret_access_key"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    def value(self, user: str, password: str, **settings: Any) -> dict[str, Any]:
        place = {"engine": self.engine, "host": self.host, "port": self.port, "ssl": False, "username": user}
        return {**place, **self._issued.get((user, password), _NOBODY), **settings}

    def create_user(self, user: str, password: str) -> None:
        """A user that may do no more than prove its login."""
        self.iam.create_user(UserName=user)
        self._issued[user, password] = self.issue(user)
        self._run(self.module.FACTS.privileges["issued-keys"].admin[-1:], user=user)

    def create_administrator(self, user: str, password: str, over: str) -> None:
        replies = self._run(self.module.FACTS.privileges["issued-keys"].admin, user=over, admin=user)
        (self._issued[user, password],) = [_key(reply) for reply in replies if "AccessKey" in reply]

    def let_rotate_itself(self, user: str) -> None:
        self._run(self.module.FACTS.privileges["issued-keys"].own or (), user=user)

    def issue(self, user: str) -> dict[str, str]:
        """Make a key as a person would."""
        return _key(self.iam.create_access_key(UserName=user))

    def keys_of(self, user: str) -> set[str]:
        return {key["AccessKeyId"] for key in self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]}

    def traces_of(self, user: str) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self.iam.list_user_tags(UserName=user)["Tags"]}

    def alive(self, value: Mapping[str, Any]) -> bool:
        with closing(self.client(value)) as client:
            try:
                listed = client.list_access_keys(UserName=value["username"])["AccessKeyMetadata"]
            except ClientError:
                return False
        return any(key["AccessKeyId"] == value["aws_access_key_id"] and key["Status"] == "Active" for key in listed)

    def logs_in(self, user: str, password: str) -> bool:
        return self.alive(self.value(user, password))

    def set_password(self, user: str, password: str) -> None:
        raise NotImplementedError("IAM makes the keys itself")

    def end_sessions(self, user: str) -> None:
        """There are none: each request is signed anew."""

    def log_text(self) -> str:
        return self._log.read_text()

    def _run(self, templates: tuple[str, ...], **names: str) -> list[dict[str, Any]]:
        """Run commands of FACTS, but for the resources in their policies: this server would match none."""
        replies = []
        for command in self.statements(templates, "", **names):
            operation, *words = shlex.split(command.removeprefix("aws iam "))
            members = {_member(name): word for name, word in zip(words[::2], words[1::2], strict=True)}
            if "PolicyDocument" in members:
                members["PolicyDocument"] = _on_all(members["PolicyDocument"], names)
            replies.append(getattr(self.iam, operation.replace("-", "_"))(**members))
        return replies


def _key(reply: Mapping[str, Any]) -> dict[str, str]:
    made = reply["AccessKey"]
    return {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}


def _member(option: str) -> str:
    return "".join(part.capitalize() for part in option.removeprefix("--").split("-"))


def _on_all(document: str, names: Mapping[str, str]) -> str:
    policy = json.loads(document)
    for statement in policy["Statement"]:
        assert statement["Resource"] in {f"arn:aws:iam::*:user/{name}" for name in names.values()}
        statement["Resource"] = "*"
    return json.dumps(policy)


def start_moto(running: ExitStack, tls: Certificates | None = None) -> tuple[int, Path]:
    """Start a server, which speaks HTTPS if it has certificates; give its port and its log."""
    folder = Path(tempfile.mkdtemp(prefix="detent-moto-"))
    running.callback(shutil.rmtree, folder)
    port, log = free_port(), folder / "log"
    certificate = ["-s", "-c", str(tls.server), "-k", str(tls.server_key)] if tls else []
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port), *certificate]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    environment["INITIAL_NO_AUTH_ACTION_COUNT"] = str(_UNCHECKED)
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=environment)
    running.callback(process.wait, timeout=30)
    running.callback(process.terminate)
    deadline = time.monotonic() + _START_SECONDS
    while f":{port}\n" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, "moto's server did not start"
        time.sleep(0.05)
    return port, log
