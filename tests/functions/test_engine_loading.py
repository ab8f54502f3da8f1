import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from detent.functions.builtin import BUILTIN
from detent.functions.contract import RotationFunction, StepFailed
from detent.functions.engines import Login, engine_named, postgres
from detent.functions.errors import EngineUnavailable
from detent.functions.passwords import Password
from detent.functions.strategies import SingleUser
from detent.functions.testing import SecretsSimulator
from functions.stories import run


def test_importing_the_built_in_functions_imports_no_driver_and_no_sdk() -> None:
    # `detent.client` comes with the package itself, and imports boto3 only when it is called.
    program = (
        "import sys, detent.functions.builtin as b; b.BUILTIN['detent-postgres-single-user'];"
        "print([m for m in ('psycopg', 'redis', 'boto3', 'botocore') if m in sys.modules],"
        " [m for m in sys.modules if m.startswith('detent.')"
        " and not m.startswith(('detent.functions', 'detent.client'))])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[] []"


def test_the_built_in_functions_are_a_fixed_table() -> None:
    assert {"detent-postgres-alternating-users", "detent-postgres-single-user"} <= set(BUILTIN)
    assert repr(BUILTIN["detent-postgres-single-user"]) == "RotationFunction(SingleUser, 'postgres')"
    with pytest.raises(TypeError):
        BUILTIN["mine"] = RotationFunction(SingleUser(), "postgres")  # type: ignore[index]


@pytest.mark.parametrize("name", ["os", "..strategies", "postgres.login", "", "aurora-postgresql", "Postgres"])
def test_a_name_that_is_no_file_of_the_folder_is_not_imported(name: str) -> None:
    with pytest.raises(StepFailed, match="there is no engine"):
        engine_named(name)


def test_the_engine_of_another_package_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = SimpleNamespace(NAMES=("cassandra",))

    def declared(*, group: str, name: str | None = None) -> Iterator[SimpleNamespace]:
        assert group == "detent.engines"
        if name in {None, "cassandra"}:
            yield SimpleNamespace(name="cassandra", load=lambda: foreign)

    monkeypatch.setattr("detent.functions.engines.entry_points", declared)
    assert engine_named("cassandra") is foreign
    with pytest.raises(StepFailed, match=r"installed are: .*cassandra, .*postgres"):
        engine_named("none")


def test_an_installed_package_cannot_replace_an_engine_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detent.functions.engines.entry_points", lambda **_: [SimpleNamespace(load=dict)])
    assert engine_named("postgres") is postgres


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    login = Login("127.0.0.1", 5432, "app", Password("canary"), {})
    with pytest.raises(EngineUnavailable, match=r"pip install 'detent\[postgres\]'"):
        postgres.connect(login, lambda: 30.0)


def test_the_alias_of_aurora_is_rotated_by_the_same_function() -> None:
    client = SecretsSimulator()
    arn = client.create({"engine": "aurora-postgresql", "host": "db.test", "username": "app", "password": "canary"})
    run("createSecret", arn, client.start_rotation(arn), client)
    assert client.value(arn, "AWSPENDING")["engine"] == "aurora-postgresql"


def test_this_room_names_nothing_else_of_detent() -> None:
    room = Path(postgres.__file__).parent.parent
    for file in room.rglob("*.py"):
        for line in file.read_text().splitlines():
            if line.strip().startswith(("import detent", "from detent")):
                assert "detent.functions" in line, f"{file.name}: {line}"
