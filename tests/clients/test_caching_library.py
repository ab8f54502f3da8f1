"""AWS's own Python caching library, unmodified, reading through a rotation on a real PostgreSQL."""

import json
from typing import Any

import pytest
from aws_secretsmanager_caching import SecretCache, SecretCacheConfig

from servers.canary import Canary
from servers.detent import RunningDetent
from servers.postgres import PostgresTarget
from wire.test_main_job import Rotating


@pytest.fixture
def rotating(detent: RunningDetent, plain_postgres: PostgresTarget, canary: Canary) -> Rotating:
    return Rotating(detent, plain_postgres, canary)


def rotate(rotating: Rotating) -> str:
    outcome = rotating.outcome(rotating.rotate())
    assert outcome["State"] == "succeeded", outcome
    return str(rotating.stored()["password"])


def password(cache: Any, secret: str, **which: str) -> str:
    return str(json.loads(cache.get_secret_string(secret, **which))["password"])


def test_a_cached_value_holds_until_it_is_refreshed_and_is_then_the_new_one(rotating: Rotating) -> None:
    cache = SecretCache(client=rotating.client)
    assert password(cache, rotating.arn) == rotating.first
    new = rotate(rotating)
    assert password(cache, rotating.arn) == rotating.first  # an hour, unless told otherwise
    cache.refresh_secret_now(rotating.arn)
    assert password(cache, rotating.arn) == new
    assert rotating.logs_in(new)


def test_a_cache_that_never_keeps_always_has_the_current_value(rotating: Rotating) -> None:
    cache = SecretCache(SecretCacheConfig(secret_refresh_interval=0), client=rotating.client)
    for _ in range(2):
        before = password(cache, rotating.arn)
        new = rotate(rotating)
        assert password(cache, rotating.arn) == new != before


def test_the_previous_value_is_read_by_its_label(rotating: Rotating) -> None:
    rotate(rotating)
    cache = SecretCache(client=rotating.client)
    assert password(cache, rotating.arn, version_stage="AWSPREVIOUS") == rotating.first
