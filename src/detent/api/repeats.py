"""Members that a JSON object names twice: parsers disagree on which of the two counts, so neither may.

msgspec takes the last without a word. The exact look costs more than decoding, so a body with at most one member is
told by counting: outside of texts every member's name ends in a quote and a colon.
"""

import json
import re
from collections import Counter
from typing import NoReturn

from detent.api.errors import NO_JSON, Refused

_ENDS_OF_NAMES = re.compile(rb'"[ \t\r\n]*:')
_PLAIN = re.compile(r"[A-Za-z]{1,64}")  # a name that may be told; any other may be somebody's secret


def refuse_repeats(body: bytes) -> None:
    """Raise Refused for a body in which any object names a member twice, or in which that cannot be told."""
    if body.count(b":") > 1 and len(_ENDS_OF_NAMES.findall(body)) > 1:
        try:
            _DECODER.decode(body.decode())
        except (ValueError, RecursionError):  # msgspec reads less strictly what it skips, and a little deeper
            raise Refused("SerializationException", NO_JSON) from None


def _distinct(pairs: list[tuple[str, object]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        _refuse(next(name for name, count in Counter(names).items() if count > 1))


def _refuse(name: str) -> NoReturn:
    shown = f"the member '{name}'" if _PLAIN.fullmatch(name) else "a member"
    raise Refused("SerializationException", f"The request names {shown} twice.")


def _ignored(_: str) -> None:
    """Read no number: Python refuses those of thousands of digits, and no value matters here."""


_DECODER = json.JSONDecoder(object_pairs_hook=_distinct, parse_int=_ignored, parse_float=_ignored, strict=False)
