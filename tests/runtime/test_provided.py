"""Functions in other languages: an executable named bootstrap that speaks AWS's runtime API."""

import shutil

import pytest

from runtime.workshop import Workshop, credentials
from servers.missing import apt_install, report_missing

SHELL = """\
    #!/bin/sh
    api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
    answer() { curl -sS "$api/invocation/$request/$1" -H 'Transfer-Encoding: chunked' -d "$2" >/dev/null; }
    echo "shell starts"
    while true; do
      headers=$(mktemp)
      event=$(curl -sS -LD "$headers" "$api/invocation/next") || exit 1
      request=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$headers" | tr -d '[:space:]' | cut -d: -f2)
      echo "got $event"
      case "$event" in
        *fail*) answer error '{"errorType":"Shell","errorMessage":"it failed"}';;
        *) answer response "[$event, \\"$_HANDLER\\"]";;
      esac
    done
    """
NODE = """\
    #!/usr/bin/env node
    const http = require("http");
    const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
    const agent = new http.Agent({ keepAlive: true });
    const root = "/2018-06-01/runtime";

    function call(method, path, body, headers = {}) {
      return new Promise((resolve, reject) => {
        const request = http.request({ host, port, path, method, agent, headers }, (response) => {
          const parts = [];
          response.on("data", (part) => parts.push(part));
          response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(parts).toString() }));
        });
        request.on("error", reject);
        request.end(body);
      });
    }

    async function session() {
      const url = new URL(process.env.AWS_CONTAINER_CREDENTIALS_FULL_URI);
      const token = process.env.AWS_CONTAINER_AUTHORIZATION_TOKEN;
      return JSON.parse((await call("GET", url.pathname, undefined, { Authorization: token })).body).AccessKeyId;
    }

    async function main() {
      const handler = require(process.env.LAMBDA_TASK_ROOT + "/index.js").handler;
      while (true) {
        const { headers, body } = await call("GET", root + "/invocation/next");
        const id = headers["lambda-runtime-aws-request-id"];
        const left = Number(headers["lambda-runtime-deadline-ms"]) - Date.now();
        try {
          const answer = await handler(JSON.parse(body), { left, session: await session() });
          await call("POST", `${root}/invocation/${id}/response`, JSON.stringify(answer));
        } catch (error) {
          const told = { errorType: error.name, errorMessage: error.message, stackTrace: error.stack.split("\\n") };
          await call("POST", `${root}/invocation/${id}/error`, JSON.stringify(told));
        }
      }
    }
    main();
    """
NODE_HANDLER = """\
    let calls = 0;
    exports.handler = async (event, context) => {
      console.log("node got", event.Step);
      if (event.Step === "fail") throw new RangeError("out of range");
      return { calls: ++calls, left: context.left > 0, session: context.session };
    };
    """


@pytest.fixture(scope="module")
def node() -> None:
    if shutil.which("node") is None and not apt_install("nodejs"):
        report_missing("node", "install the package nodejs")


@pytest.fixture(scope="module")
def curl() -> None:
    if shutil.which("curl") is None and not apt_install("curl"):
        report_missing("curl", "install the package curl")


@pytest.mark.usefixtures("curl")
@pytest.mark.parametrize("runtime", ["provided", "provided.al2", "provided.al2023"])
def test_a_shell_script_is_a_function(confined: Workshop, runtime: str) -> None:
    function = confined.function({"bootstrap": SHELL}, runtime=runtime, handler="any")
    answer = confined.invoke(function, {"Step": "setSecret"})
    assert answer.value == [{"Step": "setSecret"}, "any"]
    assert 'shell starts\ngot {"Step": "setSecret"}\n' in answer.log
    assert confined.invoke(function, "fail").failure == {"errorType": "Shell", "errorMessage": "it failed"}
    assert "shell starts" not in confined.invoke(function, 3).log


@pytest.mark.usefixtures("node")
def test_javascript_is_a_function(confined: Workshop) -> None:
    function = confined.function({"bootstrap": NODE, "index.js": NODE_HANDLER})
    first = confined.invoke(function, {"Step": "createSecret"}, session=credentials(1))
    assert first.value == {"calls": 1, "left": True, "session": "ASIASTEP00000001"}
    assert "node got createSecret\n" in first.log
    failed = confined.invoke(function, {"Step": "fail"}).failure
    assert (failed["errorType"], failed["errorMessage"]) == ("RangeError", "out of range")
    again = confined.invoke(function, {"Step": "setSecret"}, session=credentials(2))
    assert again.value == {"calls": 2, "left": True, "session": "ASIASTEP00000002"}


def test_code_without_a_bootstrap_says_what_is_missing(workshop: Workshop) -> None:
    for files in ({"app.sh": "#!/bin/sh"}, {"bootstrap/file": ""}):
        told = workshop.invoke(workshop.function(files)).failure
        assert told["errorType"] == "Runtime.InvalidEntrypoint"
        assert "must hold an executable file of that name" in told["errorMessage"]


def test_a_bootstrap_that_cannot_run_says_so_in_its_log(confined: Workshop) -> None:
    answer = confined.invoke(confined.function({"bootstrap": "#!/nowhere/interpreter\n"}))
    assert answer.failure["errorType"] == "Runtime.ExitError"
    assert "bootstrap cannot be run: [Errno 2] No such file or directory" in answer.log


def test_a_bootstrap_that_only_exits_is_told_of(workshop: Workshop) -> None:
    answer = workshop.invoke(workshop.function({"bootstrap": "#!/bin/sh\necho gone; exit 4"}))
    assert answer.failure["errorMessage"].endswith("Error: Runtime exited with error: exit status 4")
    assert "gone\n" in answer.log


@pytest.mark.usefixtures("curl")
def test_a_bootstrap_may_tell_that_it_could_not_begin(workshop: Workshop) -> None:
    script = """\
        #!/bin/sh
        said='{"errorType":"A","errorMessage":"B"}'
        curl -sS "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/init/error" -d "$said"
        exit 1
        """
    assert workshop.invoke(workshop.function({"bootstrap": script})).failure == {"errorType": "A", "errorMessage": "B"}


@pytest.mark.parametrize("runtime", ["nodejs20.x", "java21", ""])
def test_a_runtime_that_is_not_run_here_is_refused_with_the_cure(workshop: Workshop, runtime: str) -> None:
    function = workshop.function({"bootstrap": ""}, runtime=runtime, name="other")
    assert workshop.runtime.refusal(function) == (
        f"The runtime {runtime} of the function other is not run here: use python3.11, or provided.al2023 with an"
        " executable named bootstrap."
    )
