"""A small HTTP server, plain or over TLS, that a script answers; what the script does not know is noted."""

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from servers.certificates import Certificates

Answer = tuple[int, str]  # HTTP status and body; a status of 0 closes the connection without one


def at(method: str, pattern: str) -> Callable[[Any], Any]:
    """Mark a script's method as the answer to a request; the pattern must match all of the path and query."""

    def mark(answer: Any) -> Any:
        answer.request = (method, re.compile(pattern))
        return answer

    return mark


class Script:
    """What a server knows. ``fails`` are answers given instead, by the beginning of ``METHOD path``."""

    def __init__(self) -> None:
        self.unknown: list[str] = []
        self.written: list[str] = []
        self.fails: dict[str, Answer] = {}

    def answer(self, method: str, path: str, headers: Any, body: str) -> Answer:
        self.written.append(f"{method} {path}")
        for start, instead in self.fails.items():
            if f"{method} {path}".startswith(start):
                return instead
        for name in dir(type(self)):
            found = getattr(self, name)
            wanted = getattr(found, "request", None)
            match = wanted[1].fullmatch(path) if wanted and wanted[0] == method else None
            if match:
                reply: Answer = found(headers, body, *match.groups())
                return reply
        self.unknown.append(f"{method} {path}")
        return 404, "{}"


@contextmanager
def served(script: Script, tls: Certificates | None = None) -> Iterator[int]:
    """Serve it on a free port."""
    with _Server(("127.0.0.1", 0), _handler(script)) as server:
        if tls:
            server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.tls.load_cert_chain(tls.server, tls.server_key)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        with suppress(OSError):
            if self.tls is None:
                super().finish_request(request, client_address)
                return
            with self.tls.wrap_socket(request, server_side=True) as secure:
                super().finish_request(secure, client_address)  # type: ignore[arg-type]  # a socket too


def _handler(script: Script) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            status, text = script.answer(self.command, self.path, self.headers, body)
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def do_GET(self) -> None:
            self.do_POST()

        def do_DELETE(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            """Nothing: the script has it."""

    return Handler
