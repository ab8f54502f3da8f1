"""Two users that take turns."""

import os
from collections.abc import Mapping
from typing import Any, Final

from detent.functions.abilities import Administration, Pairs, Session
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, StepFailed
from detent.functions.staged import Candidate
from detent.functions.strategies.turn import Turn

CLONE: Final = "_clone"  # AWS: its templates' suffix
_LIMIT: Final = "USERNAME_CHARACTER_LIMIT"  # AWS: a variable of its templates, which limits a clone's name
_HIGHEST_LIMIT: Final = 9999  # more than any server allows
_SHOWN: Final = 10  # differences that are named


class AlternatingUsers:
    """The new value names the other user of the pair, whose password the admin secret's user sets.

    * The pair is the user and its clone, which is made when it is missing and kept alike; or the two users that the
      secret's key ``usernames`` names, which are the operator's to make and to keep alike.
    * A version of this secret must log in first (the guard against a confused deputy). A user named by ``usernames``
      must be proven by a version of its own too, or be named by the admin secret's key ``users``.
    * The pending credential is proven only when both users may do the same.
    """

    name = "alternating-users"
    about = "Two users take turns, by an admin secret. The former user's password works until the next rotation."
    overlaps = True

    def suits(self, session: type[Session]) -> bool:
        """Ask for an administration that can keep two users alike."""
        return issubclass(session, Administration) and issubclass(session, Pairs)

    def create_secret(self, turn: Turn) -> Mapping[str, Any]:
        """Copy the current value, with the other user and a new password for it. Refuses a name that is too long."""
        current = turn.secret.current()
        facts = turn.engine.FACTS
        other = _other(current)
        if "usernames" not in current.value:
            _require_short(other)
        if facts.longest_name and len(other.encode()) > facts.longest_name:
            raise StepFailed(
                f"the user name {other!r} is longer than the {facts.longest_name} bytes that this engine allows: "
                'shorten the user name, or name two users by the key "usernames"'
            )
        return {**current.value, "username": other, facts.password_key: turn.new_password().reveal()}

    def set_secret(self, turn: Turn) -> None:
        """Set the other user's password, and make it the current user's like."""
        pending, current = turn.secret.pending(), turn.secret.current()
        if pending.login.username != _other(current) or not pending.login.same_server(current.login):
            raise StepFailed(
                f"AWSPENDING is {pending.login}, and must be user {_other(current)!r} on the server of AWSCURRENT, "
                f"{current.login}; remove the label AWSPENDING, then rotate again"
            )
        self._put(turn, pending)

    def test_secret(self, turn: Turn) -> None:
        """Log in with the pending password, do what the application does, and compare the two users."""
        current = turn.secret.current()
        with turn.proven() as (pending, session):
            ours = _asked(turn, session, pending.login.username)
        try:
            theirs = _privileges(turn, current)
        except (LoginRejected, EngineUnavailable):
            return  # a current user that cannot be asked must not keep the one that works from taking its place
        if ours != theirs:
            raise StepFailed(_difference(pending, ours, current, theirs))

    def roll_back(self, turn: Turn) -> None:
        """Set the password of the event's version for its user, one of the pair."""
        wanted, current = turn.secret.wanted(), turn.secret.current()
        pair = {current.login.username, _other(current)}
        if wanted.login.username not in pair or not wanted.login.same_server(current.login):
            raise StepFailed(f"{wanted} is no user of the pair of AWSCURRENT, {current.login}")
        if not turn.logs_in(wanted):
            self._put(turn, wanted)

    def _put(self, turn: Turn, wanted: Candidate) -> None:
        current = turn.secret.current()
        user, new = wanted.login.username, wanted.login.password
        other = _other(current)
        with turn.first_session(turn.secret.candidates(other)) as (worked, _):
            proven = worked.login.username
        if "usernames" in current.value:
            self._require_proof(turn, user, proven)
            turn.by_admin(_NEEDED, Administration, lambda admin: admin.set_password(user, new))
        else:
            source = current.login.username if user == other else other
            turn.by_admin(_NEEDED, Pairs, lambda admin: admin.clone_user(source, user, new))

    def _require_proof(self, turn: Turn, user: str, proven: str) -> None:
        admin = turn.secret.admin()
        named = admin.value.get("users") if admin else None
        if user == proven or (isinstance(named, list) and user in named):
            return
        found = turn.secret.candidates(user)
        own = [one for one in found if isinstance(one, Candidate) and one.login.username == user]
        if not any(turn.logs_in(one) for one in own if one.version_id != turn.secret.token):
            raise StepFailed(
                f"no version of this secret logs in as {user!r}, so the admin secret is not used on that user: store "
                f'its password as a version, or list it in the admin secret\'s key "users"'
            )


_NEEDED: Final = "alternating users need an administrator"


def _other(current: Candidate) -> str:
    """Name the pair's other user. AWS: a clone's is the name without the suffix."""
    user = current.login.username
    named = current.value.get("usernames")
    if named:
        return next(str(name) for name in named if name != user)
    return user.removesuffix(CLONE) if user.endswith(CLONE) and user != CLONE else user + CLONE


def _require_short(clone: str) -> None:
    """Hold a clone's name to the environment's limit; AWS: a name that loses the suffix is not measured."""
    limit = os.environ.get(_LIMIT)
    if limit is None:
        return
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:5]) <= _HIGHEST_LIMIT):
        raise StepFailed(f"{_LIMIT} in the environment must be a number from 1 to {_HIGHEST_LIMIT}")
    if clone.endswith(CLONE) and len(clone) > int(limit):
        raise StepFailed(
            f"the user name {clone!r} is longer than the {limit} characters that {_LIMIT} in the environment allows: "
            'raise it, shorten the user name, or name two users by the key "usernames"'
        )


def _privileges(turn: Turn, candidate: Candidate) -> frozenset[str]:
    session = turn.engine.connect(candidate.login, turn.remaining)
    try:
        return _asked(turn, session, candidate.login.username)
    finally:
        session.close()


def _asked(turn: Turn, session: Session, user: str) -> frozenset[str]:
    """Ask the user itself, and the admin secret's user where the server does not tell a user its own rights."""
    if not isinstance(session, Pairs):
        return frozenset()
    try:
        return session.privileges(user)
    except ChangeRefused as error:
        refusal = str(error)
    with turn.admin_session(refusal) as admin:
        return _asked_of_admin(admin, user, refusal)


def _asked_of_admin(admin: Session, user: str, refusal: str) -> frozenset[str]:
    try:
        return admin.privileges(user) if isinstance(admin, Pairs) else frozenset()
    except ChangeRefused as error:
        again = str(error)
    raise StepFailed(f"{refusal}; by the admin secret: {again}")


def _difference(pending: Candidate, ours: frozenset[str], current: Candidate, theirs: frozenset[str]) -> str:
    lacks, besides = sorted(theirs - ours), sorted(ours - theirs)
    said = [
        f"{verb}: {', '.join(some[:_SHOWN])}{' and more' if len(some) > _SHOWN else ''}"
        for verb, some in (("lacks", lacks), ("has besides", besides))
        if some
    ]
    return (
        f"{pending} logs in, but may not do the same as {current.login.username!r}; it {'; '.join(said)}. "
        "Make the two users alike, then rotate again"
    )
