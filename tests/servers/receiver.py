"""A real HTTP server that takes webhooks' news and answers probes as a test says."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Received:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """What was received; `status` is what the next request is answered with."""

    url: str = ""
    status: int = 200
    received: list[Received] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None  # called before each answer

    @property
    def types(self) -> list[str]:
        return [one.event["type"].removeprefix("detent.rotation.") for one in self.received]


@contextmanager
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made.received.append(Received(self.command, self.path, dict(self.headers), body))
            made.meanwhile()
            self.send_response(made.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET = _answer  # noqa: N815 - the server's names

        def handle(self) -> None:
            with suppress(ConnectionError):  # whoever posted may be dead by now
                super().handle()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
