"""`detent secrets add`, and rotation by one word in `detent apply`, on a running server and a real PostgreSQL."""

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cli.command import detent, refusal, success, surroundings
from detent.cli.rotation_words import NotUnderstood, Wish, read
from servers.canary import Canary
from servers.detent import RunningDetent
from servers.postgres import PostgresTarget
from servers.target import Target

SINGLE, ALTERNATING = "detent-postgres-single-user", "detent-postgres-alternating-users"
DAYS = {"AutomaticallyAfterDays": 30}
HOURS = {"ScheduleExpression": "rate(12 hours)"}

UNDERSTOOD = {
    "postgres/alternating-users every 30d": Wish(ALTERNATING, DAYS),
    "  postgres/single-user   every 30 days ": Wish(SINGLE, DAYS),
    "aurora-postgresql/single-user every 12h for 3h": Wish(SINGLE, {**HOURS, "Duration": "3h"}),
    "postgres every 1 hour": Wish(ALTERNATING, {"ScheduleExpression": "rate(1 hour)"}),
    "postgres": Wish(ALTERNATING, {}),
    "my-function cron(0 2 ? * SUN#1 *) for 2h": Wish(
        "my-function", {"ScheduleExpression": "cron(0 2 ? * SUN#1 *)", "Duration": "2h"}
    ),
    "arn:aws:lambda:eu-west-1:111111111111:function:f rate(10 days)": Wish(
        "arn:aws:lambda:eu-west-1:111111111111:function:f", {"ScheduleExpression": "rate(10 days)"}
    ),
}


@pytest.mark.parametrize("words", UNDERSTOOD)
def test_one_word_says_a_function_and_its_rules(words: str) -> None:
    assert read(words) == UNDERSTOOD[words]


NOT_UNDERSTOOD = {
    "postgres/nothing every 30d": "postgres has no strategy 'nothing'; it has alternating-users, single-user",
    "nothing/single-user every 30d": "there is no engine 'nothing'; there are ",
    "postgres every 3 weeks": "'postgres every 3 weeks' is no rotation: write ENGINE/STRATEGY every 30d",
    "postgres for 3h": "'postgres for 3h' says how long, but not when: write ",
    "": "'' is no rotation: write ",
}


@pytest.mark.parametrize("words", NOT_UNDERSTOOD)
def test_what_says_no_rotation_is_told_with_what_would(words: str) -> None:
    with pytest.raises(NotUnderstood) as caught:
        read(words)
    assert str(caught.value).startswith(NOT_UNDERSTOOD[words])


class Added:
    """A role, and the secret that the command makes of it."""

    def __init__(self, server: RunningDetent, target: PostgresTarget, canary: Canary) -> None:
        self.server, self.target, self.canary = server, target, canary
        self.name = f"added-{uuid4().hex}"
        self.client = server.client()
        self.password = canary.value()
        target.create_user(self.name, self.password)
        self.place = target.value(self.name, "")

    def keys(self, *names: str) -> list[str]:
        return [word for name in names for word in ("--set", f"{name}={self.place[name]}")]

    def add(self, *words: str | Path, says: str | None = None) -> "subprocess.CompletedProcess[str]":
        text = f"{self.password}\n" if says is None else says
        done = detent("secrets", "add", self.name, *words, "--data", self.server.data, says=text)
        self.canary.texts += (done.stdout, done.stderr)
        return done

    def described(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.describe_secret(SecretId=self.name)
        return found

    def value(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.client.get_secret_value(SecretId=self.name)["SecretString"])
        self.canary.watch(found["password"])
        return found

    def rotated(self) -> dict[str, Any]:
        """Wait for the first rotation; give the value that is current then."""
        deadline = time.monotonic() + 30
        while "LastRotatedDate" not in self.described():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return self.value()


@pytest.fixture
def added(shared_detent: RunningDetent, postgres: PostgresTarget, canary: Canary) -> Added:
    return Added(shared_detent, postgres, canary)


def test_a_credential_is_stored_and_rotates(added: Added) -> None:
    words = ["postgres/single-user", "every", "30d", *added.keys("host", "port", "username")]
    done = success(added.add(*words, "--secret-stdin", "--tag", "team=a", "--description", "the app's"))
    assert done.splitlines()[0] == f"{added.name} is stored."
    assert f"It rotates by {SINGLE} every 30d" in done
    secret = added.described()
    assert secret["RotationRules"] == DAYS
    assert secret["RotationLambdaARN"].endswith(f":function:{SINGLE}")
    assert (secret["Tags"], secret["Description"]) == ([{"Key": "team", "Value": "a"}], "the app's")
    value = added.rotated()
    assert value["password"] != added.password
    assert {**value, "password": ""} == {**added.place, "password": ""}  # the port is a number, as it was written
    assert added.target.alive(value)


def test_later_only_tests_the_login(added: Added) -> None:
    words = ["postgres/single-user", "every", "30d", "--later", *added.keys("host", "port", "username")]
    assert "its login is tested now" in success(added.add(*words, "--secret-stdin"))
    time.sleep(1)
    assert added.value()["password"] == added.password
    assert added.described()["RotationEnabled"]


def test_a_strategy_that_needs_an_admin_secret_takes_one_by_its_name(added: Added) -> None:
    words = ["postgres", "every", "12h", "for", "3h", *added.keys("host", "port", "username"), "--secret-stdin"]
    assert refusal(added.add(*words)).startswith("alternating-users needs an admin secret: give --admin SECRET;")
    assert refusal(added.add(*words, "--admin", "no/such")) == (
        "there is no secret no/such: store the admin's login first"
    )
    admin = f"admin-{added.name}"
    password = added.canary.value()
    added.target.create_administrator(admin, password, added.name)
    added.client.create_secret(Name=admin, SecretString=json.dumps(added.target.value(admin, password)))
    assert "for 3h" in success(added.add(*words, "--admin", admin))
    assert added.rotated()["username"] == f"{added.name}_clone"


def test_nothing_is_stored_where_something_is_missing_or_wrong(added: Added) -> None:
    words = ["postgres/single-user", "every", "30d"]
    assert "is missing" in refusal(added.add(*words, "--secret-stdin"))
    assert refusal(added.add(*words)) == (
        "here is nobody to ask for password: give it on standard input with --secret-stdin"
    )
    assert refusal(added.add(*words, "--set", "password=x")).startswith("password does not belong on a command line")
    assert "--set takes KEY=VALUE, not 'host'" in refusal(added.add(*words, "--set", "host"), 2)
    assert refusal(added.add("my-function", "every", "30d")).startswith("my-function is no engine and no function")
    assert refusal(added.add("nothing/at-all")).startswith("there is no engine 'nothing'")
    with pytest.raises(added.client.exceptions.ResourceNotFoundException):
        added.described()


def test_a_schedule_that_is_refused_leaves_the_secret_and_says_so(added: Added) -> None:
    words = ["postgres/single-user", "every", "2h", *added.keys("host", "port", "username"), "--secret-stdin"]
    done = added.add(*words)
    assert done.returncode == 1
    assert f"{added.name} is stored and does not rotate yet: " in done.stderr
    assert "RotationEnabled" not in added.described()


def test_on_a_terminal_it_asks_for_each_key_and_does_not_show_the_password(added: Added) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "detent.cli", "secrets", "add", added.name, "postgres/single-user", "every", "9d"]
    command += ["--later", "--data", str(added.server.data)]
    answers = [added.place["host"], added.place["port"], added.name, added.password, ""]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=surroundings(TERM="xterm")) as ran:
        os.close(theirs)
        seen = _answered(ours, ["host", "port [5432]", "username", "password", "dbname"], answers)
    os.close(ours)
    assert ran.returncode == 0, seen
    assert added.password not in seen
    assert added.value() == {**added.place, "password": added.password}


def _answered(terminal: int, questions: list[str], answers: list[Any]) -> str:
    """Answer each question when it is asked, in whatever order; give all that was seen."""
    seen, left = "", dict(zip(questions, answers, strict=True))
    while True:
        try:
            told = os.read(terminal, 4096).decode()
        except OSError:  # Linux: the other side of a pseudo-terminal is closed
            return seen
        seen += told
        asked = next((one for one in left if seen.rpartition("\n")[2].startswith(one) and seen.endswith(": ")), None)
        if asked is not None:
            os.write(terminal, f"{left.pop(asked)}\n".encode())


def test_apply_turns_rotation_on_changes_and_prunes_it(added: Added, tmp_path: Path) -> None:
    added.client.create_secret(Name=added.name, SecretString=json.dumps({**added.place, "password": added.password}))
    file = tmp_path / "rotation.toml"

    def applied(rotation: str, *options: str) -> list[str]:
        file.write_text(f'[secrets."{added.name}"]\n{rotation}\n')
        lines = success(detent("apply", file, "--yes", *options, "--data", added.server.data)).splitlines()
        return [line for line in lines if line.startswith(("+ ", "~ ", "- ", "    rotation: ", "Nothing"))]

    words = 'rotation = "postgres/single-user every 30d"'
    assert applied(words)[:2] == [f"+ rotation {added.name}", f"    rotation: {SINGLE} every 30d"]
    value = added.rotated()
    assert value["password"] != added.password
    assert added.described()["RotationRules"] == DAYS
    assert applied(words) == ["Nothing to do."]
    changed = applied('rotation = "postgres/single-user every 12h for 2h"')
    assert changed[1] == f"    rotation: {SINGLE} every 30d -> {SINGLE} rate(12 hours) for 2h"
    assert added.described()["RotationRules"]["ScheduleExpression"] == "rate(12 hours)"
    time.sleep(0.5)
    assert added.value() == value  # another schedule alone rotates nothing
    assert applied('rotation = "postgres/single-user rate(12 hours) for 2h"') == ["Nothing to do."]
    assert applied("") == ["Nothing to do."]
    assert added.described()["RotationEnabled"]
    file.write_text(f'[secrets."{added.name}"]\n')
    shown = success(detent("apply", file, "--dry-run", "--prune", "--data", added.server.data))
    assert f"- rotation {added.name}" in shown


def test_a_private_key_of_many_lines_and_an_id_of_digits_are_taken_as_they_are(
    shared_detent: RunningDetent, server_of: Callable[[str], Target]
) -> None:
    client = shared_detent.client()
    for row in ("ssh", "http"):
        target: Any = server_of(row)
        value = target.new_value()
        target.let_rotate_itself(value["username"])
        secret = value.pop(target.module.FACTS.password_key)
        value.pop("engine")
        given = [word for key, part in value.items() for word in ("--set", f"{key}={part or 'false'}")]
        words = ["secrets", "add", value["username"], row, *given, "--secret-stdin", "--later"]
        success(detent(*words, "--data", shared_detent.data, says=f"{secret}\n"))
        stored = json.loads(client.get_secret_value(SecretId=value["username"])["SecretString"])
        assert target.alive(stored)
        assert stored[target.module.FACTS.key_id] == value[target.module.FACTS.key_id]
