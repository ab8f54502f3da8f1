"""Strategies: whose credential changes, and how. They know no engine; what a session can do they find out by asking."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from detent.functions.strategies.alternating_users import AlternatingUsers
from detent.functions.strategies.dual_password import DualPassword
from detent.functions.strategies.issued_keys import IssuedKeys
from detent.functions.strategies.single_user import SingleUser
from detent.functions.strategies.turn import Strategy, Turn

__all__ = ["STRATEGIES", "AlternatingUsers", "DualPassword", "IssuedKeys", "SingleUser", "Strategy", "Turn"]

# By the name that stands in a built-in function's; those with an overlap first, the simplest of them first.
STRATEGIES: Final[Mapping[str, Strategy]] = MappingProxyType(
    {strategy.name: strategy for strategy in (DualPassword(), IssuedKeys(), AlternatingUsers(), SingleUser())}
)
