"""The keys of one user of a described service, as a rotation changes them."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any, Final

from detent.functions.abilities import Issued, Key
from detent.functions.engines import Login
from detent.functions.engines.http.description import Description
from detent.functions.engines.http.exchange import Answer, Exchange, found
from detent.functions.engines.http.requests import Requests
from detent.functions.errors import ChangeRefused, EngineUnavailable, LoginRejected, NoRoom
from detent.functions.passwords import Password

_MOST_PAGES: Final = 100


class HttpSession:
    """A key that every request carries."""

    def __init__(self, exchange: Exchange, description: Description, login: Login) -> None:
        self._exchange = exchange
        self._requests = Requests(exchange, description, login)
        self._description = description
        self._login = login

    def prove(self) -> None:
        """Ask as the description's test says. Raises LoginRejected where the key is none, or another user's."""
        answer, mode = self._requests.ask("test"), self._exchange.mode
        if answer.status in self._description.statuses("refused"):
            raise LoginRejected(f"login refused: the service takes no such key ({answer.status})", mode)
        if answer.status in self._description.statuses("denied"):
            raise EngineUnavailable(
                f"the key is good, but may not do what proves it: {self._needs(self._login.username)}",
                mode,
            )
        self._require_served(answer, "test")
        if not _is_good(answer):
            raise EngineUnavailable(self._odd(answer, "test"), mode)
        self._require_own(answer, "user", self._login.username)
        self._require_own(answer, "id", str(self._login.settings["key_id"]))

    def ping(self) -> None:
        """Ask the same once more."""
        self._done("test", self._requests.ask("test"), self._login.username)

    def close(self) -> None:
        """End the connection."""
        self._exchange.close()

    def keys(self, user: str) -> Sequence[Key]:
        """Give them by what the description says of their age, else in the service's order."""
        listed, created = list(self._listed(user)), self._description.text("list.created")
        if created:
            listed.sort(key=lambda entry: _age(found(entry, created)))
        mark, read = self._description.text("list.mark"), self._description.mark_in
        return [Key(self._told(entry, "list.id"), read(_text(found(entry, mark)))) for entry in listed]

    def issue_key(self, user: str, mark: str) -> Issued:
        """Have one made, named by its mark."""
        answer = self._requests.ask("issue", user=user, mark=mark)
        self._done("issue", answer, user)
        return Issued(self._told(answer.said, "issue.id"), Password(self._told(answer.said, "issue.secret")))

    def revoke_key(self, user: str, key: str) -> None:
        """End it; one that is gone is content."""
        answer = self._requests.ask("revoke", user=user, key_id=key)
        if answer.status not in self._description.statuses("gone"):
            self._done("revoke", answer, user)

    def _listed(self, user: str) -> Iterator[Any]:
        path, keys, more = "path", self._description.text("list.keys"), self._description.text("list.next")
        following = ""
        for _ in range(_MOST_PAGES):
            answer = self._requests.ask("list", path, user=user, next=following)
            self._done("list", answer, user)
            page = answer.at(keys) if keys else answer.said
            if not isinstance(page, list):
                raise EngineUnavailable(self._silent("list.keys"))
            yield from page
            following = _text(answer.at(more)) if more else ""
            if not following:
                return
            path = "next_path"
        raise EngineUnavailable(f"the service lists keys of {user!r} on more than {_MOST_PAGES} pages")

    def _done(self, verb: str, answer: Answer, user: str) -> None:
        """Raise what an answer means that says no."""
        statuses = self._description.statuses
        if answer.status in statuses("full"):
            raise NoRoom(
                f"the service lets {user!r} have no further key ({self._words(answer)}): revoke there what nothing "
                "uses, then rotate again"
            )
        if answer.status in statuses("denied"):
            raise ChangeRefused(f"{self._login.username!r} may not {verb} ({self._words(answer)}): {self._needs(user)}")
        if answer.status in statuses("refused"):
            raise EngineUnavailable(f"the service does not take this key any more ({answer.status})")
        self._require_served(answer, verb)
        if not _is_good(answer):
            raise ChangeRefused(self._odd(answer, verb))

    def _require_served(self, answer: Answer, verb: str) -> None:
        status, mode = answer.status, self._exchange.mode
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
            raise EngineUnavailable(f"the service does not serve this now ({status}): it is done again later", mode)
        leads_to_tls = answer.location.startswith("https:") or status == HTTPStatus.UPGRADE_REQUIRED
        if mode == "disable" and leads_to_tls:
            raise EngineUnavailable('the service takes no plaintext: take "ssl": false out of the secret', mode)
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise EngineUnavailable(
                f"the service answers {verb} by a redirect ({status}), and none is followed: correct the host, the "
                f"port, or {verb}.path in {self._description.file}",
                mode,
            )

    def _require_own(self, answer: Answer, key: str, expected: str) -> None:
        where = self._description.text(f"test.{key}")
        if where and _text(answer.at(where)) != expected:
            what = "user" if key == "user" else "key_id"
            said = f"login refused: the service says that the key's {what} is {_text(answer.at(where))!r}"
            raise LoginRejected(f"{said}, the secret {expected!r}", self._exchange.mode)

    def _told(self, said: Any, key: str) -> str:  # noqa: ANN401 - whatever JSON holds
        told = _text(found(said, self._description.text(key)))
        if not told:
            raise EngineUnavailable(self._silent(key))
        return told

    def _silent(self, key: str) -> str:
        where = self._description.text(key)
        what = f"nothing of use at {where!r}" if where else "no list"
        return f"the service's answer has {what}, where {key} of {self._description.file} says it is: correct that"

    def _odd(self, answer: Answer, verb: str) -> str:
        return f"the service refused to {verb} ({self._words(answer)}): correct {verb} in {self._description.file}"

    def _needs(self, user: str) -> str:
        least = self._description.text("needs", "the right to list, issue and revoke keys")
        return f"it needs {least} (for {user!r})"

    def _words(self, answer: Answer) -> str:
        where = self._description.text("error")
        said = _text(answer.at(where)) if where else ""
        return f"{answer.status}: {said}" if said else str(answer.status)


def _is_good(answer: Answer) -> bool:
    return HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES


def _text(said: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    """Give a text, or a number as one: services name their keys by either."""
    return str(said) if isinstance(said, str | int) and not isinstance(said, bool) else ""


def _age(said: Any) -> tuple[bool, float, str]:  # noqa: ANN401 - as above
    """Let numbers be compared with numbers, and texts with texts."""
    is_number = isinstance(said, int | float)
    return (not is_number, said if is_number else 0, "" if is_number else _text(said))
