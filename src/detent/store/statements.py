"""What each table's verbs need of the transaction they work in."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from detent.store.steady import Steady

T = TypeVar("T")


class Work(Protocol):
    """What a claim needs of the transaction it works in."""

    @property
    def steady(self) -> Steady:
        """The clock of leases."""

    def write(self, sql: str, params: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a driver's result
        """Run a statement that changes something."""


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
