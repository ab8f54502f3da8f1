"""Requests as a description says, filled in for one login."""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from detent.functions.engines import Login
from detent.functions.engines.http.description import Description
from detent.functions.engines.http.exchange import Answer, Exchange
from detent.functions.errors import LoginRejected

_SENDABLE: Final = re.compile(r"[\x20-\x7e]*")
_USUAL: Final = {"Accept": "application/json", "User-Agent": "detent", "Content-Type": "application/json"}
_METHODS: Final = {"test": "GET", "issue": "POST", "list": "GET", "revoke": "DELETE"}


class Requests:
    """What a login asks of a service."""

    def __init__(self, exchange: Exchange, description: Description, login: Login) -> None:
        self.exchange = exchange
        self._description = description
        self._login = login

    def ask(self, verb: str, path: str = "path", **texts: str) -> Answer:
        """Ask what the verb's table says. Raises EngineUnavailable, and LoginRejected for a key that cannot be sent."""
        own = {"user": self._login.username, "key_id": str(self._login.settings["key_id"])}
        told = {**own, **texts}
        request = self._description.said.get(verb, {})
        body = request.get("body")
        content = None if body is None else json.dumps(_filled(body, {**told, "secret": self._login.password.reveal()}))
        place = _filled(request[path], {name: quote(text, safe="") for name, text in told.items()})
        method = request.get("method", _METHODS[verb])
        headers = self._headers(own, has_body=body is not None)
        return self.exchange.ask(method, place, headers, content.encode() if content else None)

    def _headers(self, own: Mapping[str, str], *, has_body: bool) -> dict[str, str]:
        told = {**own, "secret": self._login.password.reveal()}
        basic = _filled(self._description.text("basic"), told)
        told["basic"] = base64.b64encode(basic.encode()).decode()
        headers = {name: _filled(text, told) for name, text in self._description.said.get("headers", {}).items()}
        if not all(map(_SENDABLE.fullmatch, headers.values())):
            raise LoginRejected("login refused: the key has characters that no header may have", self.exchange.mode)
        usual = _USUAL if has_body else {name: text for name, text in _USUAL.items() if name != "Content-Type"}
        given = {name.lower() for name in headers}
        return {**{name: text for name, text in usual.items() if name.lower() not in given}, **headers}


def _filled(part: Any, texts: Mapping[str, str]) -> Any:  # noqa: ANN401 - whatever TOML holds
    """Put texts where their placeholders stand, once: what a text holds is no placeholder."""
    match part:
        case str():
            return re.sub(r"\{(\w+)\}", lambda name: texts.get(name[1], name[0]), part)
        case dict():
            return {key: _filled(inner, texts) for key, inner in part.items()}
        case list():
            return [_filled(inner, texts) for inner in part]
    return part
