"""Many rotations at once, their timeline, an approval and a webhook: a running server and a real PostgreSQL."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

import detent as package
from cli.command import detent, refusal, success
from servers.canary import Canary
from servers.detent import RunningDetent, running
from servers.postgres import PostgresTarget
from servers.receiver import receiver

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:detent-postgres-single-user"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDetent]:
    with running(tmp_path_factory.mktemp("many") / "data") as found:
        yield found


def own(server: RunningDetent) -> Any:
    access_key, secret_key = server.credentials
    return package.client(
        server.endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name="us-east-1",
    )


@pytest.fixture
def fleet(
    server: RunningDetent, postgres_from: Callable[[str], PostgresTarget], canary: Canary
) -> Iterator[Callable[..., list[str]]]:
    """Make secrets of real roles, with a tag, that rotate on demand; the last ones have a wrong password."""
    target, client, made = postgres_from("wheel"), server.client(), []

    def make(count: int, wrong: int = 0, tag: str = "many") -> list[str]:
        names = []
        for number in range(count):
            name, password = f"{tag}-{uuid4().hex}", canary.value(f"-{number}")
            target.create_user(name, password)
            stored = password if number < count - wrong else canary.value("-wrong")
            value = json.dumps(target.value(name, stored))
            client.create_secret(Name=name, SecretString=value, Tags=[{"Key": "fleet", "Value": tag}])
            client.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION, RotateImmediately=False)
            names.append(name)
        for name in names:
            while len(client.describe_secret(SecretId=name)["VersionIdsToStages"]) > 1:
                time.sleep(0.02)
        made.extend(names)
        return names

    yield make
    for name in made:
        canary.watch(json.loads(client.get_secret_value(SecretId=name)["SecretString"])["password"])
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def run(server: RunningDetent, canary: Canary, *words: str) -> Any:
    done = detent(*words, "--data", server.data)
    canary.texts += [done.stdout, done.stderr]
    return done


def test_all_with_a_tag_are_rotated_and_followed_to_their_end(
    server: RunningDetent, fleet: Any, canary: Canary
) -> None:
    names = fleet(5, tag="tagged")
    fleet(1, tag="tagged-not")
    said = success(run(server, canary, "rotate", "--tag", "fleet=tagged", "--wait"))
    assert said.splitlines() == ["5 of 5 rotations have begun.", "5 of 5 secrets are rotated."]
    for name in names:
        assert own(server).describe_rotation(SecretId=name)["State"] == "succeeded"
    listed = success(run(server, canary, "rotations", "--failed"))
    assert all(name not in listed for name in names)


def asked(server: RunningDetent) -> Counter[str]:
    """Count the calls in the audit trail."""
    lines = (json.loads(line) for line in (server.data / "audit.log").read_text().splitlines())
    return Counter(line["eventName"] for line in lines)


def test_all_are_followed_by_one_list_and_each_is_asked_about_when_it_has_ended(
    server: RunningDetent, fleet: Any, canary: Canary
) -> None:
    fleet(6, tag="listed")
    before = asked(server)
    success(run(server, canary, "rotate", "--tag", "fleet=listed", "--wait"))
    calls = asked(server) - before
    assert calls["ListRotations"] > 0
    assert calls["DescribeRotation"] == calls["RotateSecret"] == 6


def test_whoever_may_not_list_rotations_can_follow_them_all_the_same(
    server: RunningDetent, fleet: Any, canary: Canary
) -> None:
    names, api = fleet(2, tag="unlisted"), own(server)
    api.create_user(UserName="rotates")
    allowed = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    denied = {"Effect": "Deny", "Action": "detent:ListRotations", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed, denied]})
    api.create_policy(PolicyName="unlisting", PolicyDocument=document)
    api.attach_policy(PolicyName="unlisting", UserName="rotates")
    key = api.create_access_key(UserName="rotates")
    environment = {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": canary.watch(key["SecretAccessKey"]),
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    said = success(detent("rotate", *names, "--wait", env=environment))
    assert said.splitlines()[-1] == "2 of 2 secrets are rotated."


def test_what_could_not_be_rotated_is_listed_and_the_exit_code_is_1(
    server: RunningDetent, fleet: Any, canary: Canary
) -> None:
    good, bad = fleet(2, wrong=1, tag="half")
    done = run(server, canary, "rotate", good, bad, "none", "--wait")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[:2] == ["2 of 3 rotations have begun.", "1 of 3 secrets are rotated."]
    why = {line.split()[0]: line for line in lines[3:] if line.startswith(("half", "none"))}
    assert set(why) == {bad, "none"}
    assert "failed at setSecret" in why[bad]
    assert "can't find the specified secret" in why["none"]
    assert done.stderr == "detent: 2 of 3 secrets were not rotated: the reasons are above\n"
    listed = [success(run(server, canary, "rotations", status)) for status in ("--running", "--failed")]
    assert [bad in text for text in listed].count(True) == 1  # it has tries left, or none
    server.client().cancel_rotate_secret(SecretId=bad)


def test_nothing_meant_is_one_line(server: RunningDetent, canary: Canary) -> None:
    said = refusal(run(server, canary, "rotate", "--tag", "fleet=none"))
    assert said.startswith("no secret that rotates is meant")
    wrong = refusal(run(server, canary, "rotate", "--filter", "name"), 2)
    assert wrong == "Invalid value: --filter takes KEY=VALUE, not 'name' (detent --help)"
    said = refusal(run(server, canary, "rotations", "--failed", "--due"))
    assert said == "give one of NAME, --failed, --due and --running"


def test_what_is_due_within_a_day_is_listed_before_it_begins(server: RunningDetent, fleet: Any, canary: Canary) -> None:
    [name] = fleet(1, tag="due")
    rules = {"ScheduleExpression": "rate(4 hours)"}
    server.client().rotate_secret(SecretId=name, RotationRules=rules)
    while own(server).describe_rotation(SecretId=name)["State"] == "in-progress":
        time.sleep(0.02)
    [line] = [line for line in success(run(server, canary, "rotations", "--due")).splitlines() if name in line]
    assert "planned" in line


def test_a_rotation_waits_for_an_approval_and_its_timeline_tells(
    server: RunningDetent, fleet: Any, canary: Canary
) -> None:
    [name] = fleet(1, tag="approved")
    own(server).put_rotation_checks(SecretId=name, Checks=[{"Type": "approve"}])
    done = run(server, canary, "rotate", name, "--wait")
    assert done.returncode == 1
    assert done.stderr == f"detent: the rotation of {name} waits for an approval: detent approve {name}\n"
    told = success(run(server, canary, "rotation", name))
    assert "in-progress, waits (approve)" in told.splitlines()[0]
    assert told.splitlines()[-1].endswith(f"detent approve {name}, or: detent deny {name}")
    assert "goes on at setSecret" in success(run(server, canary, "approve", name))
    while own(server).describe_rotation(SecretId=name)["State"] == "in-progress":
        time.sleep(0.02)
    told = success(run(server, canary, "rotation", name))
    assert [word for word in ("begun", "createSecret", "approve passed", "setSecret") if word not in told] == []
    assert "arn:aws:iam::000000000000:root" in told
    run(server, canary, "rotate", name, "--wait")
    said = success(run(server, canary, "deny", name, "--reason", "not today"))
    assert said.startswith(f"The rotation of {name} is abandoned")
    assert "not today" in success(run(server, canary, "rotation", name))


def test_a_statement_is_probed_with_the_new_credential(server: RunningDetent, fleet: Any, canary: Canary) -> None:
    [name] = fleet(1, tag="probed")
    own(server).put_rotation_checks(SecretId=name, Checks=[{"Type": "probe", "Statement": "SELECT current_user"}])
    success(run(server, canary, "rotate", name, "--wait"))
    own(server).put_rotation_checks(SecretId=name, Checks=[{"Type": "probe", "Statement": "SELECT * FROM nothing"}])
    done = run(server, canary, "rotate", name, "--wait")
    assert done.returncode == 1
    assert "failed at testSecret: probe 1 of 1: " in done.stderr
    own(server).put_rotation_checks(SecretId=name, Checks=[])
    server.client().cancel_rotate_secret(SecretId=name)


def test_a_server_tells_its_webhooks_by_itself(server: RunningDetent, fleet: Any, canary: Canary) -> None:
    [name] = fleet(1, tag="told")
    with receiver() as hook:
        made = own(server).put_webhook(Name="ops", Url=hook.url)
        canary.watch(made["SigningSecret"])
        success(run(server, canary, "rotate", name, "--wait"))
        deadline = time.monotonic() + 20
        while hook.types != ["started", "succeeded"]:
            assert time.monotonic() < deadline, hook.types
            time.sleep(0.05)
        assert hook.received[0].event["data"]["Name"] == name
        [listed] = own(server).list_webhooks()["Webhooks"]
        assert (listed["Waiting"], listed["Failures"]) == (0, 0)
    own(server).delete_webhook(Name="ops")
    canary.folders.append(server.data)
