"""Rotation by a function that runs elsewhere: it gets the event alone, and signs with an access key of its own."""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from runtime.invoke_endpoint import Script, invoke_endpoint
from servers.canary import Canary
from servers.detent import RunningDetent
from wire.answers import new_name

ARN = "arn:aws:lambda:us-east-1:000000000000:function"
STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]
ALLOWED = ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"]


@pytest.fixture
def secret(client: Any, canary: Canary) -> str:
    name = new_name()
    client.create_secret(Name=name, SecretString=canary.value())
    return name


@pytest.fixture
def function(own_api: Any) -> Callable[[str], str]:
    """Make a function behind a URL; gives its ARN."""

    def put(url: str) -> str:
        name = f"away-{uuid4().hex[:8]}"
        assert own_api.put_remote_function(FunctionName=name, Url=url)["ARN"] == f"{ARN}:{name}"
        return f"{ARN}:{name}"

    return put


def key_for(own_api: Any, secret: str, canary: Canary) -> dict[str, str]:
    """Make a user who may do to one secret what a step does; gives its access key."""
    name = f"rotator-{uuid4().hex[:8]}"
    resource = f"arn:aws:secretsmanager:us-east-1:000000000000:secret:{secret}-??????"
    allowed = {"Effect": "Allow", "Action": [f"secretsmanager:{one}" for one in ALLOWED], "Resource": resource}
    own_api.create_user(UserName=name)
    own_api.create_policy(PolicyName=name, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    own_api.attach_policy(PolicyName=name, UserName=name)
    made = own_api.create_access_key(UserName=name)
    return {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": canary.watch(made["SecretAccessKey"])}


def handler(client: Any, value: str) -> Callable[[dict[str, str]], None]:
    """A function as a team has it, with a client of its own."""

    def run(event: dict[str, str]) -> None:
        named = {"SecretId": event["SecretId"]}
        stages = client.describe_secret(**named)["VersionIdsToStages"]
        token = event["ClientRequestToken"]
        if "AWSCURRENT" in stages[token]:
            return
        if event["Step"] == "createSecret":
            client.put_secret_value(**named, ClientRequestToken=token, SecretString=value, VersionStages=["AWSPENDING"])
        if event["Step"] == "finishSecret":
            current = next(version for version, labels in stages.items() if "AWSCURRENT" in labels)
            client.update_secret_version_stage(
                **named, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
            )

    return run


def doing(script: Script, run: Callable[[dict[str, str]], None]) -> Callable[[Any], None]:
    """Have the endpoint answer as the Runtime Interface Emulator does: failures too with status 200."""

    def act(request: Any) -> None:
        try:
            run(json.loads(script.calls[-1].body))
            body = b"null"
        except Exception as error:  # noqa: BLE001 - as Lambda does
            body = json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)}).encode()
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return act


def ended(own_api: Any, secret: str, version: str) -> dict[str, Any]:
    """Wait until a rotation has succeeded, or its latest attempt has failed."""
    deadline = time.monotonic() + 60
    while True:
        rotation: dict[str, Any] = own_api.describe_rotation(SecretId=secret, VersionId=version)
        if rotation["State"] == "succeeded" or rotation.get("Reason"):
            return rotation
        assert time.monotonic() < deadline, rotation
        time.sleep(0.05)


def test_a_secret_rotates_by_a_function_elsewhere_with_a_key_of_its_own(  # noqa: PLR0917 - fixtures
    detent: RunningDetent, client: Any, own_api: Any, secret: str, function: Callable[[str], str], canary: Canary
) -> None:
    own = detent.client(**key_for(own_api, secret, canary))
    value = canary.value()
    with invoke_endpoint() as script:
        script.act = doing(script, handler(own, value))
        begun = client.rotate_secret(SecretId=secret, RotationLambdaARN=function(script.url))
        rotation = ended(own_api, secret, begun["VersionId"])
    assert rotation["State"] == "succeeded"
    assert client.get_secret_value(SecretId=secret)["SecretString"] == value
    assert [json.loads(call.body)["Step"] for call in script.calls] == STEPS
    for call in script.calls:
        assert set(json.loads(call.body)) == {"Step", "SecretId", "ClientRequestToken", "RotationToken"}
        assert not {name.lower() for name in call.headers} & {"authorization", "x-amz-security-token"}


def test_what_a_function_elsewhere_fails_with_is_the_reason_without_secret_values(  # noqa: PLR0917 - fixtures
    detent: RunningDetent, client: Any, own_api: Any, secret: str, function: Callable[[str], str], canary: Canary
) -> None:
    del detent
    current = client.get_secret_value(SecretId=secret)["SecretString"]

    def refuse(event: dict[str, str]) -> None:
        raise ValueError(f"{event['Step']}: login as app with {current} was rejected")

    with invoke_endpoint() as script:
        script.act = doing(script, refuse)
        begun = client.rotate_secret(SecretId=secret, RotationLambdaARN=function(script.url))
        reason = ended(own_api, secret, begun["VersionId"])["Reason"]
        client.cancel_rotate_secret(SecretId=secret)
    canary.texts.append(reason)
    assert "ValueError: createSecret: login as app with" in reason
    assert current not in reason


def test_a_page_that_is_no_function_does_not_move_a_label(
    client: Any, own_api: Any, secret: str, function: Callable[[str], str]
) -> None:
    before = client.get_secret_value(SecretId=secret)["VersionId"]
    with invoke_endpoint() as script:
        script.body = b"<html>please log in</html>"
        begun = client.rotate_secret(SecretId=secret, RotationLambdaARN=function(script.url))
        reason = ended(own_api, secret, begun["VersionId"])["Reason"]
        client.cancel_rotate_secret(SecretId=secret)
    assert "is no function: its answer is no JSON" in reason
    assert client.get_secret_value(SecretId=secret)["VersionId"] == before


def test_an_endpoint_where_only_the_server_could_reach_is_never_asked(
    client: Any, own_api: Any, secret: str, function: Callable[[str], str]
) -> None:
    begun = client.rotate_secret(SecretId=secret, RotationLambdaARN=function("http://169.254.169.254/latest"))
    assert "is refused: link-local" in ended(own_api, secret, begun["VersionId"])["Reason"]
    client.cancel_rotate_secret(SecretId=secret)


@pytest.mark.parametrize("url", ["ftp://host/", "https://user:word@host/", "https://host/a b"])
def test_a_url_that_is_none_makes_no_function(own_api: Any, url: str) -> None:
    with pytest.raises(ClientError) as refused:
        own_api.put_remote_function(FunctionName="away", Url=url)
    told = refused.value.response["Error"]
    assert told["Code"] in {"InvalidParameterException", "ValidationException"}
    assert "user:word" not in told["Message"]
