"""GetRandomPassword (B.15)."""

import secrets as randomness
import string

from detent.model.errors import BadParameter
from detent.model.policy import Ask, Principal
from detent.model.value import SecretValue
from detent.service.authorization import allow
from detent.service.env import Env

_DEFAULT_LENGTH = 32


def get_random_password(
    env: Env,
    caller: Principal,
    *,
    password_length: int | None = None,
    exclude_characters: str | None = None,
    exclude_numbers: bool | None = None,
    exclude_punctuation: bool | None = None,
    exclude_uppercase: bool | None = None,
    exclude_lowercase: bool | None = None,
    include_space: bool | None = None,
    require_each_included_type: bool | None = None,
) -> SecretValue:
    """Make a password of the wanted classes of characters, at least one of each unless that is waived."""
    allow(env, caller, Ask("secretsmanager:GetRandomPassword", "*", caller.account))
    excluded = frozenset(exclude_characters or "")
    wanted = (
        (string.ascii_lowercase, exclude_lowercase),
        (string.ascii_uppercase, exclude_uppercase),
        (string.digits, exclude_numbers),
        (string.punctuation, exclude_punctuation),
    )
    classes = ["".join(c for c in characters if c not in excluded) for characters, dropped in wanted if not dropped]
    pool = "".join(classes) + (" " if include_space and " " not in excluded else "")
    required = [] if require_each_included_type is False else classes
    return SecretValue(_password(password_length or _DEFAULT_LENGTH, pool, required))


def _password(length: int, pool: str, required: list[str]) -> str:
    if not pool:
        raise BadParameter("All characters have been excluded from selection.")
    if not all(required):
        raise BadParameter("All characters of the desired type have been excluded.")
    if len(required) > length:
        raise BadParameter("Password length is too short based on the required types.")
    chosen = [randomness.choice(characters) for characters in required]
    chosen += [randomness.choice(pool) for _ in range(length - len(required))]
    randomness.SystemRandom().shuffle(chosen)
    return "".join(chosen)
