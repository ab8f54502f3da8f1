"""One user with a single password."""

from collections.abc import Iterable, Mapping
from typing import Any

from detent.functions.abilities import Administration, OwnPassword, Session, TellsFormer
from detent.functions.staged import Candidate, Skipped
from detent.functions.strategies.turn import Turn


class SingleUser:
    """One user changes its own password, or the admin secret's user does.

    * Candidates are tried known-good first, one login each; if the wanted one logs in, the change is made already.
    * Host, port and user must not change within a rotation.
    * An admin statement is made only after a version of this very secret has logged in (otherwise whoever may write
      the secret could have the admin take over any account), and only on the server of the admin secret.
    """

    name = "single-user"
    about = "One user, one password. Between set and finish, for some moments, the password in AWSCURRENT is dead."
    overlaps = False

    def suits(self, session: type[Session]) -> bool:
        """Ask for either way to change a password."""
        return issubclass(session, OwnPassword) or issubclass(session, Administration)

    def create_secret(self, turn: Turn) -> Mapping[str, Any]:
        """Copy the current value, all keys of it, with a new password."""
        value = turn.secret.current().value
        return {**value, turn.engine.FACTS.password_key: turn.new_password().reveal()}

    def set_secret(self, turn: Turn) -> None:
        """Change the password over the connection that works."""
        self._put(turn, turn.secret.pending())

    def test_secret(self, turn: Turn) -> None:
        """Log in with the pending password, and do what the application does."""
        with turn.proven():
            pass

    def roll_back(self, turn: Turn) -> None:
        """Change the password to that of the event's version."""
        self._put(turn, turn.secret.wanted())

    def _put(self, turn: Turn, wanted: Candidate) -> None:
        turn.require_same_target(wanted)
        if not self._change(turn, wanted, turn.secret.candidates()):
            others = (found for found in turn.secret.candidates() if not _is(found, wanted))
            self._change(turn, wanted, others)

    def _change(self, turn: Turn, wanted: Candidate, candidates: Iterable[Candidate | Skipped]) -> bool:
        """Say whether the wanted password is set now: not where it was let in as a former one, which passes."""
        new = wanted.login.password
        with turn.first_session(candidates) as (worked, session):
            if worked.login.password == new:
                return not (isinstance(session, TellsFormer) and session.is_former())
            refusal = turn.refusal_of(
                session,
                OwnPassword,
                lambda own: own.change_own_password(new),
                "users of this engine cannot change their own password",
            )
        if refusal:
            turn.by_admin(refusal, Administration, lambda admin: admin.set_password(wanted.login.username, new))
        return True


def _is(found: Candidate | Skipped, wanted: Candidate) -> bool:
    return isinstance(found, Candidate) and found.login.password == wanted.login.password
