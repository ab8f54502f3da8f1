"""A kept verdict is given again only while everything that it hangs on is the same."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detent.model.judgement import PolicyKind, Source, judge
from detent.model.policy import Ask, Principal
from detent.service import verdicts
from detent.service.documents import DocumentKind, compiled

ACCOUNT = "000000000000"
ARN = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:s-AbCdEf"
CALLER = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", "AKIA", user="ann")


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    verdicts._kept.clear()
    yield
    verdicts._kept.clear()


def source(effect: str = "Allow", **more: object) -> Source:
    statement = {"Effect": effect, "Action": "secretsmanager:Get*", "Resource": "*", **more}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return Source(PolicyKind.IDENTITY, "p", compiled(text, DocumentKind.IDENTITY))


FROM_HOME = source(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})


def may(sources: tuple[Source, ...], action: str = "GetSecretValue", caller: Principal = CALLER, **keys: str) -> bool:
    def context(key: str) -> tuple[str, ...] | None:
        return (keys[key.replace(":", "_")],) if key.replace(":", "_") in keys else None

    return verdicts.verdict(
        caller, Ask(f"secretsmanager:{action}", ARN, caller.account, context=context), sources, None, None
    ).allowed


def test_another_value_of_a_key_that_was_asked_for_is_judged_anew() -> None:
    sources = (FROM_HOME,)
    for address, allowed in (("10.1.1.1", True), ("11.1.1.1", False), ("10.1.1.1", True)):
        assert may(sources, aws_sourceip=address) is allowed
    assert not may(sources)


def test_other_policies_actions_and_callers_are_judged_anew() -> None:
    allowing, denying = (source(),), (source(), source("Deny"))
    assert may(allowing)
    assert not may(denying)
    assert may(allowing)
    assert not may(allowing, "PutSecretValue")
    stranger = Principal("111111111111", "arn:aws:iam::111111111111:user/ann", "AKIB", user="ann")
    assert not verdicts.verdict(
        stranger, Ask("secretsmanager:GetSecretValue", ARN, ACCOUNT), allowing, None, None
    ).allowed


def test_what_is_the_same_is_not_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = (FROM_HOME,)
    assert may(sources, aws_sourceip="10.1.1.1")
    monkeypatch.setattr(verdicts, "judge", lambda *_, **__: pytest.fail("judged again"))
    assert may(sources, aws_sourceip="10.1.1.1")


def test_no_more_than_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "_KEPT", 3)
    sources = (source(),)
    for number in range(10):
        ask = Ask("secretsmanager:GetSecretValue", f"{ARN}{number}", ACCOUNT)
        assert verdicts.verdict(CALLER, ask, sources, None, None).allowed
    assert len(verdicts._kept) <= 3


SOURCES = [(source(),), (FROM_HOME,), (source("Deny", Condition={"StringLike": {"aws:username": "b*"}}), source()), ()]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["10.0.0.1", "9.9.9.9"]), st.sampled_from(["ann", "bob"])))
)
def test_in_any_order_it_says_what_judging_says(asked: list[tuple[int, str, str]]) -> None:
    for which, address, user in asked:
        keys = {"aws:sourceip": (address,), "aws:username": (user,)}
        ask = Ask("secretsmanager:GetSecretValue", ARN, ACCOUNT, context=keys.get)
        assert verdicts.verdict(CALLER, ask, SOURCES[which], None, None) == judge(CALLER, ask, identity=SOURCES[which])
