"""Saying what is wrong with a request that does not decode: every failure at once, in the reference's words (A.5).

msgspec decodes and checks a good request in one go; only a bad one comes here, to be walked along its declared shape.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain, islice
from typing import Any

import msgspec
from msgspec import inspect

from detent.api.errors import NO_JSON, Refused
from detent.api.shapes import SENSITIVE, SIZED, wire_name

_MOST_TOLD = 100  # Choice: many bad items must not become an answer, and an audit record, of many megabytes
_JSON_TYPES: dict[type[inspect.Type], tuple[type, ...]] = {
    inspect.StrType: (str,),
    inspect.LiteralType: (str,),
    inspect.BytesType: (str,),
    inspect.IntType: (int,),
    inspect.BoolType: (bool,),
    inspect.ListType: (list,),
    inspect.StructType: (dict,),
    inspect.DictType: (dict,),
}


def explain(shape: type[msgspec.Struct], body: bytes, value_bytes: int) -> Refused:
    """Give the refusal for a body that does not decode as this shape, or whose value has more than so many bytes."""
    try:
        raw = msgspec.json.decode(body)
        found = chain(_failures(_type_of(shape), raw, "", sensitive=False), _too_large(shape, raw, value_bytes))
        failures = list(islice(found, _MOST_TOLD))
    except TypeError as mismatch:
        return Refused("SerializationException", str(mismatch))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):  # a list may be decoded and yet too deep to show
        return Refused("SerializationException", NO_JSON)
    if not failures:  # the decoder is stricter than this walk: a base64 text that is none
        return Refused("SerializationException", "A member of the request could not be decoded.")
    plural = "error" if len(failures) == 1 else "errors"
    return Refused("ValidationException", f"{len(failures)} validation {plural} detected: {'; '.join(failures)}")


@cache
def _type_of(shape: type[msgspec.Struct]) -> inspect.Type:
    return inspect.type_info(shape)


def _too_large(shape: type[msgspec.Struct], raw: dict[str, Any], most: int) -> Iterator[str]:
    for name in sorted(SIZED.intersection(shape.__struct_fields__)):
        value = raw.get(wire_name(name)) or ""
        size = len(value.encode(errors="surrogatepass")) if name == "secret_string" else len(value.rstrip("=")) * 3 // 4
        for broken in _broken_length(None, most, size):
            member = wire_name(name)
            yield f"Value at '{member[:1].lower()}{member[1:]}' failed to satisfy constraint: {broken}"


def _failures(kind: inspect.Type, raw: Any, path: str, *, sensitive: bool) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(kind, inspect.UnionType):  # every union here is one type or null
        kind = next(part for part in kind.types if not isinstance(part, inspect.NoneType))
    expected = _JSON_TYPES.get(type(kind))
    if expected is not None and (not isinstance(raw, expected) or (expected == (int,) and isinstance(raw, bool))):
        raise TypeError(f"The member '{path or 'body'}' has a wrong JSON type.")
    if isinstance(kind, inspect.StructType):
        yield from _members(kind, raw, path)
    elif isinstance(kind, inspect.ListType):
        yield from _items(kind, raw, path)
    elif isinstance(kind, inspect.StrType | inspect.IntType | inspect.LiteralType):
        shown = "Value" if sensitive else f"Value '{raw}'"
        for broken in _broken(kind, raw):
            yield f"{shown} at '{path}' failed to satisfy constraint: {broken}"


def _members(kind: inspect.StructType, raw: dict[str, Any], path: str) -> Iterator[str]:
    for field in kind.fields:
        name = field.encode_name[:1].lower() + field.encode_name[1:]
        where = f"{path}.{name}" if path else name
        value = raw.get(field.encode_name)
        if value is not None:
            yield from _failures(field.type, value, where, sensitive=field.name in SENSITIVE)
        elif field.required:
            yield f"Value null at '{where}' failed to satisfy constraint: Member must not be null"


def _items(kind: inspect.ListType, raw: list[Any], path: str) -> Iterator[str]:
    for broken in _broken_length(kind.min_length, kind.max_length, len(raw)):
        yield f"Value '[{', '.join(map(str, raw))}]' at '{path}' failed to satisfy constraint: {broken}"
    for number, item in enumerate(raw, start=1):
        yield from _failures(kind.item_type, item, f"{path}.{number}.member", sensitive=False)


def _broken(kind: inspect.StrType | inspect.IntType | inspect.LiteralType, raw: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(kind, inspect.LiteralType):
        if raw not in kind.values:
            yield f"Member must satisfy enum value set: [{', '.join(map(str, kind.values))}]"
        return
    if isinstance(kind, inspect.StrType):
        yield from _broken_length(kind.min_length, kind.max_length, len(raw))
        if kind.pattern is not None and re.search(kind.pattern, raw) is None:
            shown = kind.pattern.removeprefix(r"\A").removesuffix(r"\Z")
            yield f"Member must satisfy regular expression pattern: {shown}"
        return
    if kind.ge is not None and raw < kind.ge:
        yield f"Member must have value greater than or equal to {kind.ge}"
    if kind.le is not None and raw > kind.le:
        yield f"Member must have value less than or equal to {kind.le}"


def _broken_length(least: int | None, most: int | None, length: int) -> Iterator[str]:
    if least is not None and length < least:
        yield f"Member must have length greater than or equal to {least}"
    if most is not None and length > most:
        yield f"Member must have length less than or equal to {most}"
