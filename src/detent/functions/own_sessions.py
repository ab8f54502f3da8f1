"""The sessions of a service of one's own: each hands a verb on to the service's method of that purpose."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from detent.functions.abilities import Issued, Key, Session
from detent.functions.engines import Login, Privileges
from detent.functions.errors import (
    ChangeRefused,
    EngineUnavailable,
    LoginRejected,
    ProbeFailed,
    StepFailed,
    UnusableValue,
)
from detent.functions.passwords import Password

T = TypeVar("T")

_TELLING: Final = (ChangeRefused, EngineUnavailable, LoginRejected, ProbeFailed, StepFailed, UnusableValue)


class _Session:
    def __init__(self, service: Any, login: Login) -> None:  # noqa: ANN401 - an `own.Service`, which imports this
        self._service, self._login = service, login

    def ping(self) -> None:
        _told(lambda: self._service.log_in(self._login))

    def close(self) -> None:
        pass


class _OwnPassword(_Session):
    def change_own_password(self, new: Password) -> None:
        _told(lambda: self._service.change_password(self._login, new))


class _Administration(_Session):
    def set_password(self, user: str, new: Password) -> None:
        _told(lambda: self._service.set_password(self._login, user, new))


class _Pairs(_Session):
    def clone_user(self, source: str, target: str, password: Password) -> None:
        _told(lambda: self._service.clone_user(self._login, source, target, password))

    def privileges(self, user: str) -> frozenset[str]:
        return _told(lambda: self._service.privileges(self._login, user))


class _SeveralPasswords(_Session):
    def add_password(self, user: str, new: Password) -> None:
        _told(lambda: self._service.add_password(self._login, user, new))

    def retire_passwords(self, user: str, keep: Sequence[Password]) -> None:
        _told(lambda: self._service.retire_passwords(self._login, user, keep))


class _KeyIssuer(_Session):
    def keys(self, user: str) -> Sequence[Key]:
        return _told(lambda: self._service.list_keys(self._login, user))

    def issue_key(self, user: str, mark: str) -> Issued:
        issued: Issued = _told(lambda: self._service.issue_key(self._login, user, mark))
        return issued

    def revoke_key(self, user: str, key: str) -> None:
        _told(lambda: self._service.revoke_key(self._login, user, key))


class _ThrowAwayUsers(_Session):
    def make_user(self, like: str, user: str, password: Password) -> None:
        _told(lambda: self._service.make_user(self._login, like, user, password))

    def drop_user(self, user: str) -> None:
        _told(lambda: self._service.drop_user(self._login, user))


# what a service's class must have replaced, for its sessions to have an ability
_ABILITIES: Final[Mapping[type[_Session], tuple[str, ...]]] = {
    _OwnPassword: ("change_password",),
    _Administration: ("set_password",),
    _Pairs: ("set_password", "clone_user", "privileges"),
    _SeveralPasswords: ("add_password", "retire_passwords"),
    _KeyIssuer: ("issue_key", "list_keys", "revoke_key"),
    _ThrowAwayUsers: ("make_user", "drop_user"),
}


def session_of(service: type, base: type) -> type[Session]:
    """Make the kind of session that has the abilities whose methods a service's class has replaced."""
    able = [session for session, methods in _ABILITIES.items() if _replaces(service, base, methods)]
    return type("ServiceSession", tuple(able) or (_Session,), {})


def _replaces(service: type, base: type, methods: tuple[str, ...]) -> bool:
    return all(getattr(service, method) is not getattr(base, method) for method in methods)


def unknown(session: type[Session]) -> Privileges:
    """Say of privileges what is known without the service: whether the user can do it alone."""
    alone = issubclass(session, _OwnPassword | _SeveralPasswords | _KeyIssuer)
    return Privileges(own=() if alone else None, admin=())


def _told(work: Callable[[], T]) -> T:
    """Do it; an error that is none of ours leaves without it, for it may hold a password."""
    try:
        return work()
    except _TELLING:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the reader's own code, or its library, raises
        reason = f"{type(error).__name__}: {error}"
    raise EngineUnavailable(reason)
