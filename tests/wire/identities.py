"""Users, roles and access keys as the wire's tests make them."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from detent.main.house import House
from detent.model.identity import IdentityKind, session_arn
from detent.model.policy import Principal, Session
from detent.model.value import SecretValue
from detent.service import access
from detent.store.protocol import AccessKey, Tx
from servers.canary import Canary
from wire.premises import AppClient, Premises

ACCOUNT, THERE = "0" * 12, "1" * 12


def new_user() -> str:
    return f"user-{uuid4().hex}"


@dataclass(repr=False)
class Caller:
    """Whoever signs with one key, on a house in this process; asks Detent's own API unless told otherwise."""

    client: AppClient
    canary: Canary

    def call(self, operation: str, **members: Any) -> dict[str, Any]:
        told = self.client.call(operation, members)
        assert told.status == 200, told.body
        if "SecretAccessKey" in told.members:
            self.canary.watch(told.members["SecretAccessKey"])
        return told.members

    def refusal(self, operation: str, **members: Any) -> tuple[str, str]:
        return self.client.call(operation, members).error

    def of(self, service: str, region: str = "us-east-1") -> "Caller":
        """The same caller of another service, in another region."""
        return Caller(_client(self.client, service=service, region=region), self.canary)

    def with_key(self, made: dict[str, Any]) -> "Caller":
        """Whoever has the key that CreateAccessKey answered, or a session's."""
        keys = {"access_key": made["AccessKeyId"], "secret_key": made["SecretAccessKey"]}
        keys["session_token"] = made.get("SessionToken")
        return Caller(_client(self.client, **keys), self.canary)


def _client(known: AppClient, **changed: Any) -> AppClient:
    client = replace(known, **changed)
    client.app, client.loop, client.clock = known.app, known.loop, known.clock
    return client


def roots(house: Premises, canary: Canary) -> tuple[Caller, Caller]:
    """The roots of two accounts on one house."""
    key_id, secret = house.house.store.write(
        lambda tx: access.create_root_key(house.house.server.env(tx, "us-east-1"), THERE)
    )
    here = Caller(_client(house.client, service="detent"), canary)
    keys = {"AccessKeyId": key_id, "SecretAccessKey": canary.watch(str(secret.reveal()))}
    return here, here.with_key(keys)


def begin_session(house: House, canary: Canary, kind: IdentityKind, name: str, expires: datetime) -> dict[str, str]:
    """Begin a session of a user or role, as STS would; gives what it signs with, in AWS's words."""
    key_id, secret, token = f"ASIA{uuid4().hex[:16].upper()}", canary.value("-secret"), canary.value("-token")

    def add(tx: Tx) -> None:
        found = tx.identities.find(ACCOUNT, kind, name)
        assert found is not None
        arn = found.arn if kind is IdentityKind.USER else session_arn(ACCOUNT, name, "s")
        principal = Principal(ACCOUNT, arn, key_id, identity=found.key, session=Session(house.clock.now()))
        sealed = house.server.keyset.seal(SecretValue(secret), f"access key {key_id}")
        hashed = hashlib.sha256(token.encode()).digest()
        tx.access_keys.add(AccessKey(principal, sealed, house.clock.now(), expires, hashed))

    house.store.write(add)
    return {"AccessKeyId": key_id, "SecretAccessKey": secret, "SessionToken": token}
