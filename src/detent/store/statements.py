"""What each table's verbs need of the transaction they work in."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Statements(Protocol):
    """What these verbs need of the transaction they work in."""

    def run(self, sql: str, params: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a driver's result
        """Run a statement."""

    def write(self, sql: str, params: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a driver's result
        """Run a statement that changes something."""

    def remembered(self, kind: Callable[[Any], T], sql: str, *values: object) -> T | None:
        """Give a row as `kind` makes it, perhaps from the rows kept."""

    def remembered_all(self, kind: Callable[[Any], T], sql: str, *values: object) -> tuple[T, ...]:
        """Give all rows as `remembered` gives one."""
