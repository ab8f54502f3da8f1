"""Accounts as ``SHOW CREATE USER`` tells of them: who lets them in, and what limits them.

Nothing else shows all of an account's authentication rules and options to the account itself. The texts are the
server's own, quoted as the session's dialect reads them, so parts of them are used again as they are.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from detent.functions.errors import EngineUnavailable
from detent.functions.mysql_protocol.grants import NAME, TEXT
from detent.functions.passwords import Password

NATIVE: Final = "mysql_native_password"
_RULE: Final = rf"(?:\w+|{NAME})(?: USING {TEXT})?"
_CREATED: Final = re.compile(
    rf"CREATE USER (?P<account>{NAME}@{NAME})"
    rf"(?: IDENTIFIED (?:BY PASSWORD (?P<only>{TEXT})|VIA (?P<rules>{_RULE}(?: OR {_RULE})*)))?"
    rf"(?: REQUIRE (?P<require>(?:{TEXT}|[A-Z0-9 ])+?))?"
    r"(?: WITH(?P<limits>(?: [A-Z_]+ [0-9.]+)+))?"
    r"(?P<locked> ACCOUNT LOCK)?"
    r"(?: PASSWORD EXPIRE(?P<expiry>[A-Z0-9 ]*))?",
    re.DOTALL,
)
_HASH: Final = re.compile(r"\*[0-9A-F]{40}")
_LIMITS: Final = (
    "MAX_QUERIES_PER_HOUR",
    "MAX_UPDATES_PER_HOUR",
    "MAX_CONNECTIONS_PER_HOUR",
    "MAX_USER_CONNECTIONS",
    "MAX_STATEMENT_TIME",
)
_DEFAULTS: Final[Mapping[str, str]] = {"REQUIRE": "NONE", **dict.fromkeys(_LIMITS, "0"), "PASSWORD EXPIRE": "DEFAULT"}


@dataclass(frozen=True, slots=True)
class Account:
    """One account. ``hashes`` are those of its passwords; ``others`` its rules of other plug-ins, as written."""

    quoted: str  # as it stands in statements
    hashes: tuple[str, ...]
    others: tuple[str, ...]
    takes_password: bool  # has a rule for one, or none at all
    options: Mapping[str, str]
    locked: bool

    def limits(self) -> frozenset[str]:
        """Name the options that are not the default."""
        return frozenset(f"{name} {value}" for name, value in self.options.items() if value != _DEFAULTS.get(name))

    def optioned(self) -> str:
        """Write the clauses of all options, so that an account that has others loses them."""
        limits = [f"{name} {value}" for name, value in self.options.items() if name.startswith("MAX_")]
        expiry = self.options["PASSWORD EXPIRE"]
        return f"REQUIRE {self.options['REQUIRE']} WITH {' '.join(limits)} PASSWORD EXPIRE {expiry}"


def account_of(created: str) -> Account:
    """Read a row of SHOW CREATE USER. A password that has expired is no option: the next one has not."""
    found = _CREATED.fullmatch(created)
    if found is None:
        raise EngineUnavailable("what the server says of an account (SHOW CREATE USER) is not understood here")
    only, rules = found["only"], re.findall(rf"(?:^| OR )({_RULE})", found["rules"] or "", re.DOTALL)
    native = [rule for rule in rules if rule.split(" ")[0] == NATIVE]
    limits = (found["limits"] or "").split()
    options = {
        **_DEFAULTS,
        "REQUIRE": found["require"] or "NONE",
        **dict(zip(limits[::2], limits[1::2], strict=True)),
        "PASSWORD EXPIRE": (found["expiry"] or "").strip() or "DEFAULT",
    }
    return Account(
        quoted=found["account"],
        hashes=tuple(_HASH.findall(only or " ".join(native))),
        others=tuple(rule for rule in rules if rule not in native),
        takes_password=bool(native) or not rules,
        options=options,
        locked=found["locked"] is not None,
    )


def identified(hashes: Iterable[str], others: Iterable[str] = ()) -> str:
    """Write the clause that lets in whoever has one of these passwords, or fulfils another rule."""
    return "IDENTIFIED VIA " + " OR ".join([*(f"{NATIVE} USING '{digest}'" for digest in hashes), *others])


def quoted(user: str, host: str) -> str:
    """Write an account as it stands in statements, and as the server writes it."""
    return "@".join(f"`{part.replace('`', '``')}`" for part in (user, host))


def digest_of(password: Password) -> str:
    """Give what MariaDB keeps of a password, and takes in place of it."""
    once = hashlib.sha1(password.reveal().encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(once, usedforsecurity=False).hexdigest().upper()
