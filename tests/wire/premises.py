"""A house in this process: its ASGI app called without a socket, its clock and functions the test's own."""

import asyncio
import configparser
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from detent.api.app import App
from detent.main.folder import Folder
from detent.main.house import House, Runners
from detent.main.settings import Settings
from detent.rotation.invoker import Function
from wire.raw import Headers, RawClient, Told

ENDPOINT = "http://127.0.0.1:7373"


class SetClock:
    """Stands still until a test moves it."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def advance(self, **span: float) -> None:
        self.moment += timedelta(**span)


@dataclass(repr=False)
class AppClient(RawClient):
    """Sends to an app in this process."""

    app: App = field(init=False)
    loop: asyncio.Runner = field(init=False)
    clock: SetClock = field(init=False)

    def call(self, operation: str, members: Mapping[str, Any] | bytes = b"{}", **changed: Any) -> Told:
        body = members if isinstance(members, bytes) else json.dumps(members).encode()
        return self.send(self.signed(f"{self.service}.{operation}", body, at=self.clock.now(), **changed), body)

    def send(self, headers: Any, body: bytes, method: str = "POST", path: str = "/") -> Told:
        told = self.loop.run(ask(self.app, headers, body, method, path))
        if told.status != 200:
            self.told.append(told.body.decode())
        return told


async def ask(app: App, headers: Headers, body: bytes, method: str = "POST", path: str = "/") -> Told:
    """Give the app one request, in two pieces, as a server would."""
    place = urlsplit(path)
    scope = {
        "type": "http",
        "method": method,
        "path": place.path,
        "raw_path": place.path.encode("latin-1"),
        "query_string": place.query.encode("latin-1"),
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1").strip()) for name, value in headers],
        "client": ("127.0.0.1", 1),
    }
    half = len(body) // 2
    pieces = iter(
        (
            {"type": "http.request", "body": body[:half], "more_body": True},
            {"type": "http.request", "body": body[half:], "more_body": False},
        )
    )
    sent: list[Any] = []

    async def receive() -> Any:
        return next(pieces)

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, end = sent
    heads = {name.decode(): value.decode() for name, value in start["headers"]}
    return Told(start["status"], heads, end["body"])


@dataclass(repr=False)
class Premises:
    """The house, and a client of its root."""

    house: House
    clock: SetClock
    client: AppClient

    def drive(self) -> None:
        """Run what is due now, as the rotator would."""
        claimed = self.house.store.write(lambda tx: tx.rotations.claim_due("test", 60.0, 10))
        for rotation in claimed:
            self.house.runner().drive(rotation, lambda: True)


@contextmanager
def premises(
    folder: Path,
    functions: Mapping[str, Function] | None = None,
    moment: datetime | None = None,
    runners: Runners | None = None,
    **changed: Any,
) -> Iterator[Premises]:
    clock = SetClock(moment or datetime(2026, 3, 10, 12, 0, tzinfo=UTC))
    settings = Settings(folder, jitter_seconds=0, **changed)
    house = House(settings, Folder(folder).open(), functions or {}, clock, runners=runners)
    house.folder.initialise(house.server, house.store)
    keys = configparser.RawConfigParser()
    keys.read(house.folder.credentials)
    client = AppClient(ENDPOINT, keys["default"]["aws_access_key_id"], keys["default"]["aws_secret_access_key"])
    with asyncio.Runner() as loop:
        client.app, client.loop, client.clock = App(house.server, house.store), loop, clock
        yield Premises(house, clock, client)
    house.close()
