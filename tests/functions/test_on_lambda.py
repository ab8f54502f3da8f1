"""`detent functions package`: its zip rotates on AWS as it stands, with nothing of Detent's server.

AWS is moto's server; the function is a process of its own, which has the unpacked zip, Python's standard library and
boto3, and may do what the role of deploy/aws/template.yaml may. Databases are real.
"""

import json
import platform
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import detent
from cli.command import detent as command
from cli.command import success
from cli.packages import only_from, wheel_of
from deploy.template import allowed_actions
from detent.functions.builtin import BUILTIN
from servers.aws import Aws, rotate, start_rotation, worker
from servers.canary import Canary
from servers.target import Target

ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
WHEELS = {"postgres": ("psycopg", "psycopg-binary", "typing-extensions"), "mariadb": ("PyMySQL",), "redis": ("redis",)}
RUN = [
    ("postgres-system", "detent-postgres-alternating-users"),
    ("mariadb-tls", "detent-mariadb-dual-password"),
    ("redis-alone", "detent-redis-single-user"),
]


@pytest.fixture(scope="session")
def aws(server_of: Callable[[str], Any]) -> Aws:
    return Aws(server_of("iam"))


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make a function's zip by the command, of the very wheels that are installed here."""

    def made(name: str) -> Path:
        folder = tmp_path_factory.mktemp("package")
        for distribution in WHEELS[BUILTIN[name].engine]:
            wheel_of(folder, distribution)
        out = folder / "function.zip"
        arguments = ("functions", "package", name, "--out", out, "--architecture", ARCHITECTURE)
        success(command(*arguments, env={"HOME": str(folder), **only_from(folder)}))
        return out

    return cache(made)


class Deployed(NamedTuple):
    """A function on AWS: its ARN, and the folder that its code is run from."""

    arn: str
    code: Path


@pytest.fixture
def deploy(packed: Callable[[str], Path], aws: Aws, tmp_path: Path) -> Callable[[str], Deployed]:
    def deployed(name: str) -> Deployed:
        with zipfile.ZipFile(packed(name)) as archive:
            archive.extractall(tmp_path / "task")
        return Deployed(aws.deploy(packed(name), "function.handler"), tmp_path / "task")

    return deployed


def new_secret(secrets: Any, target: Target, name: str) -> str:
    """Store a new user's login, with an admin secret where it cannot do without one."""
    value = target.new_value()
    if target.module.FACTS.privileges[BUILTIN[name].strategy.name].own != ():
        admin = f"{value['username']}_admin"
        target.create_administrator(admin, "canary-admin-password", over=value["username"])
        text = json.dumps(target.value(admin, "canary-admin-password"))
        value["masterarn"] = secrets.create_secret(Name=admin, SecretString=text)["ARN"]
    return str(secrets.create_secret(Name=f"{name}/{value['username']}", SecretString=json.dumps(value))["ARN"])


def value_of(secrets: Any, arn: str, label: str = "AWSCURRENT") -> dict[str, Any]:
    read: dict[str, Any] = json.loads(secrets.get_secret_value(SecretId=arn, VersionStage=label)["SecretString"])
    return read


@pytest.mark.parametrize("run", RUN, ids=lambda run: run[1])
def test_a_packed_function_rotates_three_times_on_aws_by_the_role_of_the_template(
    run: tuple[str, str],
    deploy: Callable[[str], Deployed],
    server_of: Callable[[str], Target],
    aws: Aws,
    canary: Canary,
) -> None:
    row, name = run
    target, secrets, function = server_of(row), aws.client("secretsmanager"), deploy(name)
    arn = new_secret(secrets, target, name)
    variables = {
        **aws.credentials_of(allowed_actions()),
        "SECRETS_MANAGER_ENDPOINT": aws.endpoint,
        "PASSWORD_LENGTH": "41",
        "EXCLUDE_NUMBERS": "true",
    }
    former = [value_of(secrets, arn)]
    with worker(function.code, "function.handler", variables, canary) as running:
        for _ in range(3):
            token = rotate(secrets, arn, function.arn, running)
            former.append(value_of(secrets, arn))
            canary.watch(former[-1]["password"])
            assert "AWSCURRENT" in secrets.describe_secret(SecretId=arn)["VersionIdsToStages"][token]
            assert target.alive(former[-1])
            assert target.alive(value_of(secrets, arn, "AWSPREVIOUS")) is BUILTIN[name].overlaps
            assert len(former[-1]["password"]) == 41
            assert not any(letter.isdigit() for letter in former[-1]["password"])
    assert len({value["password"] for value in former}) == 4
    assert not any(target.alive(value) for value in former[:2])
    assert "detent.functions.contract" in running.loaded
    assert all(module == "detent" or module.startswith("detent.functions") for module in running.loaded)


def test_a_step_that_fails_on_aws_says_why_without_a_secret_value(
    deploy: Callable[[str], Deployed], server_of: Callable[[str], Target], aws: Aws, canary: Canary
) -> None:
    target, secrets, function = (
        server_of("redis-alone"),
        aws.client("secretsmanager"),
        deploy("detent-redis-single-user"),
    )
    wrong = json.dumps({**target.new_value(), "password": canary.value()})
    arn = secrets.create_secret(Name="wrong", SecretString=wrong)["ARN"]
    event = {"SecretId": arn, "ClientRequestToken": start_rotation(secrets, arn, function.arn)}
    variables = {**aws.credentials_of(allowed_actions()), "SECRETS_MANAGER_ENDPOINT": aws.endpoint}
    with worker(function.code, "function.handler", variables, canary) as running:
        assert running.invoke({**event, "Step": "createSecret"}) is None
        failure = running.invoke({**event, "Step": "setSecret"})
    assert failure is not None
    assert failure.startswith(f"LoginRefused: setSecret of {arn}: AWSCURRENT (version ")
    assert "no known password logs in" in failure


def test_the_packed_world_has_no_room_of_the_server(deploy: Callable[[str], Deployed]) -> None:
    rooms = {path.stem for path in Path(detent.__file__).parent.iterdir()} - {"functions", "__init__", "__pycache__"}
    assert {"main", "service", "store", "crypto", "api"} <= rooms
    ask = (
        "import sys, importlib.util as u; sys.path.insert(0, sys.argv[1])\n"
        "print([r for r in sys.argv[2:] if u.find_spec('detent.' + r)], u.find_spec('detent.functions') is not None)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", ask, str(deploy("detent-redis-single-user").code), *sorted(rooms)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[] True\n"
