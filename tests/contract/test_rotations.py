"""What every built-in function promises, on every server we can start, with a simulated secrets manager."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from detent.functions import contract
from detent.functions.builtin import BUILTIN
from detent.functions.contract import RotationFunction, StepFailed
from detent.functions.engines import engine_named
from detent.functions.testing import SecretsSimulator
from functions.fuse import CALLS, Fuse, FusedEngine, Killed
from functions.stories import STEPS, event, rotate
from servers.table import ROWS
from servers.target import Target

OVERLAP = ("dual-password", "issued-keys", "alternating-users")


class Story:
    """One secret of one server, and the function that rotates it."""

    def __init__(self, target: Target, name: str) -> None:
        self.target = target
        self.name = name
        self.function: RotationFunction = BUILTIN[name]
        self.client = SecretsSimulator()
        self.arn = self.client.create(self.value())

    def value(self) -> dict[str, Any]:
        """A new user's value, with an admin secret where the user cannot do without one."""
        value = self.target.new_value()
        if self.target.module.FACTS.privileges[self.function.strategy.name].own == ():
            return value
        admin = f"{value['username']}_admin"
        self.target.create_administrator(admin, "canary-admin-password", over=value["username"])
        link = self.client.create(self.target.value(admin, "canary-admin-password"), name=admin)
        return {**value, "masterarn": link}

    @property
    def overlaps(self) -> bool:
        return self.function.strategy.name in OVERLAP

    def step(self, step: str, token: str) -> Any:
        return self.function.run(event(step, self.arn, token), self.client, lambda: 30.0)

    def rotate(self, times: int = 1) -> str:
        return rotate(self.arn, self.client, times=times, function=self.function)

    def alive(self, label: str) -> bool:
        return self.target.alive(self.client.value(self.arn, label))

    def version(self, label: str) -> str:
        return self.client.secrets[self.arn].labels[label]

    def refusal(self, step: str, token: str) -> str:
        with pytest.raises(StepFailed) as caught:
            self.step(step, token)
        assert "canary" not in str(caught.value)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def told(self) -> dict[str, Any]:
        told = self.step("explainSecret", self.version("AWSCURRENT"))
        return {entry["Label"]: entry for entry in told["Candidates"]}


@pytest.fixture(params=ROWS, ids=[f"{row}:{name.removeprefix('detent-')}" for row, name in ROWS])
def story(request: pytest.FixtureRequest, server_of: Callable[[str], Target]) -> Story:
    row, name = request.param
    return Story(server_of(row), name)


def test_three_rotations_with_every_step_twice(story: Story) -> None:
    former: list[dict[str, Any]] = []
    for _ in range(3):
        former.append(story.client.value(story.arn))
        token = story.rotate(times=2)
        assert story.version("AWSCURRENT") == token
        assert story.alive("AWSCURRENT")
        assert story.alive("AWSPREVIOUS") is story.overlaps
        assert not any(story.target.alive(value) for value in former[:-1])
    for step in STEPS:
        story.step(step, token)
    assert story.version("AWSCURRENT") == token
    assert story.alive("AWSCURRENT")


def test_current_works_until_finish_where_old_and_new_overlap(story: Story) -> None:
    token = story.client.start_rotation(story.arn)
    for step in STEPS[:3]:
        story.step(step, token)
        assert story.alive("AWSCURRENT") or not story.overlaps
    assert story.alive("AWSPENDING")


def test_a_process_killed_before_or_after_anything_it_does_is_healed_by_the_same_steps_again(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    length, burnt_out = 0, False
    story.rotate()  # so that there is a previous version
    while not burnt_out:
        length += 1
        token = story.client.start_rotation(story.arn)
        fuse = Fuse(length)
        done = []
        with monkeypatch.context() as patched:
            for name in CALLS:
                patched.setattr(story.client, name, fuse.burning(getattr(story.client, name)))
            patched.setattr(contract, "engine_named", lambda name, fuse=fuse: FusedEngine(engine_named(name), fuse))
            try:
                for step in STEPS:
                    story.step(step, token)
                    done.append(step)
                burnt_out = True
            except Killed:
                assert story.alive("AWSCURRENT") or not story.overlaps
        fuse.open.close()
        for step in STEPS[len(done) :]:
            story.step(step, token)
        assert story.version("AWSCURRENT") == token
        assert story.alive("AWSCURRENT")
        assert story.alive("AWSPREVIOUS") is story.overlaps
    assert length > 10


def test_a_pending_label_lost_after_set_is_healed_by_the_next_rotation(story: Story) -> None:
    story.rotate()
    lost = story.client.start_rotation(story.arn)
    story.step("createSecret", lost)
    story.step("setSecret", lost)
    del story.client.secrets[story.arn].labels["AWSPENDING"]
    token = story.rotate()
    assert story.version("AWSCURRENT") == token
    assert story.alive("AWSCURRENT")


def test_explain_says_which_credential_logs_in_and_why_not_the_others_and_changes_nothing(story: Story) -> None:
    assert list(story.told()) == ["AWSCURRENT"]
    story.rotate()
    former = story.version("AWSPREVIOUS")
    token = story.client.start_rotation(story.arn)
    assert "has no value" in story.told()["AWSPENDING"]["Reason"]
    story.step("createSecret", token)
    before = story.told()
    assert before == story.told()
    assert before["AWSCURRENT"]["LogsIn"] is True
    issues = story.function.strategy.name == "issued-keys"  # live from createSecret on, which makes room for it
    assert before["AWSPREVIOUS"]["LogsIn"] is (story.overlaps and not issues)
    assert before["AWSPREVIOUS"]["VersionId"] == former
    assert before["AWSPENDING"]["LogsIn"] is issues
    for entry in before.values():
        assert entry["LogsIn"] or entry["Reason"]
        assert repr(story.client.value(story.arn)["username"].removesuffix("_clone"))[1:-1] in entry["Target"]
    assert "canary" not in str(before)


def test_rollback_puts_the_target_back_after_set(story: Story) -> None:
    story.rotate()
    token = story.client.start_rotation(story.arn)
    story.step("createSecret", token)
    story.step("setSecret", token)
    for _ in range(2):
        story.step("rollbackSecret", story.version("AWSCURRENT"))
        assert story.alive("AWSCURRENT")
    for _ in range(2):
        story.step("rollbackSecret", token)  # and forward again
        assert story.alive("AWSPENDING")
    story.step("testSecret", token)
    story.step("finishSecret", token)
    assert story.alive("AWSCURRENT")


def test_rollback_puts_the_target_back_to_previous_after_finish(story: Story) -> None:
    for _ in range(2):
        story.rotate()
    for _ in range(2):
        story.step("rollbackSecret", story.version("AWSPREVIOUS"))
        assert story.alive("AWSPREVIOUS")
    story.step("rollbackSecret", story.version("AWSCURRENT"))
    assert story.alive("AWSCURRENT")


@pytest.mark.parametrize("change", [{"username": "somebody_else"}, {"port": 1}])
def test_a_pending_value_of_another_user_or_server_is_refused(story: Story, change: dict[str, Any]) -> None:
    before = story.client.value(story.arn)
    token = story.client.start_rotation(story.arn)
    story.step("createSecret", token)
    pending = story.client.value(story.arn, "AWSPENDING")
    story.client.secrets[story.arn].versions[token] = json.dumps({**pending, **change})
    for step, event_token in (("setSecret", token), ("rollbackSecret", token)):
        assert str(change.get("username", ":1")) in story.refusal(step, event_token)
    assert story.target.alive(before)


def test_a_probe_of_the_secret_must_succeed_and_give_what_is_expected(story: Story) -> None:
    if story.target.granted_probe is None:
        pytest.skip("it runs no probes")
    good, current = story.target.granted_probe, story.client.value(story.arn)
    story.client.store(story.arn, {**current, "probes": [good, good["statement"]]})
    story.rotate()
    bad = ({"statement": good["statement"], "expect": "canary-else"}, story.target.refused_probe)
    for probe, said in zip(bad, ("did not give what is expected", "was refused"), strict=True):
        story.client.store(story.arn, {**story.client.value(story.arn), "probes": [good, probe]})
        token = story.client.start_rotation(story.arn)
        story.step("createSecret", token)
        story.step("setSecret", token)
        assert f"probe 2 {said}" in story.refusal("testSecret", token)
        story.step("rollbackSecret", story.version("AWSCURRENT"))


def test_missing_keys_are_told_together_with_a_complete_example(story: Story) -> None:
    story.client.store(story.arn, {"engine": "postgress", "port": "many"})
    token = story.client.start_rotation(story.arn)
    text = story.refusal("createSecret", token)
    facts = story.target.module.FACTS
    for key in ("username", facts.password_key, *([] if facts.default_host else ["host"])):
        assert f'"{key}" is missing' in text
    assert "known engines: " in text
    assert '"port" must be a number' in text
    assert json.dumps(dict(facts.example), ensure_ascii=False) in text


def test_an_admin_secret_of_another_server_is_not_used(story: Story) -> None:
    value = story.client.value(story.arn)
    if "masterarn" not in value:
        pytest.skip("it needs no admin secret")
    admin = story.client.value(value["masterarn"])
    story.client.store(value["masterarn"], {**admin, "host": "localhost"})
    token = story.client.start_rotation(story.arn)
    text = ""
    for step in STEPS[:2]:
        try:
            story.step(step, token)
        except StepFailed as failed:
            text = str(failed)
            break
    assert "both must name the same server" in text
    story.client.store(
        value["masterarn"], {**admin, "host": "localhost", "serves": [f"{value['host']}:{value['port']}"]}
    )
    token = story.client.start_rotation(story.arn)
    for step in STEPS:
        story.step(step, token)
    assert story.alive("AWSCURRENT")


def test_no_secret_value_stands_in_what_the_server_writes_down(story: Story) -> None:
    values = [story.client.value(story.arn)]
    for _ in range(2):
        story.rotate()
        values.append(story.client.value(story.arn))
    log = story.target.log_text()
    key = story.target.module.FACTS.password_key
    assert story.target.writes_log in log
    assert not [value for value in values[1:] if value[key] in log]
    assert "canary-admin-password" not in log
