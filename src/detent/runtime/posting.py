"""One POST to an HTTP endpoint that speaks Lambda's Invoke: sent once at most, and over before its time.

The address is the one that the outbound rule has checked, and no proxy is asked; TLS is verified for the URL's host.
Only a connection that was not made is tried a second time: what was sent may have run.
"""

import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from detent.model.errors import FunctionFailed
from detent.model.ports import Outbound
from detent.runtime.telling import TimeOver

_CONNECT_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.3  # before the second try to connect
_URL: Final = re.compile(r"[\x21-\x7e]{1,2048}")
_PORTS: Final = {"http": http.client.HTTP_PORT, "https": http.client.HTTPS_PORT}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a URL leads to."""

    host: str
    port: int
    path: str  # with the query
    tls: bool

    @classmethod
    def of(cls, url: str) -> Self:
        """Take a URL apart. Raises ValueError, whose text says what is wrong with it."""
        if not _URL.fullmatch(url):
            raise ValueError("its URL must be printable ASCII without spaces, at most 2048 characters")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("its URL has no valid host and port") from None
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("its URL must begin with https://HOST or http://HOST")
        if "@" in parts.netloc:
            raise ValueError(
                "its URL must hold no user and password: everybody who may see the function would see them"
            )
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.hostname, port or _PORTS[parts.scheme], path, parts.scheme == "https")

    def __str__(self) -> str:
        """Name it in an error: without the path, which may hold a key."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `is_cut`: there was more than may be, and it was not read to its end."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Way:
    """How an endpoint is reached: by the one outbound rule, trusting which CAs; and how long an answer may be."""

    outbound: Outbound
    tls: ssl.SSLContext
    most: int  # bytes

    def post(self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes, seconds: float) -> Answer:
        """Send and wait, at most so many seconds. Raises TimeOver, FunctionFailed."""
        return self.send("POST", endpoint, headers, body, seconds)

    def send(
        self, method: str, endpoint: Endpoint, headers: Mapping[str, str], body: bytes | None, seconds: float
    ) -> Answer:
        """Do the same with any of HTTP's methods."""
        connection = _Connection(endpoint, self, seconds)
        try:
            connection.reach()
            return connection.exchange(method, headers, body)
        except (OSError, http.client.HTTPException) as error:
            if connection.is_over or isinstance(error, TimeoutError):
                raise TimeOver from None
            raise FunctionFailed(
                f"{endpoint} closed the connection before its whole answer: whether the function ran is not known"
            ) from None
        finally:
            connection.end()


class _Connection(http.client.HTTPConnection):
    """A connection that is cut when its time is over, however slowly the other side answers."""

    def __init__(self, endpoint: Endpoint, way: Way, seconds: float) -> None:
        super().__init__(endpoint.host, endpoint.port)
        self.default_port = _PORTS["https" if endpoint.tls else "http"]  # of which the Host header says nothing
        self._endpoint, self._way = endpoint, way
        self._deadline = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._deadline

    def reach(self) -> None:
        """Connect; once more if that fails. Raises FunctionFailed, TimeOver."""
        try:
            self._try()
        except _NotReached:
            time.sleep(_PAUSE_SECONDS)
            try:
                self._try()
            except _NotReached as reason:
                raise FunctionFailed(str(reason)) from None

    def exchange(self, method: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        self.request(method, self._endpoint.path, body, {**headers, "Connection": "close"})
        with self.getresponse() as response:
            read = response.read(self._way.most + 1)
            is_cut = len(read) > self._way.most
            if self.is_over or (response.length and not is_cut):  # ended early, which http.client lets pass
                raise http.client.IncompleteRead(read, response.length)
            return Answer(response.status, response.headers, read, is_cut)

    def end(self) -> None:
        self._timer.cancel()
        self.close()

    def _try(self) -> None:
        try:
            self.connect()
        except ssl.SSLCertVerificationError as error:
            raise FunctionFailed(
                f"the certificate of {self._endpoint} is not accepted: {error.verify_message}"
            ) from None
        except OSError as error:
            self.close()
            if self.is_over:
                raise TimeOver from None
            raise _NotReached(f"{self._endpoint} cannot be connected to: {error.strerror or error}") from None

    def connect(self) -> None:
        left = max(0.001, min(_CONNECT_SECONDS, self._left()))
        address = self._way.outbound(self.host, self.port, left)
        if not self._endpoint.tls and not ipaddress.ip_address(address).is_private:
            raise FunctionFailed(f"{self._endpoint} is beyond the own network: there an https:// URL is needed")
        self.sock = socket.create_connection((address, self.port), left)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._endpoint.tls:
            wrapped = self._way.tls.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock = wrapped  # so that it can be cut in the middle of the handshake
            wrapped.do_handshake()
        self.sock.settimeout(max(0.001, self._left()))

    def _left(self) -> float:
        return self._deadline - time.monotonic()

    def _cut(self) -> None:
        if self.sock is not None:
            with suppress(OSError):
                # Not SSLSocket's own, which would take the TLS state from under the thread that reads.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class _NotReached(Exception):
    """No connection was made, and nothing was sent."""
