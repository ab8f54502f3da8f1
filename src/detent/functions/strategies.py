"""Strategies: whose credential changes, and how. They know no engine; what a session can do they find out by asking.

A strategy does three of the four steps, each repeatable after a cut at any point; ``contract`` does the fourth.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from detent.functions.engines import Administration, Engine, Login, OwnPassword, Remaining, Session
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, StepFailed
from detent.functions.passwords import PasswordRules
from detent.functions.staged import Candidate, Skipped, StagedSecret


class Strategy(Protocol):
    """Three steps. Each raises StepFailed, or EngineUnavailable and LoginRejected as the engine gave them."""

    def create_secret(self, secret: StagedSecret, engine: Engine, remaining: Remaining) -> Mapping[str, Any]:
        """Return the new value. Called only while this rotation's version is empty; the caller stores it."""

    def set_secret(self, secret: StagedSecret, engine: Engine, remaining: Remaining) -> None:
        """Make the target accept the pending credential; content if it does already."""

    def test_secret(self, secret: StagedSecret, engine: Engine, remaining: Remaining) -> None:
        """Prove the pending credential."""


class SingleUser:
    """One user changes its own password.

    * Candidates are tried known-good first, one login each; if the pending one logs in, the change is made already.
    * A server that does not answer ends the step: no candidate is to blame.
    * Host, port and user must not change within a rotation.
    * An admin statement is made only after a version of this very secret has logged in (otherwise whoever may write
      the secret could have the admin take over any account), and only on the server of the admin secret.
    """

    def create_secret(self, secret: StagedSecret, engine: Engine, remaining: Remaining) -> Mapping[str, Any]:  # noqa: ARG002 - a strategy's verb
        """Copy the current value, all keys of it, with a new password."""
        current = secret.current()
        return {**current.value, "password": secret.new_password(PasswordRules.from_environment()).reveal()}

    def set_secret(self, secret: StagedSecret, engine: Engine, remaining: Remaining) -> None:
        """Change the password over the connection that works."""
        current, pending = secret.current(), secret.pending()
        if not pending.login.same_target(current.login):
            raise StepFailed(
                f"host, port and user may not change within a rotation: AWSCURRENT is {current.login}, AWSPENDING "
                f"is {pending.login}; remove the label AWSPENDING, then rotate again"
            )
        worked, session = _first_login(secret, engine, remaining)
        with _using(session, worked):
            if worked.login.password == pending.login.password:
                return
            refusal = _own_change(session, pending.login)
        if refusal:
            self._by_admin(secret, engine, remaining, refusal)

    def test_secret(self, secret: StagedSecret, engine: Engine, remaining: Remaining) -> None:
        """Log in with the pending password and run one statement."""
        pending = secret.pending()
        with _using(_login(pending, engine, remaining), pending) as session:
            session.ping()

    def _by_admin(self, secret: StagedSecret, engine: Engine, remaining: Remaining, refusal: str) -> None:
        admin, pending = secret.admin(), secret.pending().login
        if admin is None:
            raise StepFailed(f'{refusal}; or name an admin secret by the key "masterarn"')
        if not admin.login.same_server(pending):
            raise StepFailed(
                f"the admin secret is for {admin.login.host}:{admin.login.port}, this secret for "
                f"{pending.host}:{pending.port}: both must name the same server"
            )
        with _using(_login(admin, engine, remaining), admin) as session:
            if not isinstance(session, Administration):
                raise StepFailed(f"{refusal}; this engine has no administration")
            try:
                session.set_password(pending.username, pending.password)
            except ChangeRefused as error:
                raise StepFailed(f"{refusal}; by the admin secret: {error}") from error


def _first_login(secret: StagedSecret, engine: Engine, remaining: Remaining) -> tuple[Candidate, Session]:
    """Return the first candidate that logs in, and its session; StepFailed with a reason for each that does not."""
    reasons: list[str] = []
    for candidate in secret.candidates():
        if isinstance(candidate, Skipped):
            reasons.append(str(candidate))
            continue
        try:
            return candidate, engine.connect(candidate.login, remaining)
        except LoginRejected as error:
            reasons.append(_reason(candidate, error))
        except EngineUnavailable as error:
            reasons.append(_reason(candidate, error))
            break
    else:
        reasons.append("no known password logs in: store one that does (PutSecretValue), then rotate again")
    raise StepFailed("; ".join(reasons))


def _login(candidate: Candidate, engine: Engine, remaining: Remaining) -> Session:
    try:
        return engine.connect(candidate.login, remaining)
    except (LoginRejected, EngineUnavailable) as error:
        raise StepFailed(_reason(candidate, error)) from error


@contextmanager
def _using(session: Session, candidate: Candidate) -> Iterator[Session]:
    """Close the session at the end; a server that goes away meanwhile fails the step, whose repetition finds out."""
    try:
        yield session
    except EngineUnavailable as error:
        raise StepFailed(f"{candidate}: after the login {error}") from error
    finally:
        session.close()


def _reason(candidate: Candidate, error: LoginRejected | EngineUnavailable) -> str:
    return f"{candidate}, {f'TLS mode {error.mode}' if error.mode else 'not connected'}: {error}"


def _own_change(session: Session, pending: Login) -> str:
    """Return why the user may not change its own password, empty if it has."""
    if not isinstance(session, OwnPassword):
        return "users of this engine cannot change their own password"
    try:
        session.change_own_password(pending.password)
    except ChangeRefused as error:
        return str(error)
    return ""
