"""A process that ends before or after the n-th thing that it does, to see what its repetition makes of the rest."""

from contextlib import ExitStack
from typing import Any

from detent.functions.engines import Engine, Login, Remaining


class Killed(BaseException):
    """The process ended here: no error handler of the function sees it."""


class Fuse:
    """Ends the process before or after the n-th thing that the function does outside of itself."""

    def __init__(self, length: int) -> None:
        self.left = length
        self.open = ExitStack()

    def wrap(self, thing: Any, *names: str) -> Any:
        for name in names:
            if hasattr(thing, name):
                setattr(thing, name, self.burning(getattr(thing, name)))
        return thing

    def burning(self, work: Any) -> Any:
        def burning(*args: Any, **members: Any) -> Any:
            self.burn()
            done = work(*args, **members)
            self.burn()
            return done

        return burning

    def burn(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


VERBS = (
    "ping", "close", "change_own_password", "set_password", "clone_user", "privileges", "add_password",
    "retire_passwords", "keys", "issue_key", "revoke_key", "probe", "password_policy",
)  # fmt: skip
CALLS = (
    "describe_secret", "get_secret_value", "put_secret_value", "update_secret_version_stage", "get_random_password",
    "list_secret_version_ids",
)  # fmt: skip


class FusedEngine:
    """An engine whose every verb burns."""

    def __init__(self, engine: Engine, fuse: Fuse) -> None:
        self._engine = engine
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def connect(self, login: Login, remaining: Remaining) -> Any:
        self._fuse.burn()
        session: Any = self._engine.connect(login, remaining)
        self._fuse.open.callback(session.close)  # as the system does for a process that ends
        self._fuse.burn()
        return self._fuse.wrap(session, *VERBS)
