"""Posting news to webhooks: in the rotator's process, a few webhooks at a time, each one's news in order.

The signature is that of Standard Webhooks: HMAC-SHA-256 of the id, the second and the body, by the webhook's secret.
"""

import base64
import hashlib
import hmac
import logging
import random
import threading
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from detent.main.outbound import outbound
from detent.main.ways import way
from detent.model.errors import FunctionFailed
from detent.model.value import SecretValue
from detent.runtime.posting import Endpoint, Way
from detent.runtime.telling import TimeOver
from detent.service import news
from detent.service.env import Env, Server
from detent.store.protocol import News, Store, Tx

AT_ONCE: Final = 4
_LOOK_SECONDS: Final = 0.5
_POST_SECONDS: Final = 10.0
_TAKEN: Final = range(200, 300)


class Deliveries:
    """Posts news until told to stop. Several, in one server or in many on one store, do each other no harm."""

    def __init__(self, server: Server, store: Store, certificates: Path | None, lease_seconds: float) -> None:
        """`certificates`: the operator's, trusted besides the system's.

        After a process dies, its webhook waits `lease_seconds` for another, and as long as a post may take.
        """
        self._server, self._store, self._certificates = server, store, certificates
        self._seconds = lease_seconds
        self._way: Way | None = None

    def start(self, stopping: threading.Event) -> list[threading.Thread]:
        """Start the threads, which end after what each is posting."""
        threads = [
            threading.Thread(target=self._post, args=(stopping,), name=f"webhooks-{number}", daemon=True)
            for number in range(AT_ONCE)
        ]
        for thread in threads:
            thread.start()
        return threads

    def _post(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                is_done = self.post_some(stopping)
            except Exception:
                logging.getLogger(__name__).exception("news were not posted, and will be again")
                is_done = False
            if not is_done:
                stopping.wait(_LOOK_SECONDS)

    def post_some(self, stopping: threading.Event | None = None) -> bool:
        """Post to the longest due webhook what waits for it; False: there is none."""
        with self._store.read() as tx:
            if not tx.webhooks.has_due(self._server.clock.now()):
                return False
        lease = timedelta(seconds=self._seconds + _POST_SECONDS)
        claimed = self._store.write(lambda tx: news.claim(self._env(tx), lease))
        if claimed is None:
            return True
        sent, reason = self._sent(claimed, stopping)
        self._store.write(partial(self._settle, claimed, sent, reason))
        return True

    def _sent(self, claimed: news.Claimed, stopping: threading.Event | None) -> tuple[int, str | None]:
        """Post one after another until one fails or the lease nears its end; says how many, and why no more."""
        until = time.monotonic() + self._seconds / 2
        for number, one in enumerate(claimed.news):
            if number and (time.monotonic() > until or (stopping is not None and stopping.is_set())):
                return number, None
            try:
                self._post_one(claimed, one)
            except FunctionFailed as failure:
                return number, str(failure)
        return len(claimed.news), None

    def _post_one(self, claimed: news.Claimed, one: News) -> None:
        self._way = self._way or way(outbound, self._certificates)
        body = one.body.encode()
        second = str(int(self._server.clock.now().timestamp()))
        headers = {
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            "User-Agent": "detent",
            "webhook-id": one.event_id,
            "webhook-timestamp": second,
            "webhook-signature": signature(claimed.signing_secret, one.event_id, second, body),
        }
        endpoint = _endpoint(claimed.webhook.url)
        try:
            answer = self._way.post(endpoint, headers, body, _POST_SECONDS)
        except TimeOver:
            raise FunctionFailed(f"{endpoint} did not answer within {_POST_SECONDS:.0f} seconds") from None
        if answer.status not in _TAKEN:
            raise FunctionFailed(f"{endpoint} answered {answer.status}")

    def _settle(self, claimed: news.Claimed, sent: int, reason: str | None, tx: Tx) -> None:
        news.settle(self._env(tx), claimed, sent, reason, random.random())  # noqa: S311 - it only spreads retries

    def _env(self, tx: Tx) -> Env:
        return self._server.env(tx, self._server.region)


def signature(secret: SecretValue, event_id: str, second: str, body: bytes) -> str:
    """Sign as Standard Webhooks 1.0 has it, by the secret's text."""
    key = str(secret.reveal()).encode()
    signed = hmac.digest(key, b".".join((event_id.encode(), second.encode(), body)), hashlib.sha256)
    return f"v1,{base64.b64encode(signed).decode()}"


def _endpoint(url: str) -> Endpoint:
    try:
        return Endpoint.of(url)
    except ValueError as fault:
        raise FunctionFailed(str(fault)) from None
