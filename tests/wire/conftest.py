import json
from typing import Any
from uuid import uuid4

import pytest
from botocore.config import Config

import detent as package
from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import new_name


@pytest.fixture(scope="session")
def _shared_client(shared_detent: RunningDetent) -> Any:
    return shared_detent.client()  # making one costs more than most tests here


@pytest.fixture
def client(detent: RunningDetent, _shared_client: Any) -> Any:  # noqa: ARG001 - the server, searched afterwards
    """A boto3 client of the shared server."""
    return _shared_client


@pytest.fixture
def unreachable(canary: Canary) -> str:
    """A database secret's value whose server is not there: each step of a rotation fails, and waits to be retried."""
    place = {"engine": "postgres", "host": "127.0.0.1", "port": 1, "username": "app"}
    return json.dumps({**place, "password": canary.value()})


@pytest.fixture
def own_api(detent: RunningDetent) -> Any:
    """A boto3 client of Detent's own API."""
    return _own_client(detent)


@pytest.fixture
def key(own_api: Any) -> dict[str, Any]:
    """A key of this test's own, with an alias."""
    made: dict[str, Any] = own_api.create_key(Alias=f"alias/{uuid4().hex}")
    return made


@pytest.fixture
def name(client: Any) -> str:
    """A secret of this test's own, without a value."""
    name = new_name()
    client.create_secret(Name=name)
    return name


@pytest.fixture
def arn(client: Any, name: str) -> str:
    """The same secret's ARN."""
    arn: str = client.describe_secret(SecretId=name)["ARN"]
    return arn


@pytest.fixture
def elsewhere(detent: RunningDetent) -> Any:
    """A boto3 client of Detent's own API in another region."""
    return _own_client(detent, region_name="eu-central-1")


@pytest.fixture
def unchecked(detent: RunningDetent) -> Any:
    """A boto3 client of Detent's own API that leaves it to the server to check what it sends."""
    return _own_client(detent, config=Config(parameter_validation=False))


def _own_client(detent: RunningDetent, **changed: Any) -> Any:
    access_key, secret_key = detent.credentials
    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key, "region_name": "us-east-1"}
    return package.client(detent.endpoint, **{**keys, **changed})
