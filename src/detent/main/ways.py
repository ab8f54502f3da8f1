"""How webhooks and probes are reached: by the one outbound rule, TLS verified, no redirect followed, no proxy asked."""

import ssl
from pathlib import Path
from typing import Final

from detent.model.errors import FunctionFailed
from detent.model.ports import Outbound
from detent.runtime.posting import Way

_MOST: Final = 2**16  # bytes of an answer; nothing of it is used


def way(outbound: Outbound, certificates: Path | None) -> Way:
    """Make it. `certificates`: the operator's, trusted besides the system's. Raises FunctionFailed."""
    context = ssl.create_default_context()
    if certificates is not None:
        try:
            context.load_verify_locations(certificates)
        except OSError as error:
            raise FunctionFailed(f"the certificates {certificates} cannot be used: {error.strerror or error}") from None
    return Way(outbound, context, _MOST)
