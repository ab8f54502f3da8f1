"""The one outbound rule, for rooms that may not know the room where it stands."""

from detent.functions.errors import EngineUnavailable
from detent.functions.outbound import reachable_address
from detent.model.errors import FunctionFailed


def outbound(host: str, port: int, timeout: float) -> str:
    """`ports.Outbound`."""
    try:
        return reachable_address(host, port, timeout)
    except EngineUnavailable as refused:
        raise FunctionFailed(str(refused)) from None
