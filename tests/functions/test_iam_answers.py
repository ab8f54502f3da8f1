"""What the engine iam makes of the answers of AWS that moto's server never gives, and of what is no IAM at all."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from detent.functions.engines import iam as engine
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, NoRoom
from detent.functions.values import login_of
from servers.canned import Answer, CannedIam, answered, canned_iam, keys, refused
from servers.certificates import Certificates
from servers.iam import start_moto

OWN = "AKIAIOSFODNN7EXAMPLE"
ANOTHER = "AKIAI44QH8DHBEXAMPLE"


@pytest.fixture
def canned() -> Iterator[CannedIam]:
    with canned_iam() as server:
        yield server


def connect(value: dict[str, Any], seconds: float = 30) -> Any:
    return engine.connect(login_of(value, engine), lambda: seconds)


REJECTED = [
    (refused("InvalidClientTokenId", "The security token included in the request is invalid."), "no such access key"),
    (refused("SignatureDoesNotMatch", "The request signature we calculated does not match"), "wrong secret access key"),
    (refused("NoSuchEntity", "The user with name ci cannot be found.", 404), "there is no user 'ci' in its account"),
    (
        refused("AccessDenied", "User: arn:aws:iam::1:user/a/b/eve is not authorized to perform: iam:ListAccessKeys"),
        "it is of user 'eve'",
    ),
    (keys(ANOTHER), "it is none of user 'ci'"),
    (keys(), "it is none of user 'ci'"),
]
UNAVAILABLE = [
    (refused("Throttling", "Rate exceeded", 400), r"does not serve this now \(Throttling: Rate exceeded\)"),
    (refused("ServiceFailure", "An internal error", 500), "does not serve this now"),
    (refused("SignatureDoesNotMatch", "Signature expired: 20260101T000000Z is now earlier than"), "clock is wrong"),
    (refused("SignatureDoesNotMatch", "Signature not yet current: 2026"), "clock is wrong"),
    (
        refused("SignatureDoesNotMatch", "Credential should be scoped to a valid region, not 'eu-west-1'."),
        'correct "region" in the secret',
    ),
    (
        refused("AccessDenied", "User: arn:aws:iam::1:user/ops/ci is not authorized to perform: iam:ListAccessKeys"),
        r"allow iam:ListAccessKeys on arn:aws:iam::\*:user/ci",
    ),
    (refused("OptInRequired", "You are not signed up"), "the server said: OptInRequired: You are not signed up"),
    ((200, "<html>It works!</html>"), "not IAM: check host and port"),
    ((200, "It works!"), "not IAM: check host and port"),
    ((404, "<html>Not found</html>"), "not IAM: check host and port"),
    ((503, ""), "does not serve this now"),
    ((0, ""), "the connection was lost"),
]


@pytest.mark.parametrize(("answer", "said"), REJECTED)
def test_answers_that_blame_the_key(canned: CannedIam, answer: Answer, said: str) -> None:
    canned.answer = lambda _: answer
    with pytest.raises(LoginRejected, match=said) as caught:
        connect(canned.value())
    assert caught.value.mode == "disable"
    assert caught.value.__context__ is None
    assert len(canned.asked) == 1  # an attempt counts once


@pytest.mark.parametrize(("answer", "said"), UNAVAILABLE)
def test_answers_that_blame_nobody(canned: CannedIam, answer: Answer, said: str) -> None:
    canned.answer = lambda _: answer
    with pytest.raises(EngineUnavailable, match=said) as caught:
        connect(canned.value())
    assert caught.value.mode == "disable"
    assert caught.value.__context__ is None
    assert len(canned.asked) == 1


def test_a_list_is_read_to_its_last_page(canned: CannedIam) -> None:
    pages = {"": keys(ANOTHER, marker="second page"), "second page": keys(OWN)}
    canned.answer = lambda asked: pages[asked.get("Marker", "")]
    with closing(connect(canned.value())) as session:
        session.ping()
    assert [asked.get("Marker") for asked in canned.asked] == [None, "second page"] * 2


def test_requests_are_signed_for_the_region_that_the_secret_names(canned: CannedIam) -> None:
    for settings, region in (({}, "us-east-1"), ({"region": "cn-north-1"}, "cn-north-1")):
        connect(canned.value(**settings)).close()
        assert f"/{region}/iam/aws4_request" in canned.asked[-1]["Authorization"]


def issuing(answers: dict[str, Answer]) -> Any:
    usual = {
        "ListAccessKeys": keys(OWN),
        "ListUserTags": answered("ListUserTags", "<IsTruncated>false</IsTruncated><Tags></Tags>"),
        "TagUser": answered("TagUser"),
        "UntagUser": answered("UntagUser"),
    }
    return lambda asked: {**usual, **answers}[asked["Action"]]


@pytest.mark.parametrize(
    ("answers", "error", "said"),
    [
        ({"CreateAccessKey": refused("AccessDenied", "not authorized")}, ChangeRefused, "it needs iam:"),
        ({"TagUser": refused("LimitExceeded", "Cannot exceed quota for TagsPerUser: 50", 409)}, NoRoom, "TagsPerUser"),
        ({"TagUser": refused("ConcurrentModification", "again", 409)}, EngineUnavailable, "does not serve this now"),
        ({"TagUser": refused("InvalidClientTokenId", "gone")}, EngineUnavailable, "no such access key"),
        ({"ListUserTags": refused("InvalidInput", "what?", 400)}, ChangeRefused, "InvalidInput: what?"),
    ],
)
def test_a_key_that_is_not_made_is_announced_no_longer(
    canned: CannedIam, answers: dict[str, Answer], error: type[Exception], said: str
) -> None:
    canned.answer = issuing(answers)
    with closing(connect(canned.value())) as session, pytest.raises(error, match=said):
        session.issue_key("ci", "mark")
    done = [asked["Action"] for asked in canned.asked]
    assert done.count("UntagUser") == done.count("CreateAccessKey")


def test_where_iam_does_not_list_a_key_yet_that_leaves_no_room_the_announcement_stays(canned: CannedIam) -> None:
    canned.answer = issuing({"CreateAccessKey": refused("LimitExceeded", "AccessKeysPerUser: 2", 409)})
    with closing(connect(canned.value())) as session, pytest.raises(NoRoom, match="AccessKeysPerUser"):
        session.issue_key("ci", "mark")
    assert [asked["Action"] for asked in canned.asked][-2:] == ["TagUser", "CreateAccessKey"]


def test_a_key_revoked_that_iam_still_lists_is_not_counted(canned: CannedIam) -> None:
    made = "<AccessKey><UserName>ci</UserName><AccessKeyId>AKIANEW0NEW0NEW0</AccessKeyId><Status>Active</Status>"
    new = answered("CreateAccessKey", f"{made}<SecretAccessKey>canary-new</SecretAccessKey></AccessKey>")
    gone = answered("DeleteAccessKey")
    canned.answer = issuing({"ListAccessKeys": keys(OWN, ANOTHER), "DeleteAccessKey": gone, "CreateAccessKey": new})
    with closing(connect(canned.value())) as session:
        session.revoke_key("ci", ANOTHER)
        assert [key.id for key in session.keys("ci")] == [OWN]
        assert session.issue_key("ci", "mark of #1").id == "AKIANEW0NEW0NEW0"
    tags = [asked["Tags.member.1.Value"] for asked in canned.asked if asked["Action"] == "TagUser"]
    assert tags[0].startswith("mark-of--1 ")
    assert tags[0].endswith(f" {OWN}")
    assert tags[1] == "detent mark-of--1"


def test_a_request_ends_with_the_time_that_is_left(canned: CannedIam) -> None:
    left = [30.0]
    session = engine.connect(login_of(canned.value(), engine), lambda: left[0])
    canned.answer = lambda _: time.sleep(2) or keys(OWN)
    left[0] = 1.0
    begun = time.monotonic()
    with closing(session), pytest.raises(EngineUnavailable, match="no answer in time"):
        session.ping()
    assert time.monotonic() - begun < 1.5
    left[0] = 0.1
    with pytest.raises(EngineUnavailable, match="no time is left"):
        session.ping()


# Where and how it connects


def test_nothing_of_the_environment_but_a_ca_says_how_to_connect(
    canned: CannedIam, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, setting in {
        "AWS_PROFILE": "nobody's",
        "AWS_CONFIG_FILE": "/dev/zero/none",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL_IAM": "http://127.0.0.1:9",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_DEFAULT_REGION": "no where",
        "AWS_DEFAULTS_MODE": "auto",
        "AWS_MAX_ATTEMPTS": "5",
        "AWS_ACCESS_KEY_ID": ANOTHER,
        "AWS_SESSION_TOKEN": "token",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, setting)
    engine.access._botocore.cache_clear()
    connect(canned.value()).close()
    assert f"Credential={OWN}/" in canned.asked[0]["Authorization"]


@pytest.mark.parametrize("host", ["192.0.2.1", "10.0.0.1"])
def test_plain_http_beyond_loopback_is_refused_before_anything_is_sent(canned: CannedIam, host: str) -> None:
    with pytest.raises(EngineUnavailable, match="plain HTTP is spoken to loopback only"):
        connect(canned.value(host=host))


def test_loopback_is_spoken_to_at_the_address_that_was_checked(canned: CannedIam) -> None:
    connect(canned.value(host="localhost")).close()
    with pytest.raises(EngineUnavailable, match=r"nothing listens|no answer"):
        connect(canned.value(host="::1"), seconds=3)


def test_https_is_verified_and_plain_http_never_a_way_out(
    certificates: Certificates, canned: CannedIam, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = tmp_path / "ca.pem"
    with ExitStack() as running:
        port, log = start_moto(running, certificates)
        value = canned.value(port=port, host="localhost")
        del value["ssl"]
        for trusted in (None, certificates.stranger):
            if trusted:
                ca.write_text(trusted)
                monkeypatch.setenv("AWS_CA_BUNDLE", str(ca))
            with pytest.raises(EngineUnavailable, match="TLS failed") as caught:
                connect(value)
            assert caught.value.mode == "verify-full"
        ca.write_text(certificates.ca)
        with pytest.raises(EngineUnavailable, match="TLS failed"):
            connect({**value, "host": "127.0.0.1"})  # the certificate is for localhost
        assert "POST" not in log.read_text()
        with pytest.raises(LoginRejected, match="there is no user 'ci'"):
            connect(value)  # signed, and not checked yet by this server
        with pytest.raises(EngineUnavailable, match="TLS failed"):
            connect({**value, "port": canned.port})
    assert canned.asked == []
