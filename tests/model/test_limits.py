"""Quotas: section I of the API reference."""

from dataclasses import fields
from datetime import UTC, datetime

import pytest

from detent.model.errors import BadParameter, LimitExceeded
from detent.model.limits import Limits
from detent.model.secret import Secret, SecretKey, StagingLabel, VersionId

NOW = datetime(2026, 3, 10, tzinfo=UTC)


def secret(labels: int = 0, tags: int | None = None) -> Secret:
    held = {StagingLabel(str(number)): VersionId("a") for number in range(labels)}
    given = None if tags is None else {str(number): "" for number in range(tags)}
    return Secret(SecretKey(1), "0" * 12, "us-east-1", "s", "arn:s", NOW, NOW, labels=held, tags=given)


def test_the_defaults_are_awss() -> None:
    found = {field.name: field.default for field in fields(Limits)}
    assert found == {"secrets": 500_000, "versions": 100, "labels": 20, "tags": 50, "value_bytes": 65_536}


def test_a_secret_more_than_the_quota_is_refused() -> None:
    Limits(secrets=3).check_secrets(2)
    for found in (3, 4):
        with pytest.raises(LimitExceeded, match=r"^An account can have at most 3 secrets in a region\.$"):
            Limits(secrets=3).check_secrets(found)


@pytest.mark.parametrize(("before", "after"), [(0, 20), (20, 20), (25, 25), (25, 24)])
def test_labels_and_tags_within_the_quota_or_no_more_than_before_are_admitted(before: int, after: int) -> None:
    assert Limits().labelled(secret(labels=after), secret(labels=before)).labels == secret(labels=after).labels
    few = Limits(tags=20)
    assert few.tagged(secret(tags=after), secret(tags=before)).tags == secret(tags=after).tags


@pytest.mark.parametrize(("before", "after"), [(None, 21), (20, 21), (21, 22)])
def test_more_than_the_quota_and_than_before_is_refused(before: int | None, after: int) -> None:
    with pytest.raises(LimitExceeded, match=r"^A secret can have at most 20 staging labels over all its versions\.$"):
        Limits().labelled(secret(labels=after), secret(labels=before or 0))
    with pytest.raises(BadParameter, match=r"^A secret can have at most 20 tags\.$"):
        Limits(tags=20).tagged(secret(tags=after), secret(tags=before))
