"""The functions that come with Detent, by the name that stands in their ARN.

Each is a Lambda handler too: ``detent.functions.builtin.POSTGRES_SINGLE_USER``.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from detent.functions.contract import RotationFunction
from detent.functions.strategies import SingleUser

POSTGRES_SINGLE_USER: Final = RotationFunction(SingleUser(), "postgres")

BUILTIN: Final[Mapping[str, RotationFunction]] = MappingProxyType(
    {
        "detent-postgres-single-user": POSTGRES_SINGLE_USER,
    }
)
