"""Taking every secret value of a rotation out of every text that leaves it, once for all engines and strategies."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote, quote_plus

REDACTED: Final = "[redacted]"
LONGEST: Final = 4000  # characters of a reason that are kept

# Parts of a value that errors must be able to name. Everything else in a value counts as secret.
PUBLIC_KEYS: Final = frozenset(
    {
        "engine", "host", "port", "username", "dbname", "ssl", "sslmode",
        "masterarn", "dbInstanceIdentifier", "dbClusterIdentifier", "usernames", "serves", "users", "nodes", "replicas",
        "region", "aws_access_key_id", "fingerprint", "host_key", "authorized_keys", "service", "key_id",
    }
)  # fmt: skip

# PostgreSQL: a verifier is no password, but passwords can be guessed against it.
_VERIFIER: Final = re.compile(r"SCRAM-SHA-256\$[^\s'\"]*")
_SHORT: Final = 4


class Redactor:
    """Knows the secret values of one rotation. Has no repr of them."""

    def __init__(self) -> None:
        self._learnt: set[str] = set()

    def learn(self, secret: str) -> None:
        """Redact this text from now on, however a driver or a server may spell it."""
        for part in {secret, *(line for line in secret.splitlines() if len(line) >= _SHORT)}:
            self._learnt.add(part)  # spelt out where there is something to scrub: seldom, and it costs most of a read

    def learn_value(self, value: str) -> None:
        """Redact a whole version's value, and in JSON each text in it that is not of a public key."""
        self.learn(value)
        try:
            for text in _texts(json.loads(value)):
                self.learn(text)
        except (ValueError, RecursionError):  # no JSON, or deeper than anyone reads: secret as a whole
            return

    def scrub(self, text: str) -> str:
        """Return the text as one line of bounded length without any learnt value."""
        spellings = {spelling for part in self._learnt for spelling in _spellings(part) if spelling.strip()}
        for spelling in sorted(spellings, key=len, reverse=True):
            if len(spelling) >= _SHORT:
                text = text.replace(spelling, REDACTED)
            else:  # a short value taken out of the middle of words would spell itself by the gaps
                text = re.sub(rf"(?<!\w){re.escape(spelling)}(?!\w)", REDACTED, text)
        text = " ".join(_VERIFIER.sub(REDACTED, text).split())
        return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"

    def scrubbed(self, told: Any) -> Any:  # noqa: ANN401 - whatever a step returns
        """Return what a step tells, each text of it scrubbed."""
        match told:
            case dict():
                return {key: self.scrubbed(inner) for key, inner in told.items()}
            case list():
                return [self.scrubbed(inner) for inner in told]
            case str():
                return self.scrub(told)
        return told


def _texts(decoded: Any) -> Iterator[str]:  # noqa: ANN401 - whatever JSON holds
    match decoded:
        case dict():
            for key, inner in decoded.items():
                if key not in PUBLIC_KEYS:
                    yield from _texts(inner)
        case list():
            for inner in decoded:
                yield from _texts(inner)
        case str():
            yield decoded


def _spellings(secret: str) -> set[str]:
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        quote(secret, safe="", errors="surrogatepass"),
        quote_plus(secret, errors="surrogatepass"),
        secret.replace("'", "''"),
        secret.replace('"', '""'),
        secret.replace("\\", "\\\\"),
        secret.replace("\\", "\\\\").replace("'", "\\'"),
        base64.b64encode(secret.encode(errors="surrogatepass")).decode(),
        secret.encode(errors="surrogatepass").hex(),
    }
