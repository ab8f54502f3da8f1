"""The TLS contexts of engines whose drivers use Python's TLS; what they do on a server, each engine's tests show."""

import ssl

import pytest

from detent.functions.errors import EngineUnavailable
from detent.functions.tls import context_for
from servers.certificates import Certificates


@pytest.mark.parametrize(
    ("mode", "verified", "named"),
    [
        ("prefer", ssl.CERT_NONE, False),
        ("require", ssl.CERT_NONE, False),
        ("verify-ca", ssl.CERT_REQUIRED, False),
        ("verify-full", ssl.CERT_REQUIRED, True),
    ],
)
def test_each_mode_verifies_what_it_says(mode: str, verified: ssl.VerifyMode, named: bool) -> None:
    context = context_for({}, mode)
    assert (context.verify_mode, context.check_hostname) == (verified, named)


def test_an_own_ca_makes_require_verify_by_it_alone(certificates: Certificates) -> None:
    context = context_for({"sslrootcert": certificates.ca}, "require")
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, False)
    assert [dict(field[0] for field in one["subject"]) for one in context.get_ca_certs()] == [
        {"commonName": "Detent test CA"}
    ]


def test_the_same_wishes_share_one_context_and_others_do_not(certificates: Certificates) -> None:
    assert context_for({"password": "a"}, "verify-full") is context_for({"password": "b"}, "verify-full")
    own = context_for({"sslrootcert": certificates.ca}, "verify-full")
    assert own is not context_for({}, "verify-full")
    assert own is not context_for({"sslrootcert": certificates.stranger}, "verify-full")


@pytest.mark.parametrize("inside", ["not base64", "äöü"])
def test_a_ca_that_cannot_be_read_is_an_unavailable_engine(inside: str) -> None:
    broken = f"-----BEGIN CERTIFICATE-----\n{inside}\n-----END CERTIFICATE-----\n"
    with pytest.raises(EngineUnavailable, match='"sslrootcert"'):
        context_for({"sslrootcert": broken}, "verify-full")
