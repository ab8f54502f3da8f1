"""`docs/how-to/run-your-own-functions.md`, followed on a server: its function rotates a secret."""

import re
import shlex
import sys
from pathlib import Path

from cli.command import detent, success
from servers.canary import Canary
from servers.detent import running

PAGE = (Path(__file__).parent.parent.parent / "docs/how-to/run-your-own-functions.md").read_text(encoding="utf-8")


def commands() -> list[list[str]]:
    """Give what the page's shell blocks say, a command each."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.replace("\\\n", " ").splitlines()]


def test_the_pages_function_rotates_a_secret_as_the_page_says(tmp_path: Path, canary: Canary) -> None:
    folder = tmp_path / "rotate"
    folder.mkdir()
    (folder / "lambda_function.py").write_text(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0], encoding="utf-8")
    adding, asking, waiting, reading = (
        next(command for command in commands() if command[: len(begin)] == begin)
        for begin in (["detent", "functions", "add"], ["aws"], ["detent", "rotate"], ["detent", "functions", "logs"])
    )
    adding[adding.index("rotate")] = str(folder)
    with running(tmp_path / "data") as server:
        canary.folders.append(server.data)
        client = server.client()
        first = canary.value()
        client.create_secret(Name="app/token", SecretString=first)
        success(detent(*adding[1:], "--data", server.data))
        named = dict(zip(asking[3::2], asking[4::2], strict=True))
        client.rotate_secret(
            SecretId=named["--secret-id"], RotationLambdaARN=named["--rotation-lambda-arn"], RotateImmediately=False
        )
        success(detent(*waiting[1:], "--data", server.data))
        second = client.get_secret_value(SecretId="app/token")["SecretString"]
        assert second != first
        assert len(second) == 32
        assert client.get_secret_value(SecretId="app/token", VersionStage="AWSPREVIOUS")["SecretString"] == first
        assert "REPORT RequestId:" in success(detent(*reading[1:], "--data", server.data))


def test_every_command_of_the_page_is_one() -> None:
    ours = [command[1:] for command in commands() if command[0] == "detent"]
    assert len(ours) > 5
    for words in ours:
        known = success(detent(*words[: 1 if words[0] == "rotate" else 2], "--help"))
        assert all(word in known for word in words if word.startswith("--"))


def test_the_pages_function_imports_no_more_than_a_lambda_has() -> None:
    code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
    assert set(re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE)) <= {"boto3", *sys.stdlib_module_names}
