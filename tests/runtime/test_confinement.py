"""Which confinement is used, and what happens where none works. Some run as another user, which root can become."""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import detent
from detent.model.errors import FunctionFailed
from runtime.conftest import SYSTEM_PYTHON, system_version
from runtime.workshop import Workshop

NOBODY = 65534
WHO = "import os\ndef handler(event, context): return [os.getuid(), os.listdir('/proc'), os.environ.get('SERVERS')]"
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def as_nobody(request: pytest.FixtureRequest) -> Run:
    """Give what runs functions as a user who may nothing."""
    if os.geteuid() != 0 or not Path(SYSTEM_PYTHON).exists() or sys.version_info[:2] != system_version():
        pytest.skip("only root can become another user, and that user needs a Python like this one")
    request.getfixturevalue("bubblewrap")
    seen = [Path(detent.__file__).parent.parent, Path(__file__).parent.parent, Path(sysconfig.get_path("purelib"))]
    if subprocess.run(["/usr/bin/test", "-r", *seen[:1]], user=NOBODY, check=False).returncode:
        pytest.skip("the source is not for everybody to read")

    def run(*functions: str, calls: list[list[Any]], path: str = os.defpath, **options: Any) -> dict[str, Any]:
        told = {
            "options": options,
            "functions": functions,
            "calls": calls,
            "stays": False,
        }
        done = subprocess.run(
            [SYSTEM_PYTHON, str(Path(__file__).with_name("process.py"))],
            input=json.dumps(told),
            text=True,
            capture_output=True,
            check=False,
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            cwd="/tmp",
            env={"PYTHONPATH": ":".join(map(str, seen)), "PATH": path, "SERVERS": "own"},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_bwrap_is_used_where_it_works(make_workshop: Callable[..., Workshop], request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("bubblewrap")
    workshop = make_workshop(confinement="auto")
    _, seen, _ = workshop.invoke(workshop.function(WHO)).value
    assert len([name for name in seen if name.isdigit()]) == 2


def test_without_root_bwrap_confines(as_nobody: Run) -> None:
    told = as_nobody(WHO, calls=[[0, None], [0, None]], confinement="auto")
    assert told["refusal"] is None
    for payload, error, _ in told["answers"]:
        user, seen, servers = payload
        assert error is None
        assert user not in (0, NOBODY)
        assert servers is None
        assert len([name for name in seen if name.isdigit()]) <= 3


def test_without_root_children_end_with_the_function_too(as_nobody: Run) -> None:
    hangs = "import os, time\ndef handler(event, context):\n  if os.fork(): os._exit(3)\n  time.sleep(60)"
    told = as_nobody(hangs, WHO, calls=[[0, None], [1, None]])
    assert told["answers"][0][0]["errorMessage"].endswith("exit status 3")
    assert told["answers"][1][1] is None


def test_without_root_and_without_bwrap_functions_are_refused_with_the_cure(as_nobody: Run) -> None:
    told = as_nobody(WHO, calls=[[0, None]], path="/nowhere")
    assert told == {
        "refusal": "Users' own functions are not run on this host, since nothing would confine them: bubblewrap: bwrap"
        " is not installed; own-user: the server is not root. Install bubblewrap, or run the server as root, or allow"
        " it with --functions-unconfined.",
        "answers": [],
    }


def test_unconfined_they_run_nevertheless(as_nobody: Run) -> None:
    told = as_nobody(WHO, calls=[[0, None]], path="/nowhere", confinement="unconfined")
    assert told["refusal"] is None
    user, _, servers = told["answers"][0][0]
    assert (user, servers) == (NOBODY, None)


def test_a_function_that_is_refused_is_not_run(
    make_workshop: Callable[..., Workshop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    workshop = make_workshop(confinement="bubblewrap")
    with pytest.raises(FunctionFailed, match="bubblewrap: bwrap is not installed"):
        workshop.invoke(workshop.function(WHO))


def test_each_function_has_a_user_of_its_own_that_it_keeps(workshop: Workshop) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    one, two = workshop.function(WHO), workshop.function(WHO)
    users = [workshop.invoke(function).value[0] for function in (one, two)]
    assert users[0] != users[1]
    for function in (two, one):
        workshop.runtime.forget(function)
    assert [workshop.invoke(function).value[0] for function in (one, two)] == users
