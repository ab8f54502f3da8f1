"""Whether the disk has room for the audit trail: without it every call is refused, so a warning comes before."""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

_MB = 1_000_000


@dataclass
class Space:
    """Looks again and again, and warns when room runs low: once, and again after there was enough in between."""

    folder: Path
    low_mb: int  # 0: never warn
    _is_low: bool = False

    def look(self) -> None:
        """Measure, and warn."""
        free = shutil.disk_usage(self.folder).free
        was_low, self._is_low = self._is_low, free < self.low_mb * _MB
        if self._is_low and not was_low:
            logging.getLogger(__name__).warning(
                "%s MB are left for %s: when they are gone, calls are refused, for the audit trail cannot be written",
                free // _MB,
                self.folder,
            )
