"""The two public keys of a user, as a rotation changes them."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from detent.functions.abilities import Issued, Key
from detent.functions.engines import Login, Remaining, time_limit
from detent.functions.engines.snowflake.failures import refusal, said
from detent.functions.engines.snowflake.pairs import new_pair
from detent.functions.errors import EngineUnavailable, NoRoom, ProbeFailed

_SLOTS: Final = ("RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2")
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_MARKS: Final = re.compile(r"\s*\[detent((?: SHA256:\S+ \S+)*)\]$")


class SnowflakeSession:
    """One session."""

    def __init__(self, connection: Any, login: Login, remaining: Remaining) -> None:  # noqa: ANN401 - half typed
        self._connection = connection
        self._login = login
        self._remaining = remaining

    def ping(self) -> None:
        """Run SELECT 1."""
        self._run("SELECT 1")

    def keys(self, user: str) -> Sequence[Key]:
        """Give them by their slots: Snowflake does not tell which is older."""
        told = self._described(user)
        marks = _marks(told)
        return [Key(mark_of, marks.get(mark_of)) for mark_of in _taken(told).values()]

    def issue_key(self, user: str, mark: str) -> Issued:
        """Make a pair and put its public key into the free slot, marked by the same statement."""
        told = self._described(user)
        taken = _taken(told)
        free = next((slot for slot in _SLOTS if slot not in taken), None)
        if free is None:
            raise NoRoom(
                f"Snowflake allows {user!r} no third key, and nothing here says that one of "
                f"{' and '.join(taken.values())} may go: ALTER USER {_name(user)} UNSET RSA_PUBLIC_KEY_2 (or "
                "RSA_PUBLIC_KEY) if nothing uses it, then rotate again"
            )
        pair = new_pair()
        marks = {known: is_of for known, is_of in _marks(told).items() if known in taken.values()}
        comment = _written(_people(told), {**marks, pair.fingerprint: mark})
        self._run(f"ALTER USER {_name(user)} SET {free} = '{pair.public}' COMMENT = {_literal(comment)}", user)
        return Issued(pair.fingerprint, pair.private)

    def revoke_key(self, user: str, key: str) -> None:
        """Empty the slot that holds it. Its mark goes with the next key that is made."""
        for slot, held in _taken(self._described(user)).items():
            if held == key:
                self._run(f"ALTER USER {_name(user)} UNSET {slot}", user)

    def probe(self, statement: str) -> Sequence[Any] | None:
        """Run it in a transaction that is rolled back; DDL commits by itself."""
        from snowflake.connector import Error  # noqa: PLC0415 - an optional driver

        self._run("BEGIN")
        try:
            rows = self._rows(statement)
        except Error as error:
            lost = isinstance(refusal(error, "", ""), EngineUnavailable)
            failure = EngineUnavailable("the connection was lost") if lost else ProbeFailed(_refused(error))
        else:
            self._run("ROLLBACK")
            return rows[0] if rows else None
        if not lost:
            self._run("ROLLBACK")
        raise failure

    def close(self) -> None:
        """End the session; the driver raises nothing here."""
        self._connection.close()

    def _described(self, user: str) -> Mapping[str, str]:
        rows = self._run(f"DESCRIBE USER {_name(user)}", user)
        return {str(row[0]).upper(): str(row[1]) for row in rows if row[1] not in {None, "", "null"}}

    def _run(self, statement: str, user: str = "") -> list[Sequence[Any]]:
        return self._done(lambda: self._rows(statement), user)

    def _rows(self, statement: str) -> list[Sequence[Any]]:
        time_limit(self._remaining)  # for one statement the driver has the time that it was given at the login
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def _done(self, work: Callable[[], list[Sequence[Any]]], user: str) -> list[Sequence[Any]]:
        """Do it, or raise what its refusal means, without the driver's error hanging on it."""
        from snowflake.connector import Error  # noqa: PLC0415 - an optional driver

        try:
            return work()
        except Error as error:
            failure = refusal(error, user, self._login.username)
        raise failure


def _taken(told: Mapping[str, str]) -> dict[str, str]:
    return {slot: told[f"{slot}_FP"] for slot in _SLOTS if f"{slot}_FP" in told}


def _marks(told: Mapping[str, str]) -> dict[str, str]:
    found = _MARKS.search(told.get("COMMENT", ""))
    words = found[1].split() if found else []
    return dict(zip(words[::2], words[1::2], strict=True))


def _people(told: Mapping[str, str]) -> str:
    """Give what people wrote."""
    return _MARKS.sub("", told.get("COMMENT", ""))


def _written(people: str, marks: Mapping[str, str]) -> str:
    ours = "".join(f" {key} {mark}" for key, mark in marks.items())
    return f"{people} [detent{ours}]".lstrip()


def _name(user: str) -> str:
    """Write a user's name; a plain one is not quoted, as Snowflake reads it in capitals then."""
    return user if _PLAIN.fullmatch(user) else '"' + user.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _refused(error: Exception) -> str:
    return f"the server refused it: {said(error)}"
