"""The function detent-iam-issued-keys: whose key is a login, what it needs, and what its secret must say."""

import json
import shlex
import threading
import time
import uuid
from dataclasses import replace

import pytest

from detent.functions.engines import iam as module
from detent.functions.values import login_of, parsed_value
from functions.iam_story import KEY, Story
from servers.iam import IamTarget
from servers.target import OLD


@pytest.fixture
def story(iam: IamTarget) -> Story:
    return Story(iam)


@pytest.fixture
def no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused login is not tried again for half a minute."""
    monkeypatch.setattr(module, "FACTS", replace(module.FACTS, settle_seconds=0))


def test_a_key_of_another_user_is_no_login_even_if_it_may_do_everything_to_this_one(story: Story) -> None:
    intruder = story.iam.new_value()
    story.iam.let_rotate_itself(intruder["username"])
    assert len(story.ids()) == 1
    admin = f"{story.user}_admin"
    story.iam.create_administrator(admin, OLD, over=story.user)
    link = story.client.create(story.iam.value(admin, OLD), name="admin")
    story.client.store(story.arn, {**intruder, "username": story.user, "masterarn": link})
    del story.client.secrets[story.arn].labels["AWSPREVIOUS"]
    story.client.denied.add("list_secret_version_ids")
    text = story.refusal("createSecret", story.started())
    assert f"the key is good, but it is none of user '{story.user}'" in text
    assert "no known password logs in" in text
    assert len(story.ids()) == 1


def test_a_key_of_a_user_who_may_not_list_this_ones_is_told_apart_from_missing_rights(story: Story) -> None:
    poor = f"poor_{uuid.uuid4().hex[:8]}"
    story.iam.iam.create_user(UserName=poor)
    value = {**story.client.value(story.arn), **story.iam.issue(poor)}
    story.client.denied.add("list_secret_version_ids")
    for user, said in (
        (poor, f"allow iam:ListAccessKeys on arn:aws:iam::*:user/{poor}"),
        (story.user, f"the key is good, but it is of user '{poor}'"),
    ):
        story.client.store(story.arn, {**value, "username": user})
        assert said in story.refusal("createSecret", story.started())


def test_test_secret_waits_for_a_key_that_is_not_known_everywhere_yet(story: Story) -> None:
    token = story.started()
    story.step("createSecret", token)
    key = {"UserName": story.user, "AccessKeyId": story.key("AWSPENDING")}
    story.iam.iam.update_access_key(**key, Status="Inactive")
    later = threading.Timer(1.2, lambda: story.iam.iam.update_access_key(**key, Status="Active"))
    later.start()
    begun = time.monotonic()
    story.step("testSecret", token)
    assert 1 < time.monotonic() - begun < 10
    later.join()


@pytest.mark.usefixtures("no_settling")
def test_explain_and_rollback_tell_a_revoked_key_from_a_live_one(story: Story) -> None:
    for _ in range(2):
        story.rotate()
    previous = story.version("AWSPREVIOUS")
    for _ in range(2):
        story.step("rollbackSecret", previous)
    story.iam.iam.delete_access_key(UserName=story.user, AccessKeyId=story.key("AWSPREVIOUS"))
    text = story.refusal("rollbackSecret", previous)
    assert "does not log in, and a revoked key cannot be brought back: rotate" in text
    told = story.step("explainSecret", story.version("AWSCURRENT"))["Candidates"]
    assert [(entry["Label"], entry["LogsIn"]) for entry in told] == [("AWSCURRENT", True), ("AWSPREVIOUS", False)]
    assert told[1]["Reason"] == "login refused: there is no such access key, or it is inactive"
    assert "Reason" not in told[0]


def test_motos_server_matches_no_resource_but_all_so_the_arns_of_the_policies_are_not_tested(story: Story) -> None:
    """Where this fails, moto has learnt it: then the target need not put ``*`` into the policies of FACTS any more."""
    (command,) = story.iam.statements(module.FACTS.privileges["issued-keys"].own or (), "", user=story.user)
    document = shlex.split(command)[-1]
    assert json.loads(document)["Statement"][0]["Resource"] == f"arn:aws:iam::*:user/{story.user}"
    story.iam.iam.put_user_policy(UserName=story.user, PolicyName="detent-rotation", PolicyDocument=document)
    assert not story.alive("AWSCURRENT")


def test_the_facts_name_the_least_that_is_needed(iam: IamTarget) -> None:
    """Each action is taken away once; what it does without is not in the list."""
    (own,) = module.FACTS.privileges["issued-keys"].own or ()
    for action in module._ROTATE:
        story = Story(iam)
        story.rotate()
        denied = own.replace(f'"{action}", ', "").replace(f', "{action}"', "")
        assert denied != own
        iam._run((denied,), user=story.user)
        assert action in story.refusal("createSecret", story.started())


@pytest.mark.parametrize(
    ("key", "odd", "said"),
    [
        ("username", "arn:aws:iam::1:user/ci", "the name of an IAM user"),
        (KEY, "AKIA-short", "an access key's id"),
        ("region", "us east", "a region"),
        ("region", 7, "a region"),
        ("ssl", "maybe", '"ssl" must be true or false'),
    ],
)
def test_what_would_make_no_request_is_refused_with_a_complete_example(
    story: Story, key: str, odd: object, said: str
) -> None:
    story.client.store(story.arn, {**story.client.value(story.arn), key: odd})
    text = story.refusal("createSecret", story.started())
    assert said in text
    assert "AKIAIOSFODNN7EXAMPLE" in text


def test_without_a_host_the_secret_is_for_iam_of_aws() -> None:
    value = {**module.FACTS.example, "aws_secret_access_key": "canary"}
    made = login_of(parsed_value(json.dumps(value), "AWSCURRENT", module), module)
    assert (made.host, made.port) == ("iam.amazonaws.com", 443)
