"""What stands where in a service's answer."""

from typing import Any


def found(said: Any, where: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Give what stands at a dotted place in decoded JSON, None if nothing does."""
    for part in where.split("."):
        said = said.get(part) if isinstance(said, dict) else None
    return said


def text_at(said: Any, where: str) -> str:  # noqa: ANN401 - as above
    """Give a text, or a number as one, as services name their keys by either; empty for anything else."""
    there = found(said, where)
    return str(there) if isinstance(there, str | int) and not isinstance(there, bool) else ""


def age(said: Any) -> tuple[bool, float, str]:  # noqa: ANN401 - as above
    """Let numbers be compared with numbers, and texts with texts."""
    is_number = isinstance(said, int | float)
    return (not is_number, said if is_number else 0, said if isinstance(said, str) else "")
