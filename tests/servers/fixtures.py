"""The servers as pytest fixtures, started once per session (and per xdist worker) when a test first asks."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from servers.aws import Aws
from servers.canary import Canary
from servers.certificates import Certificates, make_certificates
from servers.detent import RunningDetent, running
from servers.iam import IamTarget
from servers.mariadb import MariadbTarget, start_mariadb
from servers.postgres import PostgresTarget
from servers.table import SERVERS
from servers.target import Target

_OURS = ("detent", "ldap3", "psycopg", "pymysql", "redis", "uvicorn")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def server_of(certificates: Certificates) -> Iterator[Callable[[str], Target]]:
    """Give the running server of a row of the table."""
    with ExitStack() as running:
        yield cache(lambda row: SERVERS[row](running, certificates))


@pytest.fixture(scope="session")
def postgres_from(server_of: Callable[[str], Target]) -> Callable[[str], Target]:
    return lambda source: server_of(f"postgres-{source}")


@pytest.fixture
def iam(server_of: Callable[[str], IamTarget]) -> IamTarget:
    return server_of("iam")


@pytest.fixture(scope="session")
def aws(server_of: Callable[[str], IamTarget]) -> Aws:
    """An account of AWS's, for functions that are packed for it."""
    return Aws(server_of("iam"))


@pytest.fixture(params=["system", "wheel"])
def postgres(request: pytest.FixtureRequest, postgres_from: Callable[[str], PostgresTarget]) -> PostgresTarget:
    """Each test that asks for it runs on the system's PostgreSQL (with TLS) and on the wheel's (without)."""
    return postgres_from(request.param)


@pytest.fixture
def tls_postgres(postgres_from: Callable[[str], PostgresTarget]) -> PostgresTarget:
    """The system's PostgreSQL, which offers TLS with a certificate for ``localhost``."""
    return postgres_from("system")


@pytest.fixture
def plain_postgres(postgres_from: Callable[[str], PostgresTarget]) -> PostgresTarget:
    """The wheel's PostgreSQL, which offers no TLS."""
    return postgres_from("wheel")


@pytest.fixture
def mariadb(server_of: Callable[[str], MariadbTarget]) -> MariadbTarget:
    """A MariaDB, which offers TLS with a certificate for ``localhost``."""
    return server_of("mariadb-tls")


@pytest.fixture(scope="session")
def plain_mariadb(certificates: Certificates) -> Iterator[MariadbTarget]:
    """A MariaDB which offers no TLS."""
    with ExitStack() as running:
        yield start_mariadb(running, certificates, "plain")


@pytest.fixture(scope="session")
def shared_detent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDetent]:
    """One server for all tests that leave it as they found it; give secrets names of their own."""
    with running(tmp_path_factory.mktemp("detent") / "data", "--workers", "2") as server:
        yield server


@pytest.fixture
def detent(shared_detent: RunningDetent, canary: Canary) -> RunningDetent:
    """The shared server, searched for the test's canary afterwards."""
    canary.folders.append(shared_detent.data)
    shared_detent.refusals.clear()
    return shared_detent


@pytest.fixture(autouse=True)
def canary(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[Canary]:
    """Every secret value of a test carries this; it must stand in no log, error, repr or byte of a store."""
    for logger in _OURS:  # not the clients': boto3 writes down what it sends and gets, as it is asked to
        caplog.set_level("DEBUG", logger)
    canary = Canary()
    yield canary
    if "shared_detent" in request.fixturenames:
        server: RunningDetent = request.getfixturevalue("shared_detent")
        canary.texts += [server.log.read_text(), *server.refusals]
    for phase in ("setup", "call", "teardown"):
        for record in caplog.get_records(phase):
            if record.name.split(".")[0] in _OURS:
                canary.texts.append(logging.Formatter().format(record))  # with the traceback, if it has one
    assert canary.sightings() == []
