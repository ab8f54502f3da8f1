"""`detent explain`, `retry`, `abandon` and `rollback` against a running server and a real PostgreSQL."""

from cli.command import refusal, success
from cli.test_rotate import Rotating, alone, rotating

__all__ = ["alone", "rotating"]


def rows(said: str) -> dict[str, str]:
    """Give what is said by its first word."""
    return {line.split()[0]: line for line in said.splitlines() if line.strip()}


def rotated(rotating: Rotating) -> str:
    rotating.create()
    success(rotating.run("rotate", rotating.name, "--wait"))
    return rotating.current


def test_explain_tells_which_versions_log_in_and_that_nothing_needs_to_be_done(rotating: Rotating) -> None:
    current = rotated(rotating)
    told = rows(success(rotating.run("explain", rotating.name)))
    assert told["AWSCURRENT"].split()[1:3] == [current, "yes"]
    assert told["AWSPREVIOUS"].split()[2] == "no"
    assert "blocks      nothing" in told["blocks"]
    assert "nothing, until you ask for it" in told["next"]
    assert "nothing needs to be done" in told["to"]


def test_rollback_puts_the_roles_password_and_the_labels_back(rotating: Rotating) -> None:
    rotated(rotating)
    said = success(rotating.run("rollback", rotating.name, "--wait"))
    assert "rollbackSecret" in said
    assert said.splitlines()[-1] == f"{rotating.name}: version {rotating.current} is current and logs in."
    assert rotating.client.get_secret_value(SecretId=rotating.name)["SecretString"].count(rotating.password) == 1
    told = rows(success(rotating.run("explain", rotating.name)))
    assert told["AWSCURRENT"].split()[2] == "yes"
    success(rotating.run("rotate", rotating.name, "--wait"))


def test_a_password_changed_by_hand_is_explained_with_the_command_that_heals_it(rotating: Rotating) -> None:
    rotated(rotating)
    rotating.target.set_password(rotating.user, rotating.canary.value("-by-hand"))
    told = rows(success(rotating.run("explain", rotating.name)))
    assert told["AWSCURRENT"].split()[2] == "no"
    assert "login refused" in told["AWSCURRENT"]
    assert "AWSCURRENT does not log in, and neither does any other" in told["blocks"]
    assert f"aws secretsmanager put-secret-value --secret-id {rotating.name}" in told["to"]
    assert "No version with a label logs in" in refusal(rotating.run("rollback", rotating.name))


def test_retry_goes_on_with_an_incomplete_rotation_and_abandon_ends_one(rotating: Rotating) -> None:
    wrong = rotating.canary.value("-wrong")
    rotating.create(wrong)
    rotating.run("rotate", rotating.name, "--wait")
    assert "detent retry" in success(rotating.run("explain", rotating.name)) or wrong
    rotating.target.set_password(rotating.user, wrong)
    said = success(rotating.run("retry", rotating.name, "--wait"))
    assert f"{rotating.name} is tried again now." in said
    assert "There is no incomplete rotation" in refusal(rotating.run("retry", rotating.name))
    rotating.target.set_password(rotating.user, rotating.canary.value("-other"))
    rotating.run("rotate", rotating.name, "--wait")
    said = success(rotating.run("abandon", rotating.name))
    assert "is abandoned" in said or "is being rolled" in said
    assert "AWSPENDING" not in str(rotating.client.describe_secret(SecretId=rotating.name)["VersionIdsToStages"])
