"""The table of C.6: what each write does to labels, and every rule of UpdateSecretVersionStage."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from servers.canary import Canary
from wire.answers import MARKED, NOT_FOUND, new_name, refused

UNKNOWN = "9" * 32


@dataclass
class Labelled:
    """A secret whose versions the tests call by one letter; `written` makes one under labels."""

    client: Any
    canary: Canary
    name: str = field(default_factory=new_name)

    def __post_init__(self) -> None:
        self.arn = self.client.create_secret(Name=self.name)["ARN"]

    def write(self, version: str, *labels: str, update: bool = False) -> None:
        stages = {"VersionStages": list(labels)} if labels else {}
        call = self.client.update_secret if update else self.client.put_secret_value
        call(SecretId=self.name, SecretString=self.canary.value(version), ClientRequestToken=version * 32, **stages)

    def move(self, label: str, to: str | None = None, source: str | None = None) -> dict[str, Any]:
        asked = {"MoveToVersionId": to and to * 32, "RemoveFromVersionId": source and source * 32}
        given = {name: value for name, value in asked.items() if value is not None}
        reply: dict[str, Any] = self.client.update_secret_version_stage(SecretId=self.name, VersionStage=label, **given)
        return reply

    @property
    def labels(self) -> dict[str, str]:
        """Label to version, in letters."""
        stages = self.client.describe_secret(SecretId=self.name)["VersionIdsToStages"]
        return {label: version[0] for version, labels in stages.items() for label in labels}


@pytest.fixture
def secret(client, canary: Canary) -> Labelled:
    return Labelled(client, canary)


WRITES: list[tuple[str, list[tuple[str, ...]], dict[str, str]]] = [
    ("the first value is current", [("a",)], {"AWSCURRENT": "a"}),
    ("current moves, previous follows", [("a",), ("b",)], {"AWSCURRENT": "b", "AWSPREVIOUS": "a"}),
    ("previous moves on", [("a",), ("b",), ("c",)], {"AWSCURRENT": "c", "AWSPREVIOUS": "b"}),
    ("pending alone leaves current", [("a",), ("b", "AWSPENDING")], {"AWSCURRENT": "a", "AWSPENDING": "b"}),
    (
        "pending is taken from another version",
        [("a",), ("b", "AWSPENDING"), ("c", "AWSPENDING")],
        {"AWSCURRENT": "a", "AWSPENDING": "c"},
    ),
    (
        "pending is taken even from the current version",
        [("a", "AWSCURRENT", "AWSPENDING"), ("b", "AWSPENDING")],
        {"AWSCURRENT": "a", "AWSPENDING": "b"},
    ),
    (
        "a new current value drops pending from an older version",
        [("a",), ("b", "AWSPENDING"), ("c",)],
        {"AWSCURRENT": "c", "AWSPREVIOUS": "a"},
    ),
    (
        "a new current value drops pending from the version that was current",
        [("a", "AWSCURRENT", "AWSPENDING"), ("b",)],
        {"AWSCURRENT": "b", "AWSPREVIOUS": "a"},
    ),
    (
        "current and another label move together",
        [("a", "AWSCURRENT", "X"), ("b", "AWSCURRENT", "X")],
        {"AWSCURRENT": "b", "AWSPREVIOUS": "a", "X": "b"},
    ),
    (
        "current and pending on one new version",
        [("a",), ("b", "AWSPENDING"), ("c", "AWSCURRENT", "AWSPENDING")],
        {"AWSCURRENT": "c", "AWSPREVIOUS": "a", "AWSPENDING": "c"},
    ),
    (
        "labels of one's own stay where they are when current moves",
        [("a", "AWSCURRENT", "X"), ("b",)],
        {"AWSCURRENT": "b", "AWSPREVIOUS": "a", "X": "a"},
    ),
    (
        "labels of one's own move, current stays",
        [("a",), ("b", "X"), ("c", "X", "Y")],
        {"AWSCURRENT": "a", "X": "c", "Y": "c"},
    ),
    ("the first value is current under other labels too", [("a", "X", "Y")], {"AWSCURRENT": "a", "X": "a", "Y": "a"}),
    ("the first value is current even as pending", [("a", "AWSPENDING")], {"AWSCURRENT": "a", "AWSPENDING": "a"}),
    (
        "any other AWS name is an ordinary label",
        [("a",), ("b", "AWSOTHER"), ("c",)],
        {"AWSCURRENT": "c", "AWSPREVIOUS": "a", "AWSOTHER": "b"},
    ),
]


@pytest.mark.parametrize(("writes", "expected"), [row[1:] for row in WRITES], ids=[row[0] for row in WRITES])
def test_a_put_moves_labels(secret: Labelled, writes, expected) -> None:
    for write in writes:
        secret.write(*write)
    assert secret.labels == expected


def test_an_update_with_a_value_moves_labels_as_a_plain_put(secret: Labelled) -> None:
    secret.write("a", "AWSCURRENT", "X")
    secret.write("b", "AWSPENDING")
    secret.write("c", update=True)
    assert secret.labels == {"AWSCURRENT": "c", "AWSPREVIOUS": "a", "X": "a"}


def test_a_version_that_loses_its_last_label_is_deprecated(secret: Labelled) -> None:
    secret.write("a")
    secret.write("b", "X")
    secret.write("c", "X")
    listed = secret.client.list_secret_version_ids(SecretId=secret.name)["Versions"]
    assert sorted(version["VersionId"][0] for version in listed) == ["a", "c"]


# Every test of a move begins with: a is previous, b is current and KEPT, c is pending, X is on c, d has no label.
START = {"AWSPREVIOUS": "a", "AWSCURRENT": "b", "KEPT": "b", "AWSPENDING": "c", "X": "c"}


@pytest.fixture
def labelled(secret: Labelled) -> Labelled:
    secret.write("a")
    secret.write("b", "AWSCURRENT", "KEPT")
    secret.write("d", "GONE")
    secret.write("c", "AWSPENDING", "X")
    secret.move("GONE", source="d")
    assert secret.labels == START
    return secret


MOVES: list[tuple[str, tuple[str, str | None, str | None], dict[str, str | None]]] = [
    ("attached where it is nowhere", ("NEW", "a", None), {"NEW": "a"}),
    ("attached to a deprecated version", ("NEW", "d", None), {"NEW": "d"}),
    ("attached where it is already", ("X", "c", None), {}),
    ("moved from where it is", ("X", "a", "c"), {"X": "a"}),
    ("moved to where it is", ("X", "c", "c"), {}),
    ("removed", ("X", None, "c"), {"X": None}),
    ("previous removed", ("AWSPREVIOUS", None, "a"), {"AWSPREVIOUS": None}),
    ("pending removed", ("AWSPENDING", None, "c"), {"AWSPENDING": None}),
    ("previous moved by hand", ("AWSPREVIOUS", "c", "a"), {"AWSPREVIOUS": "c"}),
    (
        "current moved: previous follows, pending stays on the new one, KEPT on the old one",
        ("AWSCURRENT", "c", "b"),
        {"AWSCURRENT": "c", "AWSPREVIOUS": "b"},
    ),
    ("current moved back", ("AWSCURRENT", "a", "b"), {"AWSCURRENT": "a", "AWSPREVIOUS": "b"}),
    ("current moved to where it is", ("AWSCURRENT", "b", "b"), {}),
    ("another label never touches previous", ("KEPT", "c", "b"), {"KEPT": "c"}),
]


@pytest.mark.parametrize(("move", "changed"), [row[1:] for row in MOVES], ids=[row[0] for row in MOVES])
def test_a_label_moves(labelled: Labelled, move, changed) -> None:
    reply = labelled.move(*move)
    del reply["ResponseMetadata"]
    assert reply == {"ARN": labelled.arn, "Name": labelled.name}
    expected = {label: holder for label, holder in {**START, **changed}.items() if holder is not None}
    assert labelled.labels == expected


CANNOT_VANISH = (
    "You can only move staging label AWSCURRENT to a different secret version. It can\u2019t be completely removed."
)
REFUSALS = [
    (
        "moved without saying from where",
        ("X", "a", None),
        (
            "The parameter RemoveFromVersionId can't be empty. Staging label X is currently attached to version"
            f" {'c' * 32}, so you must explicitly reference that version in RemoveFromVersionId."
        ),
    ),
    (
        "current moved without saying from where",
        ("AWSCURRENT", "a", None),
        (
            "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to"
            f" version {'b' * 32}, so you must explicitly reference that version in RemoveFromVersionId."
        ),
    ),
    (
        "moved from where it is not",
        ("X", "a", "b"),
        (
            "When you move staging label X, if you specify RemoveFromVersionId, it must be set to the version that"
            " currently has the staging label X."
        ),
    ),
    ("current removed", ("AWSCURRENT", None, "b"), CANNOT_VANISH),
    ("removed from where it is not", ("X", None, "b"), f"Version stage X not found in version {'b' * 32}"),
    (
        "current removed from where it is not",
        ("AWSCURRENT", None, "a"),
        f"Version stage AWSCURRENT not found in version {'a' * 32}",
    ),
    ("nothing removed", ("NEW", None, "b"), f"Version stage NEW not found in version {'b' * 32}"),
    (
        "neither",
        ("X", None, None),
        "You must provide a value for MoveToVersionId, RemoveFromVersionId, or both.",
    ),
    ("to an unknown version", ("X", "9", "c"), f"Not a valid version: {UNKNOWN}"),
    ("from an unknown version", ("X", "a", "9"), f"Not a valid version: {UNKNOWN}"),
    ("removed from an unknown version", ("X", None, "9"), f"Not a valid version: {UNKNOWN}"),
]


@pytest.mark.parametrize(("move", "message"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_a_move_against_the_rules_is_refused_and_changes_nothing(labelled: Labelled, move, message: str) -> None:
    with refused(("InvalidParameterException", message)):
        labelled.move(*move)
    assert labelled.labels == START


def test_a_label_that_would_be_the_twenty_first_is_refused(labelled: Labelled) -> None:
    for number in range(15):
        labelled.move(f"L{number}", to="a")
    with refused(("LimitExceededException", "A secret can have at most 20 staging labels over all its versions.")):
        labelled.move("ONE-MORE", to="a")


def test_what_every_operation_on_a_secret_refuses_is_refused(labelled: Labelled) -> None:
    with refused(NOT_FOUND):
        labelled.client.update_secret_version_stage(SecretId=new_name(), VersionStage="X", MoveToVersionId=UNKNOWN)
    labelled.client.delete_secret(SecretId=labelled.name)
    with refused(MARKED):
        labelled.move("X", to="a", source="c")
