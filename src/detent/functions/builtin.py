"""The functions that come with Detent, by the name that stands in their ARN.

There is one for each engine and each strategy that its sessions can do, and each is a Lambda handler too.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from detent.functions.contract import RotationFunction
from detent.functions.engines import engine_named, of_this_folder
from detent.functions.strategies import STRATEGIES


def functions_of(engine: str) -> dict[str, RotationFunction]:
    """Make an engine's functions, those with an overlap first. Raises StepFailed where there is no such engine."""
    session = engine_named(engine).FACTS.session
    return {
        f"detent-{engine}-{name}": RotationFunction(strategy, engine)
        for name, strategy in STRATEGIES.items()
        if strategy.suits(session)
    }


BUILTIN: Final[Mapping[str, RotationFunction]] = MappingProxyType(
    {name: function for engine in sorted(of_this_folder()) for name, function in functions_of(engine).items()}
)
