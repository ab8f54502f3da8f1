"""Users, roles and access keys as the wire's tests make them."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from detent.service import access
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
        """Whoever has the key that CreateAccessKey answered."""
        keys = {"access_key": made["AccessKeyId"], "secret_key": made["SecretAccessKey"]}
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
