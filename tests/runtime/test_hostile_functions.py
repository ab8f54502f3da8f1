"""Functions that misbehave: each a clear error on that invocation, and other functions unharmed."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from detent.runtime.limits import Limits
from runtime.workshop import Workshop

GOOD = "def handler(event, context): return event"


@pytest.fixture(autouse=True)
def another_is_unharmed(request: pytest.FixtureRequest) -> Iterator[None]:
    """A function that was warm before is the same process afterwards."""
    workshop = request.getfixturevalue("confined" if "confined" in request.fixturenames else "workshop")
    other = workshop.function("import os\ndef handler(event, context): return os.getpid()")
    before = workshop.invoke(other).value
    yield
    assert workshop.invoke(other).value == before


def test_a_handler_that_does_not_import_says_so(confined: Workshop) -> None:
    function = confined.function("import nothing_of_this_name\n" + GOOD)
    answer = confined.invoke(function)
    assert answer.failure["errorType"] == "Runtime.ImportModuleError"
    assert answer.failure["errorMessage"] == "Unable to import module 'app': No module named 'nothing_of_this_name'"
    assert "No module named 'nothing_of_this_name'" in answer.log


@pytest.mark.parametrize(
    ("source", "handler", "kind"),
    [
        (GOOD, "app.missing", "Runtime.HandlerNotFound"),
        (GOOD, "nodots", "Runtime.MalformedHandlerName"),
        ("def handler(:", "app.handler", "Runtime.UserCodeSyntaxError"),
        ("raise KeyError('SECRETS_MANAGER_ENDPOINT')", "app.handler", "KeyError"),
        ("import sys; sys.exit(3)", "app.handler", "Runtime.ExitError"),
    ],
)
def test_code_that_does_not_load_says_why(workshop: Workshop, source: str, handler: str, kind: str) -> None:
    assert workshop.invoke(workshop.function(source, handler=handler)).failure["errorType"] == kind


def test_a_function_that_failed_to_load_is_loaded_anew_next_time(workshop: Workshop) -> None:
    function = workshop.function("import missing")
    assert [workshop.invoke(function).failure["errorType"] for _ in range(2)] == ["Runtime.ImportModuleError"] * 2


def test_megabytes_of_output_are_cut_in_the_middle(confined: Workshop) -> None:
    function = confined.function(
        """
        def handler(event, context):
            print("the first line")
            for _ in range(200):
                print("x" * 100_000)
            print("the last line")
            return "done"
        """
    )
    answer = confined.invoke(function)
    assert answer.value == "done"
    assert len(answer.log) < 300_000
    assert "the first line" in answer.log
    assert "the last line" in answer.log
    assert "bytes left out]" in answer.log


def test_a_child_that_never_stops_printing_holds_nothing_up(workshop: Workshop) -> None:
    function = workshop.function(
        """
        import subprocess
        def handler(event, context):
            subprocess.Popen(["/usr/bin/yes"])
            return "done"
        """
    )
    assert workshop.invoke(function).value == "done"


def test_ten_megabytes_are_too_long_an_answer(confined: Workshop) -> None:
    function = confined.function("def handler(event, context): return 'x' * event")
    told = confined.invoke(function, 10_000_000).failure
    assert told["errorType"] == "Function.ResponseSizeTooLarge"
    assert "(6393856 bytes)" in told["errorMessage"]
    assert len(confined.invoke(function, 6_000_000).value) == 6_000_000


def test_an_answer_that_is_no_json_is_an_error(workshop: Workshop) -> None:
    told = workshop.invoke(workshop.function("def handler(event, context): return object()")).failure
    assert told["errorType"] == "Runtime.MarshalError"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("os._exit(7)", "Runtime exited with error: exit status 7"),
        ("sys.exit(0)", "Runtime exited without providing a reason"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("os.abort()", "Runtime exited with error: signal: aborted"),
    ],
)
def test_a_function_that_exits_is_told_of_and_started_anew(confined: Workshop, how: str, said: str) -> None:
    function = confined.function(
        f"import os, sys\ndef handler(event, context):\n  if event: {how}\n  return os.getpid()"
    )
    first = confined.invoke(function).value
    answer = confined.invoke(function, "exit", request_id="r")
    assert answer.failure == {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: r Error: {said}"}
    assert said in answer.log
    assert isinstance(confined.invoke(function).value, int)
    assert first


def test_a_function_that_hangs_is_ended_at_its_timeout(confined: Workshop) -> None:
    source = "import time\ndef handler(event, context):\n  print('waiting', flush=True)\n  time.sleep(event)"
    function = confined.function(source, timeout=timedelta(seconds=1))
    confined.invoke(function, 0)
    begun = time.monotonic()
    answer = confined.invoke(function, 60, request_id="r")
    assert time.monotonic() - begun < 3
    assert set(answer.failure) == {"errorMessage"}
    assert answer.failure["errorMessage"].endswith("Z r Task timed out after 1.00 seconds")
    assert "waiting\n" in answer.log
    assert "Task timed out" in answer.log
    assert confined.invoke(function, 0).value is None


def test_a_function_that_hangs_is_ended_at_the_callers_deadline_when_it_is_sooner(workshop: Workshop) -> None:
    function = workshop.function("import time\ndef handler(event, context): time.sleep(60)")
    begun = time.monotonic()
    assert "Task timed out after" in workshop.invoke(function, within=2).failure["errorMessage"]
    assert time.monotonic() - begun < 4


def test_a_function_that_hangs_while_it_is_loaded_is_ended(make_workshop: Callable[..., Workshop]) -> None:
    workshop = make_workshop(limits=Limits(init_seconds=1))
    function = workshop.function("import time; time.sleep(60)\n" + GOOD, timeout=timedelta(seconds=1))
    assert "Task timed out after 1.0" in workshop.invoke(function).failure["errorMessage"]


ESCAPES = """
    import os, sys, time
    def handler(event, context):
        if os.fork() == 0:          # a child,
            os.setsid()             # in a session of its own,
            if os.fork() == 0:      # whose child has no parent that could be asked,
                os.execv("/bin/sleep", ["sleep", event["mark"]])
            os._exit(0)
        time.sleep(event["wait"])
    """


def test_children_that_hide_end_with_the_function_at_its_deadline(confined: Workshop) -> None:
    mark = f"{os.getpid()}{time.monotonic_ns()}"
    function = confined.function(ESCAPES, timeout=timedelta(seconds=1))
    confined.invoke(function, {"mark": mark, "wait": 0})
    assert soon(lambda: running("sleep", mark))
    assert "timed out" in confined.invoke(function, {"mark": mark, "wait": 60}).failure["errorMessage"]
    assert not running("sleep", mark)


def soon(happens: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not (happened := happens()) and time.monotonic() < end:
        time.sleep(0.05)
    return happened


def running(*words: str) -> bool:
    wanted = "\0".join(words) + "\0"
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if (folder / "cmdline").read_text() == wanted:
                    return True
            except OSError:
                continue
    return False


def test_a_fork_bomb_meets_its_limit_and_ends(workshop: Workshop) -> None:
    function = workshop.function(
        """
        import os, time
        def handler(event, context):
            made = 0
            try:
                while True:
                    if os.fork() == 0:
                        time.sleep(60)
                        os._exit(0)
                    made += 1
            except OSError as error:
                return [made, str(error)]
        """,
        memory=256,
    )
    made, why = workshop.invoke(function).value
    assert 100 < made < 300
    assert "Resource temporarily unavailable" in why
    workshop.runtime.forget(function)


def test_memory_beyond_what_it_may_have_is_refused(confined: Workshop) -> None:
    function = confined.function(
        """
        import mmap
        def handler(event, context):
            if event == "shared":
                return len(mmap.mmap(-1, 8 << 30))
            return len(bytearray(2 << 30))
        """
    )
    assert confined.invoke(function).failure["errorType"] == "MemoryError"
    assert confined.invoke(function, "shared").failure["errorType"] == "OSError"


def test_a_file_larger_than_may_be_is_refused(make_workshop: Callable[..., Workshop]) -> None:
    workshop = make_workshop(limits=Limits(file_bytes=1_000_000))
    function = workshop.function(
        """
        import os
        def handler(event, context):
            try:
                with open("/tmp/large", "wb") as file:
                    file.write(bytes(5_000_000))
            except OSError as error:
                return type(error).__name__
        """
    )
    assert workshop.invoke(function).value == "OSError"


def test_a_child_that_computes_on_is_ended_by_its_processor_time(workshop: Workshop) -> None:
    function = workshop.function(
        """
        import os
        def handler(event, context):
            if event:
                return os.waitpid(event, os.WNOHANG)
            child = os.fork()
            while child == 0:
                pass
            return child
        """,
        timeout=timedelta(seconds=1),
    )
    child = workshop.invoke(function).value
    assert workshop.invoke(function, child).value == [0, 0]
    assert soon(lambda: workshop.invoke(function, child).value == [child, signal.SIGXCPU], 60)


def test_the_code_cannot_be_written_to(confined: Workshop) -> None:
    function = confined.function(
        """
        def handler(event, context):
            with open(event, "w") as file:
                file.write("changed")
        """
    )
    if os.getuid() == 0 and confined.options["confinement"] == "unconfined":
        pytest.skip("nothing is kept from root")
    for target in ("new.py", "app.py"):
        assert confined.invoke(function, target).failure["errorType"] in ("OSError", "PermissionError")


@pytest.mark.parametrize("where", ["/", "/var", "/etc", "/opt", "/usr", "/dev", "/var/task", "/root"])
def test_nothing_of_the_system_can_be_written_to(workshop: Workshop, where: str) -> None:
    function = workshop.function("def handler(event, context): open(event + '/note', 'w').write('x')")
    assert workshop.invoke(function, where).failure["errorType"] in ("OSError", "PermissionError", "FileNotFoundError")


def test_the_data_folder_and_other_functions_code_are_not_to_be_seen(confined: Workshop, tmp_path: Path) -> None:
    if confined.options["confinement"] == "unconfined":
        pytest.skip("nothing is hidden without a confinement")
    secret = tmp_path / "data" / "keyset"
    secret.write_text("the keyset")
    secret.chmod(0o600)
    reader = confined.function("def handler(event, context): return open(event).read()")
    confined.invoke(confined.function(GOOD))
    for path in (
        secret,
        *(tmp_path / "data" / "functions").rglob("app.py"),
        Path("/proc/1/environ"),
        Path("/etc/shadow"),
    ):
        told = confined.invoke(reader, str(path)).failure
        assert told["errorType"] in ("FileNotFoundError", "PermissionError"), path


def test_what_lies_inside_what_is_seen_can_be_hidden(make_workshop: Callable[..., Workshop]) -> None:
    workshop = make_workshop(confinement="bubblewrap", hidden=(Path("/usr/share"), Path("/etc/hosts")))
    function = workshop.function(
        "import os\ndef handler(event, context): return [os.listdir('/usr/share'), os.path.isfile('/etc/hosts')]"
    )
    assert workshop.invoke(function).value == [[], False]


def test_another_functions_runtime_api_refuses(confined: Workshop) -> None:
    source = """
        import os, urllib.request
        def handler(event, context):
            if not event:
                return dict(os.environ)
            request = urllib.request.Request(event["url"], headers=event["headers"], method=event["method"])
            try:
                return urllib.request.urlopen(request, timeout=5).status
            except urllib.error.HTTPError as error:
                return error.code
        """
    victim = confined.invoke(confined.function(source)).value
    thief = confined.function(source)
    api = f"http://{victim['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime"
    token = {"Authorization": victim["AWS_CONTAINER_AUTHORIZATION_TOKEN"]}
    for method, url, headers in (
        ("GET", f"{api}/invocation/next", {}),
        ("POST", f"{api}/init/error", {}),
        ("POST", f"{api}/invocation/x/response", {}),
        ("GET", victim["AWS_CONTAINER_CREDENTIALS_FULL_URI"], token),
    ):
        assert confined.invoke(thief, {"url": url, "headers": headers, "method": method}).value == 403


NONSENSE = [
    b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc",
    b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nContent-Length: much\r\n\r\n",
    b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde",
    b"POST /2018-06-01/runtime HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    b"GET /credentials HTTP/1.1\r\nAuthorization: \xff\xfe\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"BREW / HTCPCP/1.0\r\n\r\n",
    b"\x16\x03\x01" + bytes(200),
]


def test_nonsense_said_to_the_runtime_api_harms_nothing(workshop: Workshop) -> None:
    function = workshop.function(
        """
        import os, socket
        host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].partition(":")
        def handler(event, context):
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                connection.sendall(event.encode("latin-1"))
                connection.shutdown(socket.SHUT_WR)
                return connection.recv(1000).decode()
        """
    )
    for words in NONSENSE:
        said = workshop.invoke(function, words.decode("latin-1")).value
        assert "200 OK" not in said
        assert "202 Accepted" not in said


FLOODS = """
    import os, socket
    held = []
    def handler(event, context):
        host, _, port = (event or os.environ["AWS_LAMBDA_RUNTIME_API"]).partition(":")
        for _ in range(100):
            try:
                held.append(socket.create_connection((host, int(port)), timeout=1))
            except OSError:
                break
        return os.environ["AWS_LAMBDA_RUNTIME_API"]
    """


def test_many_connections_to_a_runtime_api_hold_up_nobody(confined: Workshop) -> None:
    threads = threading.active_count()
    victim, thief = confined.function(FLOODS), confined.function(FLOODS)
    address = confined.invoke(victim).value
    for _ in range(2):
        confined.invoke(thief, address)
        assert confined.invoke(victim).value == address
    assert threading.active_count() - threads < 60


def test_variables_of_a_function_do_not_reach_what_starts_it(workshop: Workshop) -> None:
    """LD_PRELOAD would act in bwrap, as root; here it cannot even be found, and the function runs."""
    function = workshop.function("import os\ndef handler(event, context): return os.environ['LD_PRELOAD']")
    answer = workshop.invoke(function, environment={"LD_PRELOAD": "/var/task/evil.so"})
    assert answer.value == "/var/task/evil.so"
    assert answer.log.count("cannot be preloaded") == 1
