"""Several accounts on one house: their roots, users and role sessions, made through Detent's own API and STS."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from xml.etree import ElementTree as ET

from detent.service import access
from wire.premises import AppClient, Premises
from wire.raw import Told

HERE, THERE = "000000000000", "111111111111"
TOKENS = {"CreateSecret", "PutSecretValue", "UpdateSecret", "RotateSecret"}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


def document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


class Caller:
    """Somebody who calls: a root, a user or a session."""

    def __init__(self, client: AppClient, arn: str) -> None:
        self.client, self.arn = client, arn

    def told(
        self, operation: str, members: Mapping[str, Any] | None = None, *, service: str = "secretsmanager"
    ) -> Told:
        self.client.service = service
        token = {"ClientRequestToken": str(uuid4())} if operation in TOKENS else {}
        return self.client.call(operation, {**token, **(members or {})})

    def call(self, operation: str, **members: Any) -> dict[str, Any]:
        told = self.told(operation, members)
        assert told.status == 200, told.body
        return told.members if told.body else {}

    def own(self, operation: str, **members: Any) -> dict[str, Any]:
        """Call Detent's own API."""
        told = self.told(operation, members, service="detent")
        assert told.status == 200, told.body
        return told.members

    def refusal(self, operation: str, **members: Any) -> tuple[str, str]:
        return self.told(operation, members).error

    def may(self, operation: str, **members: Any) -> bool:
        """Whether the call gets past authorization, whatever becomes of it then."""
        told = self.told(operation, members)
        return told.status == 200 or told.error[0] != "AccessDeniedException"

    def user(self, name: str, *policies: str) -> "Caller":
        """Make a user of this root's account with these policies' documents."""
        made = self.own("CreateUser", UserName=name)
        self._attach({"UserName": name}, policies)
        key = self.own("CreateAccessKey", UserName=name)
        return Caller(_as(self.client, key["AccessKeyId"], key["SecretAccessKey"], None), made["ARN"])

    def role(self, name: str, trust: str, *policies: str, **more: Any) -> str:
        """Make a role of this root's account; gives its ARN."""
        arn: str = self.own("CreateRole", RoleName=name, TrustPolicy=trust, **more)["ARN"]
        self._attach({"RoleName": name}, policies)
        return arn

    def _attach(self, to: Mapping[str, str], policies: tuple[str, ...]) -> None:
        for text in policies:
            name = f"p-{uuid4().hex}"
            self.own("CreatePolicy", PolicyName=name, PolicyDocument=text)
            self.own("AttachPolicy", PolicyName=name, **to)

    def assume(self, role: str, session: str = "s1", **more: str) -> "Caller":
        told = self.query("AssumeRole", RoleArn=role, RoleSessionName=session, **more)
        assert told.status == 200, told.body
        found = {one.tag.rpartition("}")[2]: one.text or "" for one in ET.fromstring(told.body).iter()}
        client = _as(self.client, found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
        return Caller(client, found["Arn"])

    def query(self, action: str, **members: str) -> Told:
        """Ask STS."""
        self.client.service = "sts"
        body = urlencode({"Action": action, "Version": "2011-06-15", **members}).encode()
        return self.client.send(self.client.signed(None, body, extra=FORM, at=self.client.clock.now()), body)


def _as(client: AppClient, access_key: str, secret_key: str, session_token: str | None) -> AppClient:
    other = replace(client, access_key=access_key, secret_key=secret_key, session_token=session_token)
    other.app, other.loop, other.clock = client.app, client.loop, client.clock
    return other


def root(house: Premises, account: str = HERE) -> Caller:
    """An account's root; a second account comes into being with its root's key."""
    if account == HERE:
        return Caller(_as(house.client, house.client.access_key, house.client.secret_key, None), root_arn(account))

    def made(tx: Any) -> tuple[str, Any]:
        return access.create_root_key(house.house.server.env(tx, "us-east-1"), account)

    key_id, secret = house.house.store.write(made)
    return Caller(_as(house.client, key_id, str(secret.reveal()), None), root_arn(account))


def root_arn(account: str) -> str:
    return f"arn:aws:iam::{account}:root"


def trusting(*principals: str, **more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole", **more}
    return document(statement)
