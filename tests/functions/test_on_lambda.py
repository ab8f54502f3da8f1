"""`detent functions package`: its zip rotates on AWS as it stands, with nothing of Detent's server.

AWS is moto's server; the function is a process of its own, which has the unpacked zip, Python's standard library and
boto3, and may do what the role of deploy/aws/template.yaml may. Databases are real.
"""

import json
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import detent
from cli.command import detent as command
from cli.command import success
from cli.packages import ARCHITECTURE, installed_drivers, only_from
from deployment.template import allowed_actions
from detent.functions.builtin import BUILTIN
from servers.aws import ALONE, Aws, rotate, start_rotation, unpacked, worker
from servers.canary import Canary
from servers.target import Target

RUN = [
    ("postgres-system", "detent-postgres-alternating-users"),
    ("mariadb-tls", "detent-mariadb-dual-password"),
    ("redis-alone", "detent-redis-single-user"),
]


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make a function's zip by the command, of the very wheels that are installed here."""

    def made(name: str) -> Path:
        folder = tmp_path_factory.mktemp("package")
        installed_drivers(folder, BUILTIN[name].engine)
        out = folder / "function.zip"
        arguments = ("functions", "package", name, "--out", out, "--architecture", ARCHITECTURE)
        success(command(*arguments, env={"HOME": str(folder), **only_from(folder)}))
        return out

    return cache(made)


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
    packed: Callable[[str], Path],
    server_of: Callable[[str], Target],
    aws: Aws,
    canary: Canary,
) -> None:
    row, name = run
    target, secrets, function = server_of(row), aws.client("secretsmanager"), aws.deploy(packed(name))
    arn = new_secret(secrets, target, name)
    variables = {
        **aws.credentials_of(allowed_actions()),
        "SECRETS_MANAGER_ENDPOINT": aws.endpoint,
        "PASSWORD_LENGTH": "41",
        "EXCLUDE_NUMBERS": "true",
    }
    former = [value_of(secrets, arn)]
    with worker(packed(name), variables, canary) as running:
        for _ in range(3):
            token = rotate(secrets, arn, function, running)
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
    packed: Callable[[str], Path], server_of: Callable[[str], Target], aws: Aws, canary: Canary
) -> None:
    target, secrets = server_of("redis-alone"), aws.client("secretsmanager")
    package = packed("detent-redis-single-user")
    wrong = json.dumps({**target.new_value(), "password": canary.value()})
    arn = secrets.create_secret(Name="wrong", SecretString=wrong)["ARN"]
    event = {"SecretId": arn, "ClientRequestToken": start_rotation(secrets, arn, aws.deploy(package))}
    variables = {**aws.credentials_of(allowed_actions()), "SECRETS_MANAGER_ENDPOINT": aws.endpoint}
    with worker(package, variables, canary) as running:
        assert running.invoke({**event, "Step": "createSecret"}) is None
        failure = running.invoke({**event, "Step": "setSecret"})
    assert failure is not None
    assert failure.startswith(f"LoginRefused: setSecret of {arn}: AWSCURRENT (version ")
    assert "no known password logs in" in failure


@pytest.mark.parametrize("action", ["DescribeSecret", "GetSecretValue", "GetRandomPassword", "PutSecretValue"])
def test_an_action_that_the_role_lacks_is_named_by_the_step_that_needs_it(
    action: str, packed: Callable[[str], Path], aws: Aws, canary: Canary
) -> None:
    package, secrets = packed("detent-redis-single-user"), aws.client("secretsmanager")
    value = {"engine": "redis", "host": "127.0.0.1", "username": "app", "password": canary.value()}
    arn = secrets.create_secret(Name=f"lacks/{action}", SecretString=json.dumps(value))["ARN"]
    event = {"SecretId": arn, "ClientRequestToken": start_rotation(secrets, arn, aws.deploy(package))}
    role = [allowed for allowed in allowed_actions() if not allowed.endswith(f":{action}")]
    variables = {**aws.credentials_of(role), "SECRETS_MANAGER_ENDPOINT": aws.endpoint}
    with worker(package, variables, canary) as running:
        failure = running.invoke({**event, "Step": "createSecret"})
    assert failure is not None
    assert "the secrets manager refused" in failure
    assert f"not authorized to perform: secretsmanager:{action}" in failure


def test_the_packed_world_has_no_room_of_the_server(packed: Callable[[str], Path]) -> None:
    rooms = {path.stem for path in Path(detent.__file__).parent.iterdir()} - {"functions", "__init__", "__pycache__"}
    assert {"main", "service", "store", "crypto", "api"} <= rooms
    ask = (
        "import sys, importlib.util as u; sys.path[:0] = sys.argv[1:3]\n"
        "print([r for r in sys.argv[3:] if u.find_spec('detent.' + r)], u.find_spec('detent.functions') is not None)"
    )
    with unpacked(packed("detent-redis-single-user")) as path:
        command = [*ALONE, "-c", ask, *path, *sorted(rooms)]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[] True\n"
