"""Functions that run elsewhere: what is sent, what each answer means, and how long it may take."""

import base64
import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from detent.functions.outbound import reachable_address
from detent.main.outbound import outbound
from detent.model.errors import FunctionFailed
from detent.model.function import FunctionKey, Remote, UserFunction
from detent.model.ports import Invocation, Invoked
from detent.runtime import aws_lambda
from detent.runtime.remote import RemoteRuntime
from detent.runtime.routing import Router
from runtime.invoke_endpoint import Script, break_off, drip, hang_up, invoke_endpoint, say_headers_slowly
from servers.certificates import Certificates
from servers.detent import free_port

EVENT = {"Step": "createSecret", "SecretId": "arn:…", "ClientRequestToken": "token"}
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:rotate"


class Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def function(remote: Remote, timeout: float = 3.0) -> UserFunction:
    return UserFunction(
        FunctionKey("000000000000", "us-east-1", "elsewhere"),
        runtime="",
        handler="",
        timeout=timedelta(seconds=timeout),
        memory=128,
        code_sha256="",
        code_bytes=0,
        revision="1",
        modified=datetime.now(UTC),
        remote=remote,
    )


def invocation(remote: Remote, timeout: float = 3.0, deadline: float = 60.0) -> Invocation:
    return Invocation(
        function(remote, timeout),
        {},
        json.dumps(EVENT).encode(),
        "request-1",
        datetime.now(UTC) + timedelta(seconds=deadline),
    )


def runtime(ca_bundle: Path | None = None) -> RemoteRuntime:
    return RemoteRuntime(outbound, Clock(), ca_bundle)


def call(url: str, timeout: float = 3.0, **more: Any) -> Invoked:
    return runtime().invoke(invocation(Remote(url=url), timeout, **more))


def failure(url: str, timeout: float = 3.0, **more: Any) -> str:
    with pytest.raises(FunctionFailed) as refused:
        call(url, timeout, **more)
    return str(refused.value)


@pytest.fixture
def endpoint() -> Iterator[Script]:
    with invoke_endpoint() as script:
        yield script


def test_the_event_is_posted_as_lambda_clients_post_it_and_no_credentials_with_it(endpoint: Script) -> None:
    endpoint.body = b'{"ok": true}'
    endpoint.headers = {"X-Amz-Log-Result": base64.b64encode(b"START\n").decode()}
    answer = call(f"{endpoint.url}?code=1")
    assert answer == Invoked(b'{"ok": true}', None, "START\n")
    (asked,) = endpoint.calls
    assert asked.path == "/2015-03-31/functions/function/invocations?code=1"
    assert json.loads(asked.body) == EVENT
    assert asked.headers["X-Amz-Invocation-Type"] == "RequestResponse"
    assert asked.headers["X-Amz-Log-Type"] == "Tail"
    assert asked.headers["Content-Type"] == "application/json"
    assert "Authorization" not in asked.headers


def test_an_answer_without_a_body_is_null(endpoint: Script) -> None:
    endpoint.status, endpoint.body = 204, b""
    assert call(endpoint.url) == Invoked(b"null", None, "")


FAILURES = {
    "lambda's header": (200, {"X-Amz-Function-Error": "Handled"}, b'{"errorMessage": "no"}', "Handled"),
    "the emulator's body": (
        200,
        {},
        b'{"errorMessage": "no", "errorType": "ValueError", "stackTrace": []}',
        "Unhandled",
    ),
    "the emulator's failed start": (502, {}, b'{"errorMessage": "no", "errorType": "Runtime.ExitError"}', "Unhandled"),
}


@pytest.mark.parametrize("shape", FAILURES)
def test_a_function_that_failed_is_told_from_one_that_did_not(endpoint: Script, shape: str) -> None:
    endpoint.status, endpoint.headers, endpoint.body, error = FAILURES[shape]
    assert call(endpoint.url) == Invoked(endpoint.body, error, "")


def test_the_emulators_timeout_which_is_no_json_is_a_failure_of_the_function(endpoint: Script) -> None:
    endpoint.body = b"Task timed out after 3.00 seconds"
    answer = call(endpoint.url)
    assert answer.error == "Unhandled"
    assert json.loads(answer.payload) == {"errorMessage": "Task timed out after 3.00 seconds"}


REFUSALS = {
    (404, b'{"Message": "Function not found:\\n x", "Type": "User"}'): "answered 404: Function not found: x",
    (429, b'{"message": "slow down"}'): "answered 429: slow down",
    (503, b"<html>secret page</html>"): "answered 503",
    (302, b""): "answered 302, a redirect, which is not followed",
    (200, b"<html>please log in</html>"): "is no function: its answer is no JSON",
}


@pytest.mark.parametrize(("status", "body"), REFUSALS)
def test_what_is_no_answer_of_a_function_is_no_success(endpoint: Script, status: int, body: bytes) -> None:
    endpoint.status, endpoint.body = status, body
    endpoint.headers = {"Location": "http://127.0.0.1:1/"}
    said = failure(endpoint.url)
    assert said.startswith(endpoint.url.partition("/2015")[0]) or "what answers at" in said
    assert REFUSALS[status, body] in said
    assert "html" not in said
    assert len(endpoint.calls) == 1


def test_an_answer_beyond_lambdas_limit_is_lambdas_error(endpoint: Script) -> None:
    endpoint.body = b'"' + b"x" * (7 * 1024 * 1024) + b'"'
    answer = call(endpoint.url)
    assert answer.error == "Unhandled"
    assert json.loads(answer.payload)["errorType"] == "Function.ResponseSizeTooLarge"


SLOW: dict[str, Callable[[Any], None]] = {
    "says nothing": lambda _: time.sleep(1.5),
    "drips": drip,
    "drips headers": say_headers_slowly,
}


@pytest.mark.parametrize("how", SLOW)
def test_an_endpoint_that_is_late_is_given_up_at_the_timeout_however_slowly_it_answers(
    endpoint: Script, how: str
) -> None:
    endpoint.act = SLOW[how]
    began = time.monotonic()
    answer = call(endpoint.url, timeout=0.5)
    assert 0.4 < time.monotonic() - began < 1.2
    assert answer.error == "Unhandled"
    message = json.loads(answer.payload)["errorMessage"]
    assert message.endswith("Z request-1 Task timed out after 0.50 seconds")
    assert len(endpoint.calls) == 1


def test_the_callers_deadline_counts_where_it_is_sooner(endpoint: Script) -> None:
    endpoint.act = SLOW["says nothing"]
    began = time.monotonic()
    assert call(endpoint.url, timeout=60, deadline=0.4).error == "Unhandled"
    assert time.monotonic() - began < 1.2


def test_after_the_deadline_nothing_is_sent(endpoint: Script) -> None:
    assert call(endpoint.url, deadline=-1).error == "Unhandled"
    assert endpoint.calls == []


@pytest.mark.parametrize("act", [break_off, hang_up])
def test_a_call_whose_answer_was_lost_is_not_sent_again(endpoint: Script, act: Callable[[Any], None]) -> None:
    endpoint.act = act
    assert "before its whole answer: whether the function ran is not known" in failure(endpoint.url)
    assert len(endpoint.calls) == 1


def test_a_connection_that_was_refused_is_tried_once_more() -> None:
    port = free_port()
    answers: list[Invoked] = []
    calling = Thread(target=lambda: answers.append(call(f"http://127.0.0.1:{port}/")))
    calling.start()
    time.sleep(0.1)
    with invoke_endpoint(port=port) as script:
        calling.join()
        assert answers == [Invoked(b"null", None, "")]
        assert len(script.calls) == 1


def test_what_does_not_answer_is_named() -> None:
    port = free_port()
    assert failure(f"http://127.0.0.1:{port}/secret-path") == (
        f"http://127.0.0.1:{port} cannot be connected to: Connection refused"
    )


@pytest.fixture
def trusted(certificates: Certificates, tmp_path: Path) -> Path:
    bundle = tmp_path / "ca.pem"
    bundle.write_text(certificates.ca)
    return bundle


def test_tls_is_verified_with_the_operators_ca(certificates: Certificates, trusted: Path) -> None:
    with invoke_endpoint(certificates) as script:
        answer = runtime(trusted).invoke(invocation(Remote(url=script.url)))
        assert answer.error is None
        assert "certificate of" in failure(script.url)
        with pytest.raises(FunctionFailed, match=r"is not accepted: .*mismatch"):
            runtime(trusted).invoke(invocation(Remote(url=script.url.replace("localhost", "127.0.0.1"))))
        assert len(script.calls) == 1


def test_a_slow_tls_endpoint_is_cut_too(certificates: Certificates, trusted: Path) -> None:
    with invoke_endpoint(certificates) as script:
        script.act = drip
        began = time.monotonic()
        answer = runtime(trusted).invoke(invocation(Remote(url=script.url), timeout=0.5))
        assert answer.error == "Unhandled"
        assert time.monotonic() - began < 1.2


def test_a_listener_that_never_shakes_hands_is_cut_at_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        began = time.monotonic()
        answer = call(f"https://127.0.0.1:{mute.getsockname()[1]}/", timeout=0.5)
        assert answer.error == "Unhandled"
        assert time.monotonic() - began < 1.2


def test_a_file_of_certificates_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(FunctionFailed, match=r"the certificates .*none.pem cannot be used: No such file"):
        runtime(tmp_path / "none.pem").invoke(invocation(Remote(url="https://127.0.0.1:1/")))


def test_the_outbound_rule_holds_for_functions() -> None:
    assert "169.254.169.254' is refused" in failure("http://169.254.169.254/latest/meta-data")
    assert "was not resolved" in failure("http://nothing.invalid/")


def test_plain_http_stays_within_the_own_network(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reachable_address("198.51.100.7", 80, 1.0)  # the outbound rule alone would let it pass
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("it was connected to"))
    for address in ("93.184.216.34", "[2606:2800:220:1::1]"):
        assert "there an https:// URL is needed" in failure(f"http://{address}/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://host/",
        "https://",
        "file:///etc/passwd",
        "https://user:pass@host/",
        "https://host:99999/",
        "https://host/a b",
        "https://host/\r\nX: y",
        "https://hést/",
        "https://[::1/",
        "unix:///run/docker.sock",
    ],
)
def test_a_url_that_is_none_is_refused_before_it_is_called(url: str) -> None:
    said = runtime().refusal(function(Remote(url=url)))
    assert said is not None
    assert said.startswith("its URL")
    assert "pass" not in said.replace("user and password", "")
    assert failure(url) == said


def test_a_url_may_have_an_ipv6_address(endpoint: Script) -> None:
    del endpoint
    assert runtime().refusal(function(Remote(url="https://[::1]:8443/x"))) is None


# AWS Lambda itself, by boto3; the endpoint is this test's.


@pytest.fixture
def aws(endpoint: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    credentials = tmp_path / "credentials"
    credentials.write_text("[prod]\naws_access_key_id = AKIAPROD\naws_secret_access_key = x\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")  # Detent's own clients may be told where it is
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", endpoint.url.partition("/2015")[0])
    aws_lambda.forget()
    yield endpoint
    aws_lambda.forget()


def lambda_call(profile: str = "prod", arn: str = ARN, timeout: float = 3.0) -> Invoked:
    return runtime().invoke(invocation(Remote(arn=arn, profile=profile), timeout))


def test_a_function_of_aws_is_called_with_the_profiles_credentials_in_its_own_region(aws: Script) -> None:
    aws.body = b'"done"'
    aws.headers = {"X-Amz-Log-Result": base64.b64encode("END é\n".encode()).decode()}
    assert lambda_call() == Invoked(b'"done"', None, "END é\n")
    (asked,) = aws.calls
    assert asked.path == f"/2015-03-31/functions/{ARN.replace(':', '%3A')}/invocations"
    assert json.loads(asked.body) == EVENT
    scope = asked.headers["Authorization"].partition("Credential=")[2].partition(",")[0].split("/")
    assert (scope[0], scope[2:4]) == ("AKIAPROD", ["eu-west-1", "lambda"])


def test_a_failed_function_of_aws_says_so_in_its_header(aws: Script) -> None:
    aws.headers, aws.body = {"X-Amz-Function-Error": "Unhandled"}, b'{"errorMessage": "no"}'
    assert lambda_call() == Invoked(b'{"errorMessage": "no"}', "Unhandled", "")


def refused(aws: Script, status: int, code: str) -> str:
    aws.status, aws.headers = status, {"x-amzn-ErrorType": code}
    aws.body = b'{"Message": "because"}'
    with pytest.raises(FunctionFailed) as told:
        lambda_call()
    return str(told.value)


def test_only_what_aws_throttled_is_called_again(aws: Script) -> None:
    assert refused(aws, 429, "TooManyRequestsException") == (
        f"AWS Lambda refused the call of {ARN}: because (TooManyRequestsException)"
    )
    assert len(aws.calls) == 3
    for status, code in ((404, "ResourceNotFoundException"), (500, "ServiceException"), (403, "AccessDeniedException")):
        aws.calls.clear()
        assert refused(aws, status, code).endswith(f"because ({code})")
        assert len(aws.calls) == 1


def test_a_function_of_aws_that_is_late_is_not_waited_for(aws: Script) -> None:
    aws.act = SLOW["says nothing"]
    began = time.monotonic()
    answer = lambda_call(timeout=0.5)
    assert time.monotonic() - began < 1.2
    assert json.loads(answer.payload)["errorMessage"].endswith("Task timed out after 0.50 seconds")
    time.sleep(1.2)  # the call that nobody waits for ends before the endpoint does


def test_missing_credentials_are_told_with_the_cure(aws: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    for profile, said in (("other", "(other) could not be found"), ("", "Unable to locate credentials")):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(FunctionFailed) as told:
            lambda_call(profile)
        assert said in str(told.value)
        assert "give it --profile" in str(told.value)
    assert aws.calls == []


def test_an_arn_that_is_none_is_refused() -> None:
    assert runtime().refusal(function(Remote(arn="arn:aws:s3:::bucket"))) == (
        "arn:aws:s3:::bucket is no ARN of a Lambda function"
    )
    assert runtime().refusal(function(Remote(arn=ARN))) is None


class Recorder:
    """A runner that says what it was asked."""

    def __init__(self, name: str, said: list[str]) -> None:
        self.name, self.said = name, said

    def refusal(self, function: UserFunction) -> str | None:
        return f"{self.name} refuses {function.key.name}"

    def invoke(self, invocation: Invocation) -> Invoked:
        return Invoked(self.name.encode(), None, invocation.request_id)

    def forget(self, function: UserFunction) -> None:
        self.said.append(f"{self.name} forgets {function.key.name}")

    def close(self) -> None:
        self.said.append(f"{self.name} is closed")


def test_the_router_asks_the_runner_whose_function_it_is() -> None:
    said: list[str] = []
    router = Router(Recorder("local", said), Recorder("remote", said))
    away = invocation(Remote(url="https://x/"))
    here = Invocation(function(None), {}, b"", "request-2", away.deadline)  # type: ignore[arg-type]
    assert [router.invoke(one).payload for one in (here, away)] == [b"local", b"remote"]
    assert router.refusal(away.function) == "remote refuses elsewhere"
    router.forget(here.function)
    router.close()
    assert said == ["local forgets elsewhere", "remote forgets elsewhere", "local is closed", "remote is closed"]
