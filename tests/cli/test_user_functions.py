"""`detent functions` with users' own functions, on a real server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.command import detent, refusal, success
from cli.packages import requirements, wheel
from runtime.invoke_endpoint import invoke_endpoint
from servers.canary import Canary
from servers.detent import RunningDetent, running

ARN = "arn:aws:lambda:us-east-1:000000000000:function"
ECHO = """import json, os
def lambda_handler(event, context):
    print("says", event.get("word"))
    if event.get("fail"):
        raise ValueError(event["fail"])
    return {"word": event.get("word"), "colour": os.environ.get("COLOUR"), "name": context.function_name}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDetent]:
    with running(tmp_path_factory.mktemp("functions") / "data") as started:
        yield started


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    folder = tmp_path / "echo"
    folder.mkdir()
    (folder / "lambda_function.py").write_text(ECHO)
    return folder


def functions(server: RunningDetent, *arguments: str | Path) -> str:
    return success(detent("functions", *arguments, "--data", server.data, env={"HOME": str(server.data.parent)}))


def refused(server: RunningDetent, *arguments: str | Path) -> str:
    return refusal(detent("functions", *arguments, "--data", server.data))


def configuration(server: RunningDetent, name: str) -> dict[str, object]:
    return dict(server.client("lambda").get_function_configuration(FunctionName=name))


def test_a_folder_becomes_a_function_that_can_be_called_and_goes_again(server: RunningDetent, echo: Path) -> None:
    made = functions(server, "add", "echo", "--path", echo)
    assert made.startswith(f"echo is ready: {ARN}:echo\n")
    assert json.loads(functions(server, "invoke", "echo", "--event", '{"word": "one"}')) == {
        "word": "one",
        "colour": None,
        "name": "echo",
    }
    (row,) = [line for line in functions(server, "list").splitlines() if line.startswith("echo ")]
    assert "python3." in row
    assert "lambda_function.lambda_handler" in row
    assert functions(server, "rm", "echo").startswith("echo is deleted.")
    assert "Function not found" in refused(server, "show", "echo")


def test_the_same_command_changes_what_it_says_and_nothing_else(server: RunningDetent, echo: Path) -> None:
    functions(server, "add", "changed", "--path", echo, "--env", "COLOUR=red", "--timeout", "7", "--memory", "256")
    first = configuration(server, "changed")
    (echo / "other.py").write_text("def run(event, context):\n    return 'other'\n")
    functions(server, "add", "changed", "--path", echo, "--handler", "other.run")
    second = configuration(server, "changed")
    assert functions(server, "invoke", "changed") == '"other"\n'
    assert first["CodeSha256"] != second["CodeSha256"]
    for kept in ("Timeout", "MemorySize", "Environment", "Runtime", "Role"):
        assert first[kept] == second[kept]
    functions(server, "add", "changed", "--handler", "lambda_function.lambda_handler", "--env", "COLOUR=blue")
    assert json.loads(functions(server, "invoke", "changed"))["colour"] == "blue"
    assert configuration(server, "changed")["CodeSha256"] == second["CodeSha256"]


def test_a_function_is_shown_without_the_values_of_its_variables(
    server: RunningDetent, echo: Path, canary: Canary
) -> None:
    made = functions(server, "add", "shown", "--path", echo, "--env", f"TOKEN={canary.value()}", "--env", "COLOUR=b=c")
    shown = functions(server, "show", "shown")
    canary.folders.append(server.data)
    canary.texts += [made, shown, server.log.read_text()]
    facts = {line.split()[0]: " ".join(line.split()[1:]) for line in shown.splitlines()}
    assert facts["ARN"] == f"{ARN}:shown"
    assert facts["variables"] == "COLOUR, TOKEN"
    assert facts["timeout"] == "30 s"
    assert facts["memory"] == "128 MiB"
    assert "SHA-256" in facts["code"]


def test_what_a_function_wrote_is_shown_call_by_call(server: RunningDetent, echo: Path) -> None:
    functions(server, "add", "logged", "--path", echo)
    for word in ("one", "two"):
        functions(server, "invoke", "logged", "--event", json.dumps({"word": word}))
    written = functions(server, "logs", "logged")
    assert written.index("  says one") < written.index("  says two")
    assert "REPORT RequestId:" in written
    assert "says one" not in functions(server, "logs", "logged", "--limit", "1")
    assert "says two" in functions(server, "logs", "logged", "--since", "1h")
    assert functions(server, "logs", "logged", "--since", "2099-01-01T00:00") == ""
    assert refused(server, "logs", "logged", "--since", "yesterday").startswith("--since must be a span such as 90s")


def test_a_call_tells_the_log_apart_from_the_answer(server: RunningDetent, echo: Path) -> None:
    functions(server, "add", "tailed", "--path", echo)
    done = detent("functions", "invoke", "tailed", "--event", '{"word": "hi"}', "--tail", "--data", server.data)
    assert json.loads(done.stdout)["word"] == "hi"
    assert "says hi" in done.stderr


def test_a_call_that_failed_is_one_line_and_exit_code_1(server: RunningDetent, echo: Path, tmp_path: Path) -> None:
    functions(server, "add", "failing", "--path", echo)
    event = tmp_path / "event.json"
    event.write_text('{"fail": "no such colour"}')
    assert refused(server, "invoke", "failing", "--event", event) == "failing failed: ValueError: no such colour"
    assert refused(server, "invoke", "failing", "--event", "{oops").startswith("the event is no JSON: ")
    assert refused(server, "invoke", "failing", "--event", tmp_path / "none").startswith("cannot read ")


def test_packages_and_layers_are_there_when_it_runs(server: RunningDetent, tmp_path: Path) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "main.py").write_text(
        "import one, two\ndef run(event, context):\n    return [one.VERSION, two.VERSION]\n"
    )
    of_layer = tmp_path / "layer"
    of_layer.mkdir()
    listed = requirements(of_layer, wheel(tmp_path, "two", "2.0"))
    home = {"HOME": str(tmp_path)}  # pip asks tools that write there
    success(detent("layers", "build", "two", "--requirements", listed, "--data", server.data, env=home))
    beside = requirements(tmp_path, wheel(tmp_path, "one"))
    functions(
        server, "add", "packed", "--path", folder, "--handler", "main.run", "--requirements", beside, "--layer", "two"
    )
    assert json.loads(functions(server, "invoke", "packed")) == ["1.0", "2.0"]
    assert "layer:two:1" in functions(server, "show", "packed")


def test_an_executable_bootstrap_makes_the_runtime_its_own(server: RunningDetent, tmp_path: Path) -> None:
    folder = tmp_path / "shell"
    folder.mkdir()
    (folder / "bootstrap").write_text("#!/bin/sh\nexit 1\n")
    (folder / "bootstrap").chmod(0o755)
    functions(server, "add", "shell", "--path", folder)
    found = configuration(server, "shell")
    assert (found["Runtime"], found["Handler"]) == ("provided.al2023", "bootstrap")


def test_a_function_elsewhere_is_called_there(server: RunningDetent) -> None:
    with invoke_endpoint() as script:
        script.body = b'{"from": "elsewhere"}'
        assert functions(server, "add", "away", "--url", script.url).startswith(f"away is ready: {ARN}:away")
        assert json.loads(functions(server, "invoke", "away", "--event", '{"a": 1}')) == {"from": "elsewhere"}
        assert [json.loads(call.body) for call in script.calls] == [{"a": 1}]
        assert script.url in functions(server, "show", "away")
        assert script.url in functions(server, "list")
    assert "cannot be connected to" in refused(server, "invoke", "away")


def test_a_function_of_aws_is_shown_by_its_arn(server: RunningDetent) -> None:
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate"
    functions(server, "add", "cloud", "--lambda", arn, "--profile", "prod", "--timeout", "20")
    shown = functions(server, "show", "cloud")
    assert arn in shown
    assert "20 s" in shown


WRONG = {
    ("--path", "x", "--url", "http://h/"): "give one of --path, --url and --lambda",
    ("--url", "http://h/", "--profile", "p"): "--profile is for --lambda",
    ("--url", "http://h/", "--env", "A=b"): "--env is for a function that runs here",
    ("--requirements", "r.txt"): "--requirements goes with --path DIR",
    ("--path", "/no/such"): "cannot read /no/such: No such file or directory",
    ("--timeout", "5"): "there is no function wrong yet: give --path, --url or --lambda",
    ("--url", "ftp://h/"): "",
}


def test_what_makes_no_function_is_refused_in_one_line(server: RunningDetent, echo: Path) -> None:
    for arguments, said in WRONG.items():
        assert said in refused(server, "add", "wrong", *arguments)
    told = refused(server, "add", "wrong", "--path", echo, "--env", "=secret-word")
    assert told == "--env must be NAME=VALUE"
    functions(server, "add", "there", "--path", echo)
    assert refused(server, "add", "there") == "there is there, and nothing was given that would change it"
    assert "detent-postgres-single-user" in refused(server, "add", "detent-postgres-single-user", "--path", echo)


def test_a_zip_that_is_none_is_told_by_the_server(server: RunningDetent, tmp_path: Path) -> None:
    wrong = tmp_path / "code.zip"
    wrong.write_bytes(b"no zip")
    assert "zip" in refused(server, "add", "wrong", "--path", wrong).lower()
    assert "wrong" not in [line.split()[0] for line in functions(server, "list").splitlines() if line.strip()]


def test_a_server_that_is_named_and_does_not_answer_ends_the_list(data: Path) -> None:
    assert "is detent serve running?" in refusal(detent("functions", "list", "--data", data))
