"""`detent functions package`: what is in the zip, for which platform, and that it comes out the same. Real pip."""

import os
import sys
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from cli.command import detent, refusal, success
from cli.packages import only_from, wheel
from detent.cli.installing import Platform

MINOR = sys.version_info.minor
REDIS = version("redis")


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with stand-ins for the driver of Redis, of the version that is installed here and of a newer one."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for number in (REDIS, "99.0"):
        wheel(folder, "redis", number)
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A working folder: a function that is Redis's with another rule, its test, and the package that it needs."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "function.py").write_text(
        "from detent.functions.contract import RotationFunction\n"
        "from detent.functions.strategies import SingleUser\n\n\n"
        "class Mine(SingleUser):\n"
        "    pass\n\n\n"
        'handler = RotationFunction(Mine(), "redis")\n'
    )
    (folder / "test_function.py").write_text("def test_nothing():\n    pass\n")
    (folder / "requirements.txt").write_text("extra-package\n")
    return folder


def package(
    wheels: Path, name: str | Path, *options: str, out: str = "function.zip", env: Mapping[str, str] | None = None
) -> CompletedProcess[str]:
    made = wheels.parent / out
    home = {"HOME": str(wheels.parent), **only_from(wheels), **(env or {})}
    return detent("functions", "package", name, "--out", made, *options, env=home)


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_zip_holds_the_function_the_framework_and_the_driver_that_is_installed(
    wheels: Path, tmp_path: Path
) -> None:
    said = success(package(wheels, "detent-redis-dual-password", "--architecture", "arm64")).splitlines()
    found = contents(tmp_path / "function.zip")
    assert found["redis.py"].decode() == f"VERSION = {REDIS!r}\n"
    assert {name.partition("/")[0] for name in found} == {
        "detent",
        "function.py",
        "redis.py",
        f"redis-{REDIS}.dist-info",
    }
    ours = {name for name in found if name.startswith("detent/") and not name.startswith("detent/functions/")}
    assert ours == {"detent/__init__.py"}
    assert 'RotationFunction(STRATEGIES["dual-password"], "redis")' in found["function.py"].decode()
    assert said[0].startswith(f"{tmp_path / 'function.zip'}: 0.")
    assert " unpacked, SHA-256 " in said[0]
    assert said[1] == (f"For python3.{MINOR} on arm64, handler function.handler. Beside the function: redis {REDIS}.")


def test_the_same_function_gives_the_same_bytes_which_name_nothing_of_this_machine(
    wheels: Path, tmp_path: Path
) -> None:
    info = f"redis-{REDIS}.dist-info"
    files = {"redis.py": "", f"{info}/entry_points.txt": "[console_scripts]\nredis-cli = redis:main\n"}
    wheel(wheels, "redis", REDIS, files)
    success(package(wheels, "detent-redis-single-user"))
    success(package(wheels, "detent-redis-single-user", out="again.zip", env={"TZ": "Asia/Tokyo"}))
    first = tmp_path / "function.zip"
    assert first.read_bytes() == (tmp_path / "again.zip").read_bytes()
    found = contents(first)
    assert not [name for name in found if name.startswith("bin/") or name.endswith(("RECORD", "INSTALLER", ".pyc"))]
    here = (str(tmp_path).encode(), sys.prefix.encode(), sys.executable.encode())
    assert not [name for name, content in found.items() if any(place in content for place in here)]


@pytest.mark.parametrize(("architecture", "machine"), [("x86_64", "x86_64"), ("arm64", "aarch64")])
def test_the_wheel_is_the_one_of_the_architecture(
    architecture: str, machine: str, wheels: Path, tmp_path: Path
) -> None:
    (wheels / f"redis-{REDIS}-py3-none-any.whl").unlink()
    for other in ("x86_64", "aarch64"):
        wheel(wheels, "redis", REDIS, {"redis.py": other}, platform=f"manylinux_2_17_{other}.manylinux2014_{other}")
    success(package(wheels, "detent-redis-single-user", "--architecture", architecture))
    assert contents(tmp_path / "function.zip")["redis.py"].decode() == machine


def test_wheels_are_of_a_c_library_that_lambdas_linux_has() -> None:
    named = {minor: list(Platform(minor, "arm64").options()) for minor in (11, 12)}
    assert "manylinux_2_26_aarch64" in named[11]
    assert "manylinux_2_27_aarch64" not in named[11]
    assert "manylinux_2_34_aarch64" in named[12]
    assert "manylinux_2_35_aarch64" not in named[12]


def test_where_there_is_no_wheel_the_platform_is_named(wheels: Path) -> None:
    (wheels / f"redis-{REDIS}-py3-none-any.whl").unlink()
    wheel(wheels, "redis", REDIS, platform="manylinux_2_35_x86_64")
    said = refusal(package(wheels, "detent-redis-single-user"))
    assert said.startswith(f"the packages for python3.{MINOR} on x86_64 were not installed: ")
    assert "another --runtime or --architecture may have one" in said


def test_a_later_python_may_be_asked_for_and_an_earlier_one_may_not(wheels: Path) -> None:
    said = success(package(wheels, "detent-redis-single-user", "--runtime", f"python3.{MINOR + 1}"))
    assert f"For python3.{MINOR + 1} on x86_64" in said
    for wrong in (f"python3.{MINOR - 1}", "nodejs22.x", ""):
        told = refusal(package(wheels, "detent-redis-single-user", "--runtime", wrong))
        assert told.startswith(f"--runtime must be python3.{MINOR}")


def test_a_driver_that_is_not_installed_is_not_packed(wheels: Path, tmp_path: Path) -> None:
    metadata = tmp_path / "path" / "detent-0.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Name: detent\nVersion: 0\nRequires-Dist: nosuch-driver[fast]>=2; extra == 'redis'\n")
    path = os.pathsep.join([str(metadata.parent.parent), os.environ.get("PYTHONPATH", "")])
    said = refusal(package(wheels, "detent-redis-single-user", env={"PYTHONPATH": path}))
    assert said.startswith("the driver nosuch-driver is not installed")
    assert said.endswith("pip install 'detent[redis]'")


def test_a_folder_of_ones_own_is_packed_with_its_packages_and_its_engines_driver(wheels: Path, own: Path) -> None:
    wheel(wheels, "extra_package")
    said = success(package(wheels, own, out="mine/function.zip"))
    first = (own / "function.zip").read_bytes()
    success(package(wheels, own, out="mine/function.zip"))
    assert (own / "function.zip").read_bytes() == first
    found = contents(own / "function.zip")
    assert found["function.py"] == (own / "function.py").read_bytes()
    assert {"redis.py", "extra_package.py", "detent/functions/contract.py"} <= set(found)
    assert not {"test_function.py", "requirements.txt", "function.zip"} & set(found)
    assert f"redis {REDIS}" in said
    assert sorted(path.name for path in own.iterdir()) == [
        "function.py",
        "function.zip",
        "requirements.txt",
        "test_function.py",
    ]


def test_a_plain_function_needs_no_engine_and_may_make_its_client_where_it_is_loaded(
    wheels: Path, own: Path, tmp_path: Path
) -> None:
    (own / "requirements.txt").unlink()
    (own / "function.py").write_text(
        "import os\n\nimport boto3\n\n"
        'client = boto3.client("secretsmanager", endpoint_url=os.environ["SECRETS_MANAGER_ENDPOINT"])\n'
        'print("loaded")\n\n\ndef handler(event, context):\n    pass\n'
    )
    assert success(package(wheels, own)).endswith("Beside the function: no packages.\n")
    assert "redis.py" not in contents(tmp_path / "function.zip")


def test_what_cannot_be_packed_is_told_in_one_line(wheels: Path, own: Path, tmp_path: Path) -> None:
    said = refusal(package(wheels, "detent-nosuch-single-user"))
    assert said == (
        "detent-nosuch-single-user is neither a function that comes with Detent (detent functions list) nor a folder "
        "with function.py"
    )
    for code, reason in (
        ("import nosuch_module\n", "ModuleNotFoundError: No module named 'nosuch_module'"),
        ("def handle():\n    pass\n", "it has no function named handler"),
        ("def handler(:\n", "SyntaxError: "),
    ):
        (own / "function.py").write_text(code)
        told = refusal(package(wheels, own))
        assert told.startswith(f"{own / 'function.py'} cannot be loaded: {reason}")
    told = refusal(package(wheels, "detent-redis-single-user", out="nowhere/function.zip"))
    assert told.startswith(f"cannot make {tmp_path / 'nowhere' / 'function.zip'}: No such file or directory")
    assert not list(tmp_path.glob("*.zip"))
