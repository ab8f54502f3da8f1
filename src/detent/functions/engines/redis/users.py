"""Seeing that a user can be changed on one server, and that the change will be kept, before anything is changed."""

from typing import Final

from detent.functions.engines.redis.failures import OPEN_DOOR, Refusal
from detent.functions.engines.redis.wire import Wire, Words
from detent.functions.errors import ChangeRefused

# How a server keeps its users, and what it says where it does not do so.
_SAVING: Final = {"ACL SAVE": "not configured to use an ACL file", "CONFIG REWRITE": "without a config file"}


def hashes_of(wire: Wire, user: str) -> frozenset[str]:
    """Return the hashes of a user's passwords. Raises ChangeRefused where another password would not help it."""
    state = wire.user(user)
    if state is None:
        raise ChangeRefused(f"there is no user {user!r} at {wire.place}: make it there (ACL SETUSER)")
    if "nopass" in state.flags:
        raise ChangeRefused(f"{user!r} at {wire.place}: {OPEN_DOOR}")
    if "off" in state.flags:
        raise ChangeRefused(f"the user {user!r} is off and may not log in at {wire.place}: ACL SETUSER {user} on")
    wire.ask("ACL SETUSER", user)  # changes nothing, and is refused to whom the change will be
    return state.hashes


def saving_at(wire: Wire) -> tuple[Words, ...]:
    """Save the users as they are; return the command that did it. What cannot be saved must not be changed."""
    for command, absent in _SAVING.items():
        try:
            wire.ask(command)
        except Refusal as said:
            if absent not in str(said):
                raise
        else:
            return ((command,),)
    raise ChangeRefused(
        f"{wire.place} has neither an aclfile nor a configuration file, so the former password would be back after "
        f'its next start: give it one, or accept that by "persist": false in the secret of {wire.login.username!r}'
    )
