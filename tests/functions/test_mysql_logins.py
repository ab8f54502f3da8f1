"""How MySQL's driver logs in, on the wire: caching_sha2_password, what is refused, and a MariaDB in MySQL's place."""

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from detent.functions.engines import engine_named
from detent.functions.errors import EngineUnavailable
from detent.functions.values import login_of
from functions.test_mariadb_impostors import CLEAR, DIALOG, OK, Impostor
from servers.certificates import Certificates
from servers.mariadb import MariadbTarget
from servers.target import OLD

SALT = b"saltsaltsaltsaltsalt"
SWITCH = b"\xfecaching_sha2_password\0" + SALT + b"\0"
WHOLE = b"\x01\x04"  # the server does not remember the password: it asks for all of it
REFUSED = b"\xff\xa9\x04#HY000Unknown system variable 'max_execution_time'"


def refusal_of(port: int, host: str = "127.0.0.1", **settings: object) -> str:
    engine = engine_named("mysql")
    place = {"engine": "mysql", "host": host, "port": port, "username": "app", "password": OLD}
    with pytest.raises(EngineUnavailable) as caught:
        engine.connect(login_of({**place, **settings}, engine), lambda: 30.0)
    return str(caught.value)


def test_over_tls_the_password_is_given_to_the_server_that_was_verified(certificates: Certificates) -> None:
    with Impostor(b"caching_sha2_password", SWITCH, WHOLE, OK, OK, REFUSED, tls=certificates) as server:
        assert "no MySQL" in refusal_of(server.port, "localhost", ssl=True, sslrootcert=certificates.ca)
    assert OLD.encode() + b"\0" in server.told
    assert b"max_execution_time" in server.told


def test_without_tls_the_password_goes_under_the_servers_key_only() -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with Impostor(b"caching_sha2_password", SWITCH, WHOLE, b"\x01" + pem, OK, OK, REFUSED) as server:
        assert "no MySQL" in refusal_of(server.port, ssl=False)
    assert OLD.encode() not in server.told
    sealed = server.told[_sealed_at(server.told) :][:256]
    digest = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
    mixed = key.decrypt(sealed, digest)
    assert bytes(byte ^ SALT[at % len(SALT)] for at, byte in enumerate(mixed)) == OLD.encode() + b"\0"


def _sealed_at(told: bytes) -> int:
    """Find the one packet of 256 bytes, behind its head."""
    return told.index((256).to_bytes(3, "little")) + 4


@pytest.mark.parametrize("asked", [CLEAR, DIALOG, b"\xfesha256_password\0saltsaltsaltsaltsalt\0"])
def test_another_way_to_log_in_is_refused_with_the_cure(asked: bytes) -> None:
    with Impostor(b"caching_sha2_password", asked) as server:
        assert "IDENTIFIED WITH caching_sha2_password" in refusal_of(server.port, ssl=False)
    assert OLD.encode() not in server.told


def test_a_mariadb_is_told_from_a_mysql(mariadb: MariadbTarget) -> None:
    value = mariadb.new_value(engine="mysql")
    engine = engine_named("mysql")
    with pytest.raises(EngineUnavailable, match=r"no MySQL of 8\.0\.14 or later"):
        engine.connect(login_of(value, engine), lambda: 30.0)
