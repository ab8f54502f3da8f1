"""What a server is told, and what is refused before anything is touched."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path


class CannotStart(Exception):
    """The server cannot start as told; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One server's settings. Durations are in seconds."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 7373  # 0: any free one
    region: str = "us-east-1"
    account_id: str = "000000000000"
    workers: int = 1
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure_http: bool = False
    lease_seconds: float = 15.0  # after a worker dies, its rotation waits this long for another
    step_seconds: float = 60.0
    jitter_seconds: float = 300.0  # how far scheduled rotations are spread after a window opens

    def __post_init__(self) -> None:
        """Raise CannotStart for settings that make no server, or an unsafe one."""
        if (self.tls_cert is None) != (self.tls_key is None):
            raise CannotStart("TLS needs both files: give --tls-cert and --tls-key together.")
        if self.tls_cert is None and not self.insecure_http and not _is_loopback(self.host):
            raise CannotStart(
                f"{self.host} is not a loopback address, and without TLS secrets would cross the network in the clear:"
                " give --tls-cert and --tls-key, or --insecure-http if something else encrypts."
            )
        if not (self.account_id.isdigit() and len(self.account_id) == 12):  # noqa: PLR2004 - AWS's account ids
            raise CannotStart(f"--account-id must be 12 digits, not {self.account_id}.")
        if self.workers < 1:
            raise CannotStart("--workers must be at least 1.")

    @property
    def scheme(self) -> str:
        """How clients speak to this server."""
        return "http" if self.tls_cert is None else "https"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
