"""The verifier that is made here is the one that libpq would make."""

import base64
from collections.abc import Iterator

import psycopg
import pytest

from detent.functions.engines.postgres import scram
from detent.functions.passwords import Password

ASCII = "".join(map(chr, range(32, 127)))


@pytest.fixture
def libpq() -> Iterator[psycopg.pq.abc.PGconn]:
    connection = psycopg.pq.PGconn.connect_start(b"host=127.0.0.1 port=1")  # where nobody answers: none is needed
    yield connection
    connection.finish()


@pytest.mark.parametrize("text", ["x", "'quotes' and \\", "-_.~" * 50, ASCII])
def test_a_verifier_is_what_libpq_makes_with_the_same_salt(libpq: psycopg.pq.abc.PGconn, text: str) -> None:
    libpqs = libpq.encrypt_password(text.encode(), b"app", b"scram-sha-256").decode()
    salt = base64.b64decode(libpqs.split("$")[1].partition(":")[2])
    assert scram.verifier(Password(text), salt) == libpqs


@pytest.mark.parametrize("text", ["pässword", "\u00a0", "\u2168", "\u0007bell"])
def test_a_password_that_saslprep_might_change_is_left_to_libpq(text: str) -> None:
    assert scram.verifier(Password(text), b"salt") is None
