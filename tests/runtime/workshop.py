"""Functions for tests, and a runtime to run them in."""

import base64
import hashlib
import io
import json
import textwrap
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from detent.model.function import FunctionKey, UserFunction
from detent.model.ports import Invocation, Invoked, SessionCredentials
from detent.model.value import SecretValue
from detent.runtime.local import LocalRuntime


class Machine:
    """`ports.Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def zipped(files: Mapping[str, str | bytes], *, executable: tuple[str, ...] = ("bootstrap",)) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o100755 if name in executable else 0o100644) << 16
            archive.writestr(entry, textwrap.dedent(content) if isinstance(content, str) else content)
    return made.getvalue()


def credentials(number: int = 1, region: str = "us-east-1") -> SessionCredentials:
    values = (SecretValue(f"{what} {number}") for what in ("secret", "session", "rotation"))
    return SessionCredentials(f"ASIASTEP{number:08}", *values, datetime.now(UTC) + timedelta(minutes=16), region)


@dataclass
class Answer:
    """What an invocation gave, read."""

    invoked: Invoked

    @property
    def value(self) -> Any:
        assert self.invoked.error is None, (self.invoked.payload, self.log)
        return json.loads(self.invoked.payload)

    @property
    def failure(self) -> Any:
        assert self.invoked.error == "Unhandled", (self.invoked.payload, self.log)
        return json.loads(self.invoked.payload)

    @property
    def log(self) -> str:
        return self.invoked.log


@dataclass
class Workshop:
    """Holds the code of functions as the store would, and a runtime that runs them."""

    folder: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    codes: dict[str, bytes] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)  # what every function needs here

    def __post_init__(self) -> None:
        self.runtime = LocalRuntime(
            lambda function: self.codes[function.code_sha256],
            self.folder / "data" / "functions",
            "http://127.0.0.1:9",
            Machine(),
            **{"hidden": (self.folder / "data",), **self.options},
        )

    def function(self, code: str | bytes | Mapping[str, str | bytes], **others: Any) -> UserFunction:
        """Keep a function: Python source as `app.py`, or files, or a zip."""
        files = {"app.py": code} if isinstance(code, str) else code
        blob = files if isinstance(files, bytes) else zipped(files)
        sha = base64.b64encode(hashlib.sha256(blob).digest()).decode()
        self.codes[sha] = blob
        name = others.pop("name", f"function-{uuid.uuid4().hex[:8]}")
        given = {
            "runtime": "python3.11" if isinstance(code, str) else "provided.al2023",
            "handler": "app.handler",
            "timeout": timedelta(seconds=20),
            "memory": 128,
            "revision": uuid.uuid4().hex,
            "modified": datetime.now(UTC),
            **others,
        }
        key = FunctionKey("123456789012", "eu-west-1", name)
        return UserFunction(key=key, code_sha256=sha, code_bytes=len(blob), **given)

    def invoke(
        self,
        function: UserFunction,
        event: Any = None,
        *,
        environment: Mapping[str, str] | None = None,
        within: float = 60,
        session: SessionCredentials | None = None,
        request_id: str = "",
    ) -> Answer:
        deadline = datetime.now(UTC) + timedelta(seconds=within)
        payload, own = json.dumps(event).encode(), {**self.environment, **(environment or {})}
        call = Invocation(function, own, payload, request_id or str(uuid.uuid4()), deadline, session)
        return Answer(self.runtime.invoke(call))
