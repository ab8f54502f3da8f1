"""Endpoints that answer what a real server does seldom or never: as AWS's IAM is documented to, or any JSON."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

Answer = tuple[int, str]  # HTTP status and body; a status of 0 closes the connection without one


def refused(code: str, message: str, status: int = 403) -> Answer:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return status, f'<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">{error}</ErrorResponse>'


def answered(operation: str, result: str = "") -> Answer:
    told = f"<{operation}Result>{result}</{operation}Result>" if result else ""
    return 200, f'<{operation}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/">{told}</{operation}Response>'


def keys(*ids: str, marker: str = "") -> Answer:
    """The page of a list of active keys; with a marker it is not the last one."""
    members = "".join(
        f"<member><UserName>ci</UserName><AccessKeyId>{key}</AccessKeyId><Status>Active</Status>"
        f"<CreateDate>2026-01-0{number}T00:00:00Z</CreateDate></member>"
        for number, key in enumerate(ids, 1)
    )
    more = f"<Marker>{marker}</Marker>" if marker else ""
    listed = f"<IsTruncated>{str(bool(marker)).lower()}</IsTruncated>{more}"
    return answered("ListAccessKeys", f"{listed}<AccessKeyMetadata>{members}</AccessKeyMetadata>")


class CannedIam:
    """``answer`` is asked with the members of a request; ``asked`` keeps them."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[dict[str, str]] = []
        self.answer: Callable[[dict[str, str]], Answer] = lambda _: keys("AKIAIOSFODNN7EXAMPLE")

    def value(self, **changes: Any) -> dict[str, Any]:
        place = {"engine": "iam", "host": "127.0.0.1", "port": self.port, "ssl": False, "username": "ci"}
        return {**place, "aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "canary-key", **changes}


@contextmanager
def canned_iam() -> Iterator[CannedIam]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            members = {name: found[0] for name, found in parse_qs(body).items()}
            iam.asked.append({**members, "Authorization": self.headers["Authorization"]})
            status, text = iam.answer(members)
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Nothing: ``asked`` has it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        iam = CannedIam(server.server_address[1])
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield iam
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def canned_api(status: int, body: str, **headers: str) -> Iterator[int]:
    """Answer every request the same; give the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            for name, text in {"Content-Length": str(len(body.encode())), **headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - the base class's names

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
