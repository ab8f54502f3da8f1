"""Who may do what with functions: identity policies on their ARNs, and the policies that AddPermission makes."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from detent.functions.builtin import BUILTIN
from detent.service import access
from servers.own_functions import ROLE, FunctionHouse, function_house, zipped

HERE, THERE = "0" * 12, "1" * 12
ARN = f"arn:aws:lambda:us-east-1:{HERE}:function:"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FunctionHouse]:
    with function_house(tmp_path_factory.mktemp("permissions") / "data") as found:
        yield found


@pytest.fixture(scope="module")
def functions(house: FunctionHouse) -> Any:
    return house.functions


@pytest.fixture
def name(house: FunctionHouse) -> str:
    name = f"f-{uuid4().hex}"
    house.made(name, Environment={"Variables": {"PLACE": "here"}}, Tags={"team": "a"})
    return name


@pytest.fixture(scope="module")
def stranger(house: FunctionHouse) -> Callable[[str], Any]:
    """Give a client of another account's root, for a service."""
    key_id, secret = house.house.store.write(
        lambda tx: access.create_root_key(house.house.server.env(tx, "us-east-1"), THERE)
    )
    keys = {"aws_access_key_id": key_id, "aws_secret_access_key": str(secret.reveal())}
    return lambda service="lambda": house.client(service, **keys)


def user(house: FunctionHouse, *statements: dict[str, Any]) -> Any:
    """Give a client of a new user, who has one policy."""
    own, name = house.client("detent"), f"user-{uuid4().hex}"
    own.create_user(UserName=name)
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        own.create_policy(PolicyName=name, PolicyDocument=document)
        own.attach_policy(UserName=name, PolicyName=name)
    key = own.create_access_key(UserName=name)
    return house.client(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def denied(call: Callable[[], Any]) -> str:
    """Give the message of a call that is refused for lack of permission."""
    with pytest.raises(ClientError) as refused:
        call()
    told = refused.value.response
    assert told["Error"]["Code"] == "AccessDeniedException"
    assert told["ResponseMetadata"]["HTTPStatusCode"] == (400 if "Remote" in refused.value.operation_name else 403)
    return str(told["Error"]["Message"])


def calls(client: Any, name: str) -> dict[str, Callable[[], Any]]:
    permission = {"Action": "lambda:InvokeFunction", "Principal": HERE, "StatementId": uuid4().hex}
    return {
        "GetFunction": lambda: client.get_function(FunctionName=name),
        "GetFunctionConfiguration": lambda: client.get_function_configuration(FunctionName=name),
        "ListFunctions": client.list_functions,
        "InvokeFunction": lambda: client.invoke(FunctionName=name),
        "UpdateFunctionCode": lambda: client.update_function_code(FunctionName=name, ZipFile=zipped()),
        "UpdateFunctionConfiguration": lambda: client.update_function_configuration(FunctionName=name, Timeout=4),
        "AddPermission": lambda: client.add_permission(FunctionName=name, **permission),
        "GetPolicy": lambda: client.get_policy(FunctionName=name),
        "RemovePermission": lambda: client.remove_permission(FunctionName=name, StatementId=permission["StatementId"]),
        "DeleteFunction": lambda: client.delete_function(FunctionName=name),
    }


def test_each_operation_needs_its_own_permission(house: FunctionHouse, name: str) -> None:
    nobody = user(house)
    for operation, call in calls(nobody, name).items():
        resource = "*" if operation == "ListFunctions" else ARN + name
        message = denied(call)
        assert f"is not authorized to perform: lambda:{operation} on resource: {resource}" in message
    for operation, call in calls(user(house, allow("lambda:*", [ARN + name, "*"])), name).items():
        call()
        assert operation


def test_a_function_is_made_by_those_only_who_were_granted_it(house: FunctionHouse) -> None:
    name = f"granted-{uuid4().hex}"
    members = {"Runtime": "python3.12", "Role": ROLE, "Handler": "function.handler", "Code": {"ZipFile": zipped()}}
    other = user(house, allow("lambda:CreateFunction", ARN + "other-*"))
    assert "lambda:CreateFunction" in denied(lambda: other.create_function(FunctionName=name, **members))
    granted = user(house, allow("lambda:CreateFunction", ARN + "granted-*"))
    granted.create_function(FunctionName=name, **members)
    assert "lambda:GetFunction" in denied(lambda: granted.get_function(FunctionName=name))


def test_tags_are_conditions(house: FunctionHouse, name: str) -> None:
    condition = {"StringEquals": {"aws:ResourceTag/team": "a"}}
    asked = {"StringEquals": {"aws:RequestTag/team": "b"}}
    client = user(
        house, allow("lambda:GetFunction", Condition=condition), allow("lambda:CreateFunction", Condition=asked)
    )
    client.get_function(FunctionName=name)
    other = f"f-{uuid4().hex}"
    house.made(other, Tags={"team": "b"})
    denied(lambda: client.get_function(FunctionName=other))
    members = {"Runtime": "python3.12", "Role": ROLE, "Handler": "a.b", "Code": {"ZipFile": zipped()}}
    denied(lambda: client.create_function(FunctionName="tagged", Tags={"team": "c"}, **members))
    client.create_function(FunctionName="tagged", Tags={"team": "b"}, **members)


def test_a_permission_lets_a_user_and_another_account_invoke_until_it_is_removed(
    functions: Any, name: str, stranger: Callable[..., Any]
) -> None:
    other = stranger()
    denied(lambda: other.invoke(FunctionName=ARN + name))
    denied(lambda: other.invoke(FunctionName=ARN + "none"))  # what is not there is told like what is not permitted
    made = functions.add_permission(
        FunctionName=name, StatementId="there", Action="lambda:InvokeFunction", Principal=THERE
    )
    statement = json.loads(made["Statement"])
    assert statement == {
        "Sid": "there",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{THERE}:root"},
        "Action": "lambda:InvokeFunction",
        "Resource": ARN + name,
    }
    policy = functions.get_policy(FunctionName=name)
    assert json.loads(policy["Policy"])["Statement"] == [statement]
    assert policy["RevisionId"] == functions.get_function_configuration(FunctionName=name)["RevisionId"]
    assert json.load(other.invoke(FunctionName=ARN + name)["Payload"]) == {"event": {}}
    denied(lambda: other.get_function(FunctionName=ARN + name))
    functions.remove_permission(FunctionName=name, StatementId="there", RevisionId=policy["RevisionId"])
    denied(lambda: other.invoke(FunctionName=ARN + name))
    with pytest.raises(functions.exceptions.ResourceNotFoundException, match="resource you requested does not exist"):
        functions.get_policy(FunctionName=name)
    with pytest.raises(functions.exceptions.ResourceNotFoundException, match="is not found in resource policy"):
        functions.remove_permission(FunctionName=name, StatementId="there")


def test_a_permission_that_says_what_cannot_be_checked_here_is_refused(functions: Any, name: str) -> None:
    good = {"FunctionName": name, "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": HERE}
    refused = functions.exceptions.InvalidParameterValueException
    for more, line in (
        ({"PrincipalOrgID": "o-0123456789"}, "knows no event sources' tokens, no organizations"),
        ({"EventSourceToken": "t"}, "knows no event sources' tokens"),
        ({"FunctionUrlAuthType": "NONE"}, "no function URLs"),
        ({"Principal": f"arn:aws:iam::{HERE}:user/nobody"}, "The provided principal was invalid"),
        ({"Principal": "222222222222"}, "The provided principal was invalid"),
        ({"Principal": "no service"}, None),
    ):
        expected = refused if line else functions.exceptions.ClientError
        with pytest.raises(expected, match=line or "ValidationException"):
            functions.add_permission(**{**good, **more})
    functions.add_permission(**good)
    with pytest.raises(functions.exceptions.ResourceConflictException, match=r"statement id \(s\) provided already"):
        functions.add_permission(**good)
    with pytest.raises(functions.exceptions.PreconditionFailedException):
        functions.add_permission(**{**good, "StatementId": "t", "RevisionId": "stale"})


def test_a_policy_has_its_longest_length(functions: Any, name: str) -> None:
    good = {"FunctionName": name, "Action": "lambda:InvokeFunction", "Principal": "*"}
    source = "arn:aws:secretsmanager:us-east-1:000000000000:secret:" + "x" * 9900
    for number in range(2):
        functions.add_permission(StatementId=f"s{number}", SourceArn=source, **good)
    with pytest.raises(functions.exceptions.PolicyLengthExceededException, match="bigger than the limit"):
        functions.add_permission(StatementId="too-much", SourceArn=source, **good)


def test_conditions_of_a_permission_keep_out_who_is_no_service(
    functions: Any, name: str, stranger: Callable[..., Any]
) -> None:
    functions.add_permission(
        FunctionName=name,
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal=THERE,
        SourceAccount=THERE,
        SourceArn="arn:aws:secretsmanager:us-east-1:111111111111:secret:*",
    )
    denied(lambda: stranger().invoke(FunctionName=ARN + name))


def test_check_access_asks_a_functions_policy_and_tags(house: FunctionHouse, functions: Any, name: str) -> None:
    own, who = house.client("detent"), f"user-{uuid4().hex}"
    arn = own.create_user(UserName=who)["ARN"]
    asked = {"PrincipalArn": arn, "Action": "lambda:InvokeFunction", "Resource": ARN + name}
    assert not own.check_access(**asked)["Allowed"]
    functions.add_permission(FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal=arn)
    told = own.check_access(**asked)
    assert (told["Allowed"], told["PolicyType"], told["Statement"]) == (True, "resource-based policy", "s")


def test_remote_functions_are_put_and_changed_by_those_who_may(
    house: FunctionHouse, functions: Any, stranger: Callable[..., Any]
) -> None:
    own, name = house.client("detent"), f"remote-{uuid4().hex}"
    made = own.put_remote_function(FunctionName=name, Url="https://host.example:8443/run", Timeout=60)
    assert (made["ARN"], made["Url"], made["Timeout"]) == (ARN + name, "https://host.example:8443/run", 60)
    told = functions.get_function(FunctionName=name)
    assert told["Code"] == {"RepositoryType": "Remote", "Location": "https://host.example:8443/run"}
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate:live"
    changed = own.put_remote_function(FunctionName=name, FunctionArn=arn, Profile="prod")
    assert (changed["FunctionArn"], changed["Profile"], changed["Timeout"]) == (arn, "prod", 60)
    assert "Url" not in changed
    assert changed["RevisionId"] != made["RevisionId"]
    for change in (
        lambda: functions.update_function_code(FunctionName=name, ZipFile=zipped()),
        lambda: functions.update_function_configuration(FunctionName=name, Timeout=4),
    ):
        with pytest.raises(functions.exceptions.InvalidParameterValueException, match="change it with PutRemoteFunc"):
            change()
    denied(lambda: stranger("detent").put_remote_function(FunctionName=ARN + name, Url="https://other"))
    functions.delete_function(FunctionName=name)


def test_a_place_that_is_none_is_refused(house: FunctionHouse, name: str) -> None:
    own = house.client("detent")
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate"
    for members, line in (
        ({}, "either a Url or a FunctionArn"),
        ({"Url": "https://a", "FunctionArn": arn}, "either a Url or a FunctionArn"),
        ({"Url": "https://a", "Profile": "p"}, "A Profile is for a FunctionArn"),
        ({"FunctionArn": "arn:aws:iam::123456789012:role/x"}, "not the ARN of a Lambda function"),
        ({"Url": "ftp://a"}, "must be an http or https address"),
        ({"Url": "https://a:port"}, "must be an http or https address"),
        ({"Url": "https://user:word@a"}, "must hold no user name and password"),
    ):
        with pytest.raises(own.exceptions.InvalidParameterException, match=line):
            own.put_remote_function(FunctionName="remote", **members)
    for taken in (name, next(iter(BUILTIN))):
        with pytest.raises(own.exceptions.ResourceExistsException, match="delete it first"):
            own.put_remote_function(FunctionName=taken, Url="https://a")


def test_logs_are_told_to_those_who_may_read_them(house: FunctionHouse, functions: Any, name: str) -> None:
    ids = []
    for _ in range(3):
        ids.append(functions.invoke(FunctionName=name)["ResponseMetadata"]["RequestId"])
        time.sleep(0.01)
    own = house.client("detent")
    events = own.get_function_logs(FunctionName=ARN + name)["Events"]
    assert [event["RequestId"] for event in events] == ids
    assert [event["RequestId"] for event in own.get_function_logs(FunctionName=name, Limit=2)["Events"]] == ids[1:]
    later = own.get_function_logs(FunctionName=name, StartTime=events[2]["Timestamp"])["Events"]
    assert [event["RequestId"] for event in later] == ids[2:]
    assert own.get_function_logs(FunctionName=next(iter(BUILTIN)))["Events"] == []
    with pytest.raises(own.exceptions.ResourceNotFoundException):
        own.get_function_logs(FunctionName="none")
