"""One step as a strategy does it: logging in, and changing something by the user itself or by the admin secret."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from detent.functions.abilities import Probes, ReadsPolicy, Session
from detent.functions.engines import Engine, Login, Remaining
from detent.functions.errors import (
    ChangeRefused,
    EngineUnavailable,
    LoginRefused,
    LoginRejected,
    NoRoom,
    ProbeFailed,
    StepFailed,
    Unreachable,
)
from detent.functions.passwords import Password, PasswordPolicy, PasswordRules
from detent.functions.staged import Candidate, Skipped, StagedSecret
from detent.functions.values import Probe, probes_of

_LOOK_AGAIN = 0.5  # seconds between two logins with a credential that is not known everywhere yet

Change = Callable[[Any], None]  # given a session that has the ability


class Strategy(Protocol):
    """What differs between strategies. Every verb is repeatable after a cut at any point; ``contract`` does the rest.

    Each raises StepFailed, or EngineUnavailable and LoginRejected as the engine gave them.
    """

    @property
    def name(self) -> str:
        """The strategy's part of a function's name."""

    @property
    def about(self) -> str:
        """Say in one sentence what it does and whether old and new overlap."""

    @property
    def overlaps(self) -> bool:
        """Whether the former credential works until the next rotation."""

    def suits(self, session: type[Session]) -> bool:
        """Say whether sessions of this kind can do what it needs."""

    def create_secret(self, turn: "Turn") -> Mapping[str, Any]:
        """Return the new value. Called only while this rotation's version is empty; the caller stores it."""

    def set_secret(self, turn: "Turn") -> None:
        """Make the target accept the pending credential; content if it does already."""

    def test_secret(self, turn: "Turn") -> None:
        """Prove the pending credential."""

    def roll_back(self, turn: "Turn") -> None:
        """Make the target accept the credential of the event's version, from whatever state it is in."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One step on one secret."""

    secret: StagedSecret
    engine: Engine
    remaining: Remaining
    passwords: PasswordRules | None = None  # None: as the engine has it
    more_probes: Callable[[Mapping[str, Any]], Iterable[Any]] = lambda _: ()  # given the value that is proven

    @contextmanager
    def session(self, candidate: Candidate, settle: float = 0) -> Iterator[Session]:
        """Log in as this one; one that is refused is tried again for so many seconds. Raises StepFailed."""
        session = self._session(candidate, time.monotonic() + settle)
        with _using(session, candidate):
            yield session

    @contextmanager
    def first_session(self, candidates: Iterable[Candidate | Skipped]) -> Iterator[tuple[Candidate, Session]]:
        """Log in as the first that the server takes, one attempt each; StepFailed with a reason for each that failed.

        A server that does not answer ends it: no candidate is to blame.
        """
        candidate, session = self._first(candidates)
        with _using(session, candidate):
            yield candidate, session

    def logs_in(self, candidate: Candidate) -> bool:
        """Say whether the server takes this one. Raises StepFailed where it does not answer."""
        try:
            self.engine.connect(candidate.login, self.remaining).close()
        except LoginRejected:
            return False
        except EngineUnavailable as error:
            raise StepFailed(_reason(candidate, error)) from error
        return True

    def by_admin(self, refusal: str, ability: type[Any], change: Change) -> None:
        """Change something as the admin secret's user; ``refusal`` says why that is needed. Raises StepFailed."""
        with self.admin_session(refusal) as session:
            again = self.refusal_of(session, ability, change, "this engine has no administration")
        if again:
            raise StepFailed(f"{refusal}; by the admin secret: {again}")

    @contextmanager
    def admin_session(self, refusal: str) -> Iterator[Session]:
        """Log in as the admin secret's user, on the admin secret's own server and nowhere else."""
        admin, current = self.secret.admin(), self.secret.current()
        if admin is None:
            raise StepFailed(f'{refusal}; or name an admin secret by the key "masterarn"')
        if not _serves(admin, current.login):
            raise StepFailed(
                f"the admin secret is for {admin.login.host}:{admin.login.port}, this secret for "
                f"{current.login.host}:{current.login.port}: both must name the same server, or the admin secret's key "
                '"serves" must list the other name of it'
            )
        if beyond := _beyond(admin, current):
            raise StepFailed(
                f"this secret names {', '.join(beyond)} as nodes and the admin secret does not, so its password goes "
                'not there: add them to its key "nodes" too'
            )
        with self.session(admin) as session:
            yield session

    def refusal_of(self, session: Session, ability: type[Any], change: Change, without: str) -> str:
        """Return why the session may not change this, empty if it has; ``without`` is said where it lacks the ability.

        Right before the change it is asked whether this step is still to be done. Raises StepFailed.
        """
        if not isinstance(session, ability):
            return without
        self.secret.require_unchanged()
        try:
            change(session)
        except NoRoom as error:
            raise StepFailed(str(error)) from error
        except ChangeRefused as error:
            return str(error)
        return ""

    def new_password(self) -> Password:
        """Make a password by the engine's rules, the environment's and, where it can be read, the server's."""
        return self.secret.new_password((self.passwords or self.engine.FACTS.passwords).with_switches(), self._policy())

    def require_same_target(self, wanted: Candidate) -> None:
        """Refuse a version of another user or server: whoever writes a secret must not lead a rotation elsewhere."""
        current = self.secret.current()
        if not wanted.login.same_target(current.login):
            raise StepFailed(
                f"host, port and user may not change within a rotation: AWSCURRENT is {current.login}, "
                f"{wanted.label} is {wanted.login}; remove the label AWSPENDING, then rotate again"
            )

    @contextmanager
    def proven(self) -> Iterator[tuple[Candidate, Session]]:
        """Log in with the pending credential and do what the application does."""
        pending = self.secret.pending()
        with self.session(pending, self.engine.FACTS.settle_seconds) as session:
            session.ping()
            probes = [*self.secret.probes(), *probes_of(list(self.more_probes(pending.value)))]
            for number, probe in enumerate(probes, 1):
                _probe(session, probe, f"{pending} logs in, but probe {number}")
            yield pending, session

    def _session(self, candidate: Candidate, until: float) -> Session:
        while True:
            try:
                return self.engine.connect(candidate.login, self.remaining)
            except (LoginRejected, EngineUnavailable) as error:
                if isinstance(error, EngineUnavailable) or time.monotonic() > until or self.remaining() < _LOOK_AGAIN:
                    kind = LoginRefused if isinstance(error, LoginRejected) else StepFailed
                    raise kind(_reason(candidate, error)) from error
            time.sleep(_LOOK_AGAIN)

    def _policy(self) -> PasswordPolicy:
        """Ask the server for its rules as current; one that cannot be asked now is asked when the password is set."""
        if not issubclass(self.engine.FACTS.session, ReadsPolicy):
            return PasswordPolicy()
        try:
            session = self.engine.connect(self.secret.current().login, self.remaining)
        except (LoginRejected, EngineUnavailable):
            return PasswordPolicy()
        with _using(session, self.secret.current()):
            return session.password_policy() if isinstance(session, ReadsPolicy) else PasswordPolicy()

    def _first(self, candidates: Iterable[Candidate | Skipped]) -> tuple[Candidate, Session]:
        reasons: list[str] = []
        for candidate in candidates:
            if isinstance(candidate, Skipped):
                reasons.append(str(candidate))
                continue
            try:
                return candidate, self.engine.connect(candidate.login, self.remaining)
            except LoginRejected as error:
                reasons.append(_reason(candidate, error))
            except EngineUnavailable as error:
                raise Unreachable("; ".join([*reasons, _reason(candidate, error)])) from error
        reasons.append("no known password logs in: store one that does (PutSecretValue), then rotate again")
        raise LoginRefused("; ".join(reasons))


def _probe(session: Session, probe: Probe, which: str) -> None:
    """Run one. Statements stand in the secret's value, so they are told by their number."""
    if not isinstance(session, Probes):
        raise StepFailed('this engine runs no probes: take "probes" out of the secret')
    try:
        row = session.probe(probe.statement)
    except ProbeFailed as error:
        raise StepFailed(f"{which} was refused: {error}") from error
    if not probe.agrees(row):
        raise StepFailed(f"{which} did not give what is expected of it")


@contextmanager
def _using(session: Session, candidate: Candidate) -> Iterator[None]:
    """Close the session at the end; a server that goes away meanwhile fails the step, whose repetition finds out."""
    try:
        yield
    except EngineUnavailable as error:
        raise StepFailed(f"{candidate}: after the login {error}") from error
    finally:
        session.close()


def _serves(admin: Candidate, login: Login) -> bool:
    """Compare servers; the admin secret may name other hosts that lead to its own: a replica, a pooler, an alias."""
    return admin.login.same_server(login) or f"{login.host}:{login.port}".lower() in _texts(admin.value, "serves")


def _beyond(admin: Candidate, current: Candidate) -> list[str]:
    """Name the servers of a secret that its admin secret does not name, where a credential lives on several."""
    named = {f"{one.login.host}:{one.login.port}".lower() for one in (admin, current)}
    named |= _texts(admin.value, "nodes") | _texts(admin.value, "serves")
    return sorted(_texts(current.value, "nodes") - named)


def _texts(value: Mapping[str, Any], key: str) -> set[str]:
    found = value.get(key)
    return {str(name).lower() for name in found} if isinstance(found, list) else set()


def _reason(candidate: Candidate, error: LoginRejected | EngineUnavailable) -> str:
    return f"{candidate}, {f'TLS mode {error.mode}' if error.mode else 'not connected'}: {error}"
