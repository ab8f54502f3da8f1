"""One user with two passwords that are valid at once."""

from collections.abc import Mapping
from typing import Any

from detent.functions.abilities import Session, SeveralPasswords
from detent.functions.errors import StepFailed
from detent.functions.staged import PENDING, Candidate, Skipped
from detent.functions.strategies.turn import Turn


class DualPassword:
    """The user gets the new password beside the current one; the one before that is retired first.

    So current and previous both log in until the next rotation, and there is no window in which neither does. The
    wanted one is tried first: to add it twice would, on some servers, push the current one out.
    """

    name = "dual-password"
    about = "One user, two passwords at once. The former password works until the next rotation: no window."
    overlaps = True

    def suits(self, session: type[Session]) -> bool:
        """Ask for several passwords."""
        return issubclass(session, SeveralPasswords)

    def create_secret(self, turn: Turn) -> Mapping[str, Any]:
        """Copy the current value, all keys of it, with a new password."""
        value = turn.secret.current().value
        return {**value, turn.engine.FACTS.password_key: turn.new_password().reveal()}

    def set_secret(self, turn: Turn) -> None:
        """Add the pending password, and see that the current one still works."""
        self._add(turn, turn.secret.pending())

    def test_secret(self, turn: Turn) -> None:
        """Log in with the pending password, and do what the application does."""
        with turn.proven():
            pass

    def roll_back(self, turn: Turn) -> None:
        """Add the password of the event's version again."""
        self._add(turn, turn.secret.wanted())

    def _add(self, turn: Turn, wanted: Candidate) -> None:
        turn.require_same_target(wanted)
        if turn.logs_in(wanted):
            return
        others = (found for found in turn.secret.candidates() if not _is(found, wanted))
        with turn.first_session(others) as (worked, session):
            refusal = turn.refusal_of(
                session,
                SeveralPasswords,
                lambda one: _exchange(one, worked, wanted),
                "this engine has no second password",
            )
        if refusal:
            turn.by_admin(refusal, SeveralPasswords, lambda admin: _exchange(admin, worked, wanted))
        if not turn.logs_in(worked):
            raise StepFailed(f"{worked} logged in before {PENDING} was added, and does not any more: rotate again")


def _exchange(session: SeveralPasswords, worked: Candidate, wanted: Candidate) -> None:
    user = worked.login.username
    session.retire_passwords(user, [worked.login.password])
    session.add_password(user, wanted.login.password)


def _is(found: Candidate | Skipped, wanted: Candidate) -> bool:
    return isinstance(found, Candidate) and found.login.password == wanted.login.password
