"""The operator's certificates, where AWS has its own."""

import http.server
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.workshop import Workshop
from servers.certificates import Certificates

FIXED = "/etc/pki/tls/cert.pem"
READS = f"def handler(event, context): return open({FIXED!r}).read()"
CONNECTS = f"""
    import ssl, urllib.request
    def handler(event, context):
        trusted = ssl.create_default_context(cafile={FIXED!r}) if event["fixed"] else None
        return urllib.request.urlopen(event["url"], context=trusted).status
    """


@pytest.fixture
def operators(tmp_path: Path, certificates: Certificates) -> Path:
    path = tmp_path / "ca.pem"
    path.write_text(certificates.ca)
    return path


@pytest.fixture
def https(certificates: Certificates) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"https://localhost:{server.server_port}/"
        server.shutdown()


def test_the_bundle_at_awss_path_has_the_systems_and_the_operators(
    make_workshop: Callable[..., Workshop], operators: Path, certificates: Certificates
) -> None:
    workshop = make_workshop(confinement="bubblewrap", certificates=operators)
    function = workshop.function(READS)
    bundle = workshop.invoke(function).value
    assert certificates.ca in bundle
    assert bundle.count("BEGIN CERTIFICATE") > 50
    assert workshop.runtime.warning(function) is None


@pytest.mark.parametrize("fixed", [True, False], ids=["by the fixed path", "by default"])
def test_a_function_verifies_a_server_by_them(
    make_workshop: Callable[..., Workshop], operators: Path, https: str, *, fixed: bool
) -> None:
    workshop = make_workshop(confinement="bubblewrap", certificates=operators)
    assert workshop.invoke(workshop.function(CONNECTS), {"url": https, "fixed": fixed}).value == 200


def test_without_the_operators_only_the_systems_count(make_workshop: Callable[..., Workshop], https: str) -> None:
    workshop = make_workshop(confinement="bubblewrap")
    told = workshop.invoke(workshop.function(CONNECTS), {"url": https, "fixed": True}).failure
    assert "certificate verify failed" in told["errorMessage"]


def test_sdks_are_told_of_the_operators_certificates(make_workshop: Callable[..., Workshop], operators: Path) -> None:
    source = "import os\ndef handler(event, context): return [os.environ.get(name) for name in event]"
    names = ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"]
    with_own = make_workshop(confinement="bubblewrap", certificates=operators)
    assert with_own.invoke(with_own.function(source), names).value == [FIXED] * 3
    without = make_workshop(confinement="bubblewrap")
    assert without.invoke(without.function(source), names).value == [None] * 3


@pytest.mark.skipif(Path(FIXED).exists(), reason="this host has certificates where AWS has them")
def test_where_they_cannot_be_placed_the_function_says_so(
    make_workshop: Callable[..., Workshop], operators: Path
) -> None:
    workshop = make_workshop(confinement="unconfined", certificates=operators)
    function = workshop.function(
        "import os\ndef handler(event, context): return open(os.environ['SSL_CERT_FILE']).read()"
    )
    warning = workshop.runtime.warning(function)
    assert warning
    assert warning.startswith(f"WARNING: {FIXED} is missing on this host")
    answer = workshop.invoke(function)
    assert f"\n{warning}\n" in answer.log
    assert operators.read_text() in answer.value
    assert warning not in workshop.invoke(function).log
