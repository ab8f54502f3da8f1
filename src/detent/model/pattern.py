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
Fits = Callable[[str, Context], bool | None]  # None: the pattern has a variable that the request lacks


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


@lru_cache(maxsize=_KEPT)
def filler(pattern: str) -> Callable[[Context], str | None]:
    """Give what puts what the request says in the place of variables; None: one it does not say, or several values."""
    texts = _VARIABLE.split(pattern)
    pieces = [*map(_reference, texts[1::2])]

    def fill(context: Context) -> str | None:
        whole = [texts[0]]
        for number, (key, otherwise) in enumerate(pieces, 1):
            values = None if key is None else context(key)
            value = otherwise if values is None else values[0] if len(values) == 1 else None
            if value is None:
                return None
            is_plain = key is None or value.isalnum()
            whole += (value if is_plain else _SPECIAL.sub(r"${\g<0>}", value), texts[2 * number])
        return "".join(whole)

    return fill


def _reference(text: str) -> tuple[str | None, str | None]:
    """Read what stands in the braces: a key, and what to take without it; no key: a text that stays as it is."""
    if text in {"*", "?", "$"}:
        return None, f"${{{text}}}"
    parts = _REFERENCE.fullmatch(text)
    return (None, None) if parts is None else (folded(parts[1]), parts[2])


def literal(pattern: str) -> str:
    """Give the text that a filled pattern without wildcards stands for."""
    return _ESCAPE.sub(r"\1", pattern) if "${" in pattern else pattern


def fitting(pattern: str, *, variables: bool) -> Fits:
    """Give what tells whether a text fits."""
    if not variables or "${" not in pattern:
        fit = matcher(pattern)
        return lambda text, _context: bool(fit(text))
    fill = filler(pattern)

    def fits(text: str, context: Context) -> bool | None:
        resolved = fill(context)
        return None if resolved is None else bool(resolved_matcher(resolved)(text))

    return fits


@lru_cache(maxsize=1024)
def resolved_matcher(resolved: str) -> Matcher:
    """Compile a filled pattern. They are as many as there are requests: they push only each other out."""
    return matcher.__wrapped__(resolved, escapes=True)


def may_mean(resource: str, arn: str) -> bool:
    """Whether a resource's pattern can fit this ARN; a policy variable in it may become anything."""
    return matches(_VARIABLE.sub("*", resource), arn)
