"""An engine's driver is its extra: what the engine imports is there, in the version of requirements.lock."""

import ast
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from pathlib import Path

import pytest

import detent.functions.engines
from detent.cli.drivers import drivers_of, versions
from detent.functions.builtin import BUILTIN

ENGINES = sorted({function.engine for function in BUILTIN.values()})
LOCK = (Path(__file__).parent.parent.parent / "requirements.lock").read_text()
ON_LAMBDA = {"boto3", "botocore", "urllib3"}  # its Python brings them


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def named(requirement: str) -> str:
    return plain(re.split(r"[^\w.-]", requirement, maxsplit=1)[0])


def all_of(requirements: list[str]) -> Iterator[str]:
    """Name what requirements bring, without extras of theirs and what is for other systems."""
    for requirement in requirements:
        with suppress(PackageNotFoundError):
            further = requires(named(requirement)) or []
            yield named(requirement)
            yield from all_of([line for line in further if "extra ==" not in line])


def imports_of(engine: str) -> set[str]:
    """Name what the engine's files import from outside, wherever the import stands."""
    (folder,) = detent.functions.engines.__path__
    files = [*Path(folder).glob(f"{engine}.py"), *Path(folder, engine).rglob("*.py")]
    assert files
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    found |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in found} - sys.stdlib_module_names - {"detent"}


@pytest.mark.parametrize("engine", ENGINES)
def test_what_an_engine_imports_its_extra_brings_or_lambda_has(engine: str) -> None:
    brought, of_module = set(all_of(drivers_of(engine))), packages_distributions()
    missing = [
        name for name in imports_of(engine) - ON_LAMBDA if not brought & {plain(one) for one in of_module.get(name, ())}
    ]
    assert missing == [], f"pyproject.toml needs an extra {engine!r} that brings them, and .venv made anew"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_driver_is_packed_in_the_version_of_the_lock(engine: str) -> None:
    pins = {plain(pin) for pin in versions()}
    for name in {named(requirement) for requirement in drivers_of(engine)}:
        assert re.search(rf"^{re.escape(name)}=={re.escape(version(name))} ", LOCK, re.MULTILINE)
        assert plain(f"{name}=={version(name)}") in pins


def test_drivers_are_found_for_the_engines_that_have_one() -> None:
    assert drivers_of("postgres") == ["psycopg[binary]>=3.3", "scramp>=1.4"]
    assert [named(requirement) for requirement in drivers_of("mariadb")] == ["pymysql"]
    assert drivers_of("iam") == []
    assert imports_of("postgres") == {"psycopg", "scramp"}
