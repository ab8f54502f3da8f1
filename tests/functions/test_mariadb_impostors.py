"""Servers that are no MariaDB, or ask for what they must not have."""

import socket
import ssl
import threading
from contextlib import suppress
from typing import Any, Self

import pytest

from detent.functions.engines import engine_named
from detent.functions.errors import EngineUnavailable
from detent.functions.values import login_of
from servers.certificates import Certificates
from servers.target import OLD

OK = b"\x00\x00\x00\x02\x00\x00\x00"


def packet(number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


def greeting(plugin: bytes, *, tls: bool) -> bytes:
    abilities = 0x00088200 | 0x200 | 0x8000 | (0x800 if tls else 0)
    low, high = abilities.to_bytes(4, "little")[:2], abilities.to_bytes(4, "little")[2:]
    head = b"\x0a5.5.5-10.11.0-MariaDB\0" + bytes(4) + b"saltsalt\0" + low + b"\x2d\x02\x00" + high
    return head + b"\x15" + bytes(10) + b"saltsaltsalt\0" + plugin + b"\0"


class Impostor:
    """Greets, answers each packet of the client by the next of the script, and keeps what it was told."""

    def __init__(self, plugin: bytes, *script: bytes, tls: Certificates | None = None) -> None:
        self.told = b""
        self._script = script
        self._greeting = greeting(plugin, tls=tls is not None)
        self._tls = tls
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._door.close()

    def _serve(self) -> None:
        guest, _ = self._door.accept()
        guest.settimeout(5)
        guest.sendall(packet(0, self._greeting))
        if self._tls:
            guest.recv(36)  # the request to go on in TLS
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._tls.server, self._tls.server_key)
            guest = context.wrap_socket(guest, server_side=True)
        with guest, suppress(OSError):  # the client may end whenever it likes
            for answer in (*self._script, b""):
                said = guest.recv(4096)
                self.told += said
                if said and answer:
                    guest.sendall(packet(said[3] + 1, answer))


CLEAR = b"\xfemysql_clear_password\0"
DIALOG = b"\xfedialog\0\x02Password: "


REFUSED = b"\xff\xa9\x04#HY000Unknown system variable 'max_statement_time'"  # 1193, as MySQL says it


def refusal_of(impostor: Impostor, **settings: Any) -> str:
    place = {"engine": "mariadb", "host": "127.0.0.1", "port": impostor.port}
    engine = engine_named("mariadb")
    login = login_of({**place, "username": "app", "password": OLD, **settings}, engine)
    with pytest.raises(EngineUnavailable) as caught:
        engine.connect(login, lambda: 30.0)
    return str(caught.value)


@pytest.mark.parametrize("asked", [CLEAR, DIALOG, b"\xfesha256_password\0saltsaltsaltsaltsalt\0"])
def test_a_server_that_asks_for_the_password_itself_does_not_get_it(asked: bytes) -> None:
    with Impostor(b"mysql_native_password", asked) as impostor:
        assert "the password would be sent" in refusal_of(impostor, ssl=False)
    assert b"app" in impostor.told
    assert OLD.encode() not in impostor.told


def test_a_greeting_over_tls_that_asks_for_the_password_itself_does_not_get_it(certificates: Certificates) -> None:
    with Impostor(b"sha256_password", CLEAR, tls=certificates) as impostor:
        assert "the password would be sent" in refusal_of(impostor, sslmode="require")
    assert b"app" in impostor.told
    assert OLD.encode() not in impostor.told


def test_a_server_that_speaks_the_protocol_and_is_no_mariadb_is_told_so() -> None:
    with Impostor(b"mysql_native_password", OK, OK, REFUSED) as impostor:
        assert "no MariaDB" in refusal_of(impostor, ssl=False)
    assert b"max_statement_time" in impostor.told


def test_what_speaks_another_protocol_is_an_unavailable_engine() -> None:
    with Impostor(b"", OK) as impostor:
        impostor._greeting = b"-ERR unknown command"
        assert "not usable" in refusal_of(impostor, ssl=False)
