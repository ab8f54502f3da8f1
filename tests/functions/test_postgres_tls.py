"""TLS of the postgres engine: verified, explicit, never a silent plaintext."""

from contextlib import closing
from typing import Any

import pytest

from detent.functions.engines import engine_named
from detent.functions.engines.postgres import PostgresSession
from detent.functions.errors import EngineUnavailable
from detent.functions.tls import tls_mode
from functions.stories import new_user
from servers.certificates import Certificates
from servers.postgres import PostgresTarget

OLD = "canary-current-password"


def is_encrypted(target: PostgresTarget, **settings: Any) -> bool:
    engine = engine_named("postgres")
    with closing(engine.connect(target.login(new_user(target, OLD), OLD, **settings), lambda: 30.0)) as session:
        assert isinstance(session, PostgresSession)
        return bool(session._connection.pgconn.ssl_in_use)


def refusal(target: PostgresTarget, **settings: Any) -> EngineUnavailable:
    with pytest.raises(EngineUnavailable) as caught:
        is_encrypted(target, **settings)
    return caught.value


def test_the_own_ca_in_the_secret_verifies_the_server(tls_postgres: PostgresTarget, certificates: Certificates) -> None:
    assert is_encrypted(tls_postgres, host="localhost", ssl=True, sslrootcert=certificates.ca)


def test_an_own_ca_asks_for_verification_on_loopback_too(
    tls_postgres: PostgresTarget, plain_postgres: PostgresTarget, certificates: Certificates
) -> None:
    assert is_encrypted(tls_postgres, host="localhost", sslrootcert=certificates.ca)
    assert "offers no TLS" in str(refusal(plain_postgres, host="localhost", sslrootcert=certificates.ca))


def test_a_certificate_for_another_name_is_refused_with_the_cure(
    tls_postgres: PostgresTarget, certificates: Certificates
) -> None:
    error = refusal(tls_postgres, host="127.0.0.1", ssl=True, sslrootcert=certificates.ca)
    assert "is for another name" in str(error)
    assert '"sslmode": "verify-ca"' in str(error)
    assert error.mode == "verify-full"


def test_verify_ca_takes_a_certificate_for_another_name(
    tls_postgres: PostgresTarget, certificates: Certificates
) -> None:
    assert is_encrypted(tls_postgres, host="127.0.0.1", sslmode="verify-ca", sslrootcert=certificates.ca)


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_ca_that_did_not_sign_is_refused_with_the_cure(
    tls_postgres: PostgresTarget, certificates: Certificates, mode: str
) -> None:
    error = refusal(tls_postgres, host="localhost", sslmode=mode, sslrootcert=certificates.stranger)
    assert "certificate was not accepted" in str(error)
    assert '"sslrootcert"' in str(error)


def test_the_system_cas_do_not_know_a_private_server(tls_postgres: PostgresTarget) -> None:
    assert "certificate was not accepted" in str(refusal(tls_postgres, host="localhost", ssl=True))


def test_a_ca_that_is_no_certificate_inside_is_an_unavailable_engine(tls_postgres: PostgresTarget) -> None:
    broken = "-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----\n"
    assert "certificate was not accepted" in str(refusal(tls_postgres, host="localhost", sslrootcert=broken))


@pytest.mark.parametrize("settings", [{"ssl": True}, {"sslmode": "require"}, {"sslmode": "verify-full"}])
def test_a_server_without_tls_is_refused_and_the_cure_named(
    plain_postgres: PostgresTarget, settings: dict[str, Any]
) -> None:
    error = refusal(plain_postgres, **settings)
    assert "offers no TLS" in str(error)
    assert '"ssl": false' in str(error)


def test_require_encrypts_without_verifying(tls_postgres: PostgresTarget) -> None:
    assert is_encrypted(tls_postgres, sslmode="require")


def test_on_loopback_tls_is_taken_when_offered(tls_postgres: PostgresTarget, plain_postgres: PostgresTarget) -> None:
    assert is_encrypted(tls_postgres)
    assert not is_encrypted(plain_postgres)


@pytest.mark.parametrize("settings", [{"ssl": False}, {"ssl": "false"}, {"sslmode": "disable"}])
def test_ssl_false_is_plaintext(tls_postgres: PostgresTarget, settings: dict[str, Any]) -> None:
    assert not is_encrypted(tls_postgres, **settings)


@pytest.mark.parametrize(
    ("value", "loopback", "mode"),
    [
        ({}, False, "verify-full"),
        ({}, True, "prefer"),
        ({"ssl": None}, False, "verify-full"),
        ({"ssl": True}, True, "verify-full"),
        ({"ssl": "TRUE"}, True, "verify-full"),
        ({"ssl": False}, False, "disable"),
        ({"ssl": True, "sslmode": "require"}, False, "require"),
        ({"sslmode": "disable"}, False, "disable"),
        ({"sslrootcert": "PEM"}, True, "verify-full"),
    ],
)
def test_the_mode_is_what_the_secret_says_else_verified(value: dict[str, Any], loopback: bool, mode: str) -> None:
    assert tls_mode(value, loopback=loopback) == mode
