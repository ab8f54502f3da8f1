"""One user with keys that the service makes."""

import hashlib
from collections.abc import Mapping
from typing import Any

from detent.functions.abilities import Issued, Key, KeyIssuer, Session
from detent.functions.errors import StepFailed
from detent.functions.staged import Candidate
from detent.functions.strategies.turn import Turn


class IssuedKeys:
    """createSecret has the service issue a key, which is live at once; the current one stays until the next rotation.

    Before it issues one it revokes the keys of this secret's older versions, and any that a rotation of this secret
    left behind: the service told their secret part once, to a process that died. Neither the current key nor the one
    that logged in is revoked, nor any that this secret does not know: another secret may live on the same user.
    """

    name = "issued-keys"
    about = "One user, keys that the service issues. The former key works until the next rotation: no window."
    overlaps = True

    def suits(self, session: type[Session]) -> bool:
        """Ask for a service that issues."""
        return issubclass(session, KeyIssuer)

    def create_secret(self, turn: Turn) -> Mapping[str, Any]:
        """Copy the current value, all keys of it, with a key just issued."""
        facts, current = turn.engine.FACTS, turn.secret.current()
        if facts.key_id is None:
            raise StepFailed("this engine names no key that holds an issued key's id")
        issued: list[Issued] = []
        with turn.first_session(turn.secret.known_logins()) as (worked, session):
            kept = {str(one.value[facts.key_id]) for one in (current, worked)}
            refusal = turn.refusal_of(
                session, KeyIssuer, lambda one: issued.append(_renewed(turn, one, kept)), "this engine issues no keys"
            )
        if refusal:
            turn.by_admin(refusal, KeyIssuer, lambda admin: issued.append(_renewed(turn, admin, kept)))
        turn.secret.learn(issued[0].secret)
        return {**current.value, facts.key_id: issued[0].id, facts.password_key: issued[0].secret.reveal()}

    def set_secret(self, turn: Turn) -> None:
        """See that the pending key is for the same user: the service made it live when it issued it."""
        turn.require_same_target(turn.secret.pending())

    def test_secret(self, turn: Turn) -> None:
        """Log in with the pending key, as soon as it is known everywhere, and do what the application does."""
        with turn.proven():
            pass

    def roll_back(self, turn: Turn) -> None:
        """See that the key of the event's version is live: a revoked one cannot be brought back."""
        wanted = turn.secret.wanted()
        turn.require_same_target(wanted)
        if not turn.logs_in(wanted):
            raise StepFailed(f"{wanted} does not log in, and a revoked key cannot be brought back: rotate")


def _renewed(turn: Turn, session: KeyIssuer, kept: set[str]) -> Issued:
    user = turn.secret.current().login.username
    for key in session.keys(user):
        if key.id not in kept and _is_ours(turn, key):
            session.revoke_key(user, key.id)
    return session.issue_key(user, f"{_home(turn)}{turn.secret.token}")


def _is_ours(turn: Turn, key: Key) -> bool:
    """Say whether a rotation of this secret made it or a version of it names it; those are read where need be only."""
    key_id = turn.engine.FACTS.key_id or ""
    return (key.mark or "").startswith(_home(turn)) or any(
        isinstance(one, Candidate) and one.value[key_id] == key.id for one in turn.secret.known_logins()
    )


def _home(turn: Turn) -> str:
    """Begin the marks of this secret's keys by what stands for its ARN, which may be longer than a service takes."""
    return f"{hashlib.sha256(turn.secret.id.encode()).hexdigest()[:16]}/"
