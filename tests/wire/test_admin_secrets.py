"""Who may link an admin secret, by whatever way in (architecture, section 7), and what a link is worth."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from detent.model.secret import CURRENT, Secret, VersionId
from detent.service import access
from servers.canary import Canary
from wire.accounts import HERE, Caller, allow, deny, document, root
from wire.premises import Premises, premises

FUNCTION = f"arn:aws:lambda:us-east-1:{HERE}:function:idle"
OTHER = f"arn:aws:lambda:us-east-1:{HERE}:function:other"


class Idle:
    def run(self, *_: Any) -> None:
        pass


@pytest.fixture
def house(tmp_path: Path, canary: Canary) -> Iterator[Premises]:
    canary.folders.append(tmp_path)
    with premises(tmp_path / "data", {"idle": Idle(), "other": Idle()}) as found:
        yield found


@pytest.fixture
def owner(house: Premises, canary: Canary) -> Caller:
    owner = root(house)
    for name in ("s", "admin"):
        owner.call("CreateSecret", Name=name, SecretString=json.dumps({"password": canary.value(f"-{name}")}))
    return owner


def arn_of(owner: Caller, name: str) -> str:
    arn: str = owner.call("DescribeSecret", SecretId=name)["ARN"]
    return arn


def value_of(owner: Caller, name: str = "s") -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(owner.call("GetSecretValue", SecretId=name)["SecretString"])
    return fields


def put(caller: Caller, fields: dict[str, Any]) -> None:
    caller.call("PutSecretValue", SecretId="s", SecretString=json.dumps(fields))


def attach(caller: Caller, secret: str = "s", admin: str = "admin") -> Any:
    told = caller.told("AttachAdminSecret", {"SecretId": secret, "AdminSecretId": admin}, service="detent")
    return told.members if told.status == 200 else told.error


def reached(house: Premises) -> str | None:
    """Give the admin secret that a rotation's step of the secret could read now."""

    def issued(tx: Any) -> str | None:
        secret: Secret = tx.secrets.named(HERE, "us-east-1", "s")
        env = house.house.server.env(tx, "us-east-1")
        made = access.issue_session(env, secret, VersionId("t" * 32), env.now + timedelta(minutes=1))
        holder = access.holder(env, made.access_key_id)
        assert holder is not None
        assert holder.grant is not None
        return holder.grant.admin

    return house.house.store.write(issued)


def rotates(owner: Caller) -> None:
    """Configure rotation, and let the test of the configuration end."""
    owner.call("RotateSecret", SecretId="s", RotationLambdaARN=FUNCTION)
    owner.call("CancelRotateSecret", SecretId="s")
    stages = owner.call("DescribeSecret", SecretId="s")["VersionIdsToStages"]
    pending = next(version for version, labels in stages.items() if "AWSPENDING" in labels)
    owner.call("UpdateSecretVersionStage", SecretId="s", VersionStage="AWSPENDING", RemoveFromVersionId=pending)


def test_attaching_writes_masterarn_and_links_and_detaching_takes_both_away(house: Premises, owner: Caller) -> None:
    rotates(owner)
    before, arn = value_of(owner), arn_of(owner, "admin")
    assert reached(house) is None
    linked = {"ARN": arn_of(owner, "s"), "Name": "s", "AdminSecretARN": arn, "Holds": True}
    assert attach(owner) == linked
    assert value_of(owner) == {**before, "masterarn": arn}
    assert reached(house) == arn
    assert owner.own("ListAdminSecrets") == {"AdminSecrets": [linked]}
    assert owner.own("DetachAdminSecret", SecretId="s") == {"ARN": linked["ARN"], "Name": "s"}
    assert value_of(owner) == before
    assert reached(house) is None
    assert owner.own("ListAdminSecrets") == {"AdminSecrets": []}


def test_attaching_again_writes_no_version_and_detaching_nothing_is_fine(owner: Caller) -> None:
    owner.own("DetachAdminSecret", SecretId="s")
    attach(owner)
    versions = owner.call("ListSecretVersionIds", SecretId="s", IncludeDeprecated=True)["Versions"]
    assert attach(owner)["Holds"] is True
    assert owner.call("ListSecretVersionIds", SecretId="s", IncludeDeprecated=True)["Versions"] == versions


def test_a_secret_that_never_rotated_is_linked_before_it_does(house: Premises, owner: Caller) -> None:
    attach(owner)
    told = owner.told("RotateSecret", {"SecretId": "s"}).error
    assert told == ("InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.")
    owner.call("RotateSecret", SecretId="s", RotationLambdaARN=FUNCTION)
    assert reached(house) == arn_of(owner, "admin")


def test_masterarn_that_is_merely_written_links_nothing(house: Premises, owner: Caller) -> None:
    rotates(owner)
    writer = owner.user("writer", document(allow("secretsmanager:PutSecretValue")))
    for name in ("admin", arn_of(owner, "admin")):
        put(writer, {**value_of(owner), "masterarn": name})
        assert reached(house) is None
        assert owner.own("ListAdminSecrets") == {"AdminSecrets": []}
    owner.call("UpdateSecret", SecretId="s", SecretString=json.dumps({"masterarn": arn_of(owner, "admin")}))
    assert reached(house) is None


@pytest.mark.parametrize("named", ["other", "", "no name!?", "arn:aws:secretsmanager:us-east-1:x", None, 1])
def test_a_later_masterarn_voids_the_link(house: Premises, owner: Caller, named: object) -> None:
    rotates(owner)
    attach(owner)
    put(owner, {"masterarn": named})
    assert reached(house) is None
    assert [one["Holds"] for one in owner.own("ListAdminSecrets")["AdminSecrets"]] == [False]
    put(owner, {"masterarn": "admin"})  # the very one that is linked, by its name
    assert reached(house) == arn_of(owner, "admin")


def test_an_admin_secret_made_again_under_its_name_is_another(house: Premises, owner: Caller) -> None:
    rotates(owner)
    attach(owner)
    put(owner, {"masterarn": "admin"})
    owner.call("DeleteSecret", SecretId="admin", ForceDeleteWithoutRecovery=True)
    assert reached(house) is None
    owner.call("CreateSecret", Name="admin", SecretString="{}")
    assert reached(house) is None


RIGHTS = ["detent:AttachAdminSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]


@pytest.mark.parametrize("missing", RIGHTS)
def test_attaching_needs_rights_on_the_secret(owner: Caller, missing: str) -> None:
    caller = owner.user("ann", document(allow()), document(deny(missing, arn_of(owner, "s"))))
    code, message = attach(caller)
    assert code == "AccessDeniedException"
    assert f"perform: {missing} on resource: {arn_of(owner, 's')}" in message
    assert "masterarn" not in value_of(owner)


def test_whoever_may_not_read_the_admin_secret_links_it_by_no_way_in(house: Premises, owner: Caller) -> None:
    rotates(owner)
    admin = arn_of(owner, "admin")
    caller = owner.user("ann", document(allow()), document(deny("secretsmanager:GetSecretValue", admin)))
    told = (
        f"User: {caller.arn} is not authorized to perform: secretsmanager:GetSecretValue on resource: {admin}"
        " with an explicit deny in an identity-based policy"
    )
    refused = ("AccessDeniedException", told)
    assert attach(caller) == refused
    assert "masterarn" not in value_of(owner)
    put(caller, {"masterarn": "admin"})
    for members in ({}, {"RotateImmediately": False}, {"RotationLambdaARN": OTHER}):
        assert caller.told("RotateSecret", {"SecretId": "s", **members}).error == refused
    assert reached(house) is None
    owner.call("RotateSecret", SecretId="s")
    assert reached(house) == admin


def test_attaching_is_not_let_through_by_read_rights_that_a_condition_keeps_to_other_secrets(owner: Caller) -> None:
    tagged = {"StringEquals": {"secretsmanager:ResourceTag/team": "a"}}
    owner.call("TagResource", SecretId="s", Tags=[{"Key": "team", "Value": "a"}])
    caller = owner.user("ann", document(allow(["secretsmanager:*", "detent:*"], Condition=tagged)))
    assert attach(caller)[0] == "AccessDeniedException"
    owner.call("TagResource", SecretId="admin", Tags=[{"Key": "team", "Value": "a"}])
    assert attach(caller)["Holds"] is True


def test_an_application_that_reads_its_own_secret_cannot_read_the_admin_secret(owner: Caller) -> None:
    attach(owner)
    app = owner.user("app", document(allow("secretsmanager:GetSecretValue", arn_of(owner, "s"))))
    assert value_of(app)["masterarn"] == arn_of(owner, "admin")
    for name in ("admin", arn_of(owner, "admin")):
        assert app.refusal("GetSecretValue", SecretId=name)[0] == "AccessDeniedException"
    batch = app.told("BatchGetSecretValue", {"SecretIdList": ["admin"]})
    assert b"canary" not in batch.body
    assert attach(app, admin="s")[0] == "AccessDeniedException"


def test_rotation_needs_the_right_to_invoke_its_function(owner: Caller) -> None:
    rotator = owner.user("rotator", document(allow("secretsmanager:*"), allow("lambda:InvokeFunction", OTHER)))
    told = rotator.told("RotateSecret", {"SecretId": "s", "RotationLambdaARN": FUNCTION}).error
    said = (
        f"User: {rotator.arn} is not authorized to perform: lambda:InvokeFunction on resource: {FUNCTION}"
        " because no identity-based policy allows the lambda:InvokeFunction action"
    )
    assert told == ("AccessDeniedException", said)
    assert "RotationEnabled" not in owner.call("DescribeSecret", SecretId="s")
    rotator.call("RotateSecret", SecretId="s", RotationLambdaARN=OTHER)


def test_a_rotation_step_can_attach_nothing(house: Premises, owner: Caller) -> None:
    rotates(owner)

    def issued(tx: Any) -> Any:
        env = house.house.server.env(tx, "us-east-1")
        secret = tx.secrets.named(HERE, "us-east-1", "s")
        return access.issue_session(env, secret, VersionId("t" * 32), env.now + timedelta(minutes=1))

    step = house.house.client(house.house.store.write(issued))
    step._service = "detent"
    with pytest.raises(step.exceptions.AccessDeniedException):
        step.attach_admin_secret(SecretId="s", AdminSecretId="admin")


REFUSED = {
    "its own admin secret": ("s", "s", "InvalidParameterException"),
    "no such secret": ("none", "admin", "ResourceNotFoundException"),
    "no such admin secret": ("s", "none", "ResourceNotFoundException"),
    "no JSON object": ("text", "admin", "InvalidRequestException"),
    "no value": ("empty", "admin", "InvalidRequestException"),
    "no room": ("full", "admin", "InvalidRequestException"),
    "a deleted admin secret": ("s", "gone", "InvalidRequestException"),
    "a deleted secret": ("gone", "admin", "InvalidRequestException"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_linked_is_refused_and_left(owner: Caller, canary: Canary, case: str) -> None:
    owner.call("CreateSecret", Name="text", SecretString=canary.value())
    owner.call("CreateSecret", Name="empty")
    owner.call("CreateSecret", Name="full", SecretString=json.dumps({"a": "x" * 65520}))
    owner.call("CreateSecret", Name="gone", SecretString="{}")
    owner.call("DeleteSecret", SecretId="gone")
    secret, admin, code = REFUSED[case]
    assert attach(owner, secret, admin)[0] == code
    assert owner.own("ListAdminSecrets") == {"AdminSecrets": []}


def test_nothing_is_linked_amid_a_rotation(owner: Caller) -> None:
    owner.call("RotateSecret", SecretId="s", RotationLambdaARN=FUNCTION)
    assert attach(owner) == (
        "InvalidRequestException",
        "A rotation of s is not complete: wait for its end, or cancel it.",
    )


def test_a_value_keeps_what_it_is_but_for_masterarn(owner: Caller) -> None:
    fields = {"password": "ü\ud800", "n": 1.5, "deep": {"a": [None, True]}}
    put(owner, fields)
    attach(owner)
    assert value_of(owner) == {**fields, "masterarn": arn_of(owner, "admin")}
    owner.call("PutSecretValue", SecretId="s", SecretBinary="e30=")
    attach(owner)
    assert "SecretString" not in owner.call("GetSecretValue", SecretId="s")


def test_a_link_across_accounts_needs_both_sides(house: Premises, owner: Caller) -> None:
    there = root(house, "111111111111")
    theirs = there.call("CreateSecret", Name="theirs", SecretString="{}")["ARN"]
    assert attach(owner, admin=theirs)[0] == "AccessDeniedException"
    text = document(allow("secretsmanager:GetSecretValue", Principal={"AWS": HERE}))
    there.call("PutResourcePolicy", SecretId="theirs", ResourcePolicy=text)
    assert attach(owner, admin=theirs)["AdminSecretARN"] == theirs


def test_the_calls_are_in_the_trail_without_values(house: Premises, owner: Caller) -> None:
    attach(owner)
    owner.own("DetachAdminSecret", SecretId="s")
    records = [json.loads(line) for line in house.house.folder.audit.read_text().splitlines()]
    found = {record["eventName"]: record for record in records if record["eventSource"] == "detent"}
    assert found["AttachAdminSecret"]["requestParameters"] == {"secretId": "s", "adminSecretId": "admin"}
    assert found["DetachAdminSecret"]["readOnly"] is False


def test_the_new_version_is_current_and_the_old_one_previous(house: Premises, owner: Caller) -> None:
    first = owner.call("GetSecretValue", SecretId="s")["VersionId"]
    attach(owner)
    assert owner.call("GetSecretValue", SecretId="s", VersionStage="AWSPREVIOUS")["VersionId"] == first
    with house.house.store.read() as tx:
        secret = tx.secrets.named(HERE, "us-east-1", "s")
    assert secret is not None
    assert secret.labels[CURRENT] != first
