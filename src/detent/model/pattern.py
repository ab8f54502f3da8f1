"""Patterns of policies: `*` for any characters, `?` for any one, `${key}` for what the request says of itself.

What is filled in for a variable stands for itself: its `*` and `?` are no wildcards. So it is written as policies
write them, `${*}`, `${?}` and `${$}`, and only the text that a policy's author wrote can be a pattern.

Callers write patterns, so none may take long: each piece is matched once, where it first fits.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from detent.model.policy import Context

_KEPT = 8192  # compiled patterns
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_ESCAPE = re.compile(r"\$\{([*?$])\}")
_SPECIAL = re.compile(r"[*?$]")
_REFERENCE = re.compile(r"\s*([^,']+?)\s*(?:,\s*'(.*)'\s*)?", re.DOTALL)  # a key, and perhaps a default

Matcher = Callable[[str], object]  # true for a text that fits


def folded(text: str) -> str:
    """Give the text in lower case, as far as it is ASCII: no other letter may pass for one."""
    return text.lower() if text.isascii() else re.sub("[A-Z]+", lambda found: found[0].lower(), text)


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text fits a pattern without variables."""
    return bool(matcher(pattern)(text))


@lru_cache(maxsize=_KEPT)
def matcher(pattern: str, *, escapes: bool = False) -> Matcher:
    """Give what tells whether a text fits; `escapes` as they stand in a pattern that may have variables."""
    if escapes and "${" in pattern:
        pieces = _ESCAPE.split(pattern)
        return _compiled("".join(_regex(piece) if n % 2 == 0 else re.escape(piece) for n, piece in enumerate(pieces)))
    if not re.search(r"[*?]", pattern):
        return pattern.__eq__
    return (lambda _: True) if pattern == "*" else _compiled(_regex(pattern))


_ANY = "\0"  # stands for `*` until the pieces between are joined


def _regex(piece: str) -> str:
    return "".join(_ANY if sign == "*" else "." if sign == "?" else re.escape(sign) for sign in piece)


def _compiled(regex: str) -> Matcher:
    first, *rest = re.sub(f"{_ANY}+", _ANY, regex).split(_ANY)
    if not rest:
        return re.compile(first, re.DOTALL).fullmatch
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1])
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL).fullmatch


def filled(pattern: str, context: Context) -> str | None:
    """Put what the request says in the place of variables; None: one of them it does not say, or in several values."""
    if "${" not in pattern:
        return pattern
    lacking = False

    def value(found: "re.Match[str]") -> str:
        nonlocal lacking
        if found[1] in {"*", "?", "$"}:
            return found[0]
        text = _value(found[1], context)
        lacking = lacking or text is None
        return _SPECIAL.sub(r"${\g<0>}", text or "")

    text = _VARIABLE.sub(value, pattern)
    return None if lacking else text


def _value(reference: str, context: Context) -> str | None:
    parts = _REFERENCE.fullmatch(reference)
    values = None if parts is None else context(folded(parts[1]))
    if values is None or parts is None:
        return None if parts is None else parts[2]
    return values[0] if len(values) == 1 else None


def literal(pattern: str) -> str:
    """Give the text that a filled pattern without wildcards stands for."""
    return _ESCAPE.sub(r"\1", pattern) if "${" in pattern else pattern


def fits(pattern: str, text: str, context: Context, *, variables: bool) -> bool | None:
    """Whether the whole text fits a pattern; None: it has a variable that the request lacks."""
    if not variables or "${" not in pattern:
        return bool(matcher(pattern)(text))
    resolved = filled(pattern, context)
    return None if resolved is None else bool(_once(resolved)(text))


def _once(resolved: str) -> Matcher:
    """Compile a pattern that another request will not have: it takes no place among those kept."""
    return matcher.__wrapped__(resolved, escapes=True)


def may_mean(resource: str, arn: str) -> bool:
    """Whether a resource's pattern can fit this ARN; a policy variable in it may become anything."""
    return matches(_VARIABLE.sub("*", resource), arn)
