"""What a server is told, and what is refused before anything is touched."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from detent.model.arn import COMMERCIAL_REGIONS, REGION_NAME
from detent.model.limits import Limits
from detent.model.pace import Pace

_DAY = 86400  # seconds
_WEEK = 7 * _DAY
_CENTURY = 36500  # days
_AWS = Limits()
_FASTEST = 10**6  # a factor that limits nothing any more
_QUOTAS = {  # setting -> the least and the most that a server can work with
    "runners": (1, 256),
    "target_runners": (1, 256),
    "max_secrets": (1, 10**9),
    "max_versions": (3, 10**6),  # current, pending, previous
    "max_labels": (3, 1000),
    "max_tags": (1, 1000),
    "max_value_bytes": (1, 2**17),  # in JSON a byte may become six, and `api.app` takes a million
}


LOG_FORMATS = ("logfmt", "json", "console")
LOG_LEVELS = ("debug", "info", "warning", "error")


class CannotStart(Exception):
    """The server cannot start as told; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One server's settings. Durations are in seconds."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 7373  # 0: any free one
    region: str = "us-east-1"
    regions: str = "aws"  # all that are served: their names, or AWS's commercial ones; `region` always is
    account_id: str = "000000000000"
    workers: int = 1
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure_http: bool = False
    ca_bundle: Path | None = (
        None  # PEM; trusted besides the system's CAs by functions, and when one is called elsewhere
    )
    functions_unconfined: bool = False  # run users' own functions where nothing can confine them
    lease_seconds: float = 15.0  # after a worker dies, its rotation waits this long for another
    step_seconds: float = 60.0
    jitter_seconds: float = 300.0  # how far scheduled rotations are spread after a window opens
    runners: int = 8  # rotations at a time
    target_runners: int = 4  # of them at one target, over all servers of a store
    target_rate: float = 10.0  # rotations that may begin in a second at one target; 0: no limit
    manual_window_seconds: float = 86400.0  # of a rotation that somebody asks for: how long it is tried again
    history_days: float = 90.0  # for how long rotations that ended are kept, with their attempts
    sweep_seconds: float = 60.0  # between two looks for secrets whose recovery window has passed
    max_secrets: int = _AWS.secrets
    max_versions: int = _AWS.versions
    max_labels: int = _AWS.labels
    max_tags: int = _AWS.tags
    max_value_bytes: int = _AWS.value_bytes
    rate_limit_factor: float = 0.0  # times AWS's request rates; 0: no limit
    metrics: str = ""  # HOST:PORT of GET /metrics; empty: off
    log_format: str = "logfmt"
    log_level: str = "warning"
    audit_fsync: bool = False  # whether a record is on the disk, not only in the file, before its answer leaves
    audit_low_space_mb: int = 1024  # left for the audit trail, under which a warning is logged

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
        self._check_regions()
        if not 0 <= self.port < 2**16:
            raise CannotStart(f"--port must be between 0 and 65535, not {self.port}.")
        if self.workers < 1:
            raise CannotStart("--workers must be at least 1.")
        self._check_bounds()
        self._check_words()
        self._check_history()
        self._check_metrics()

    def _check_bounds(self) -> None:
        for name in ("lease_seconds", "step_seconds", "sweep_seconds"):
            if not 0 < getattr(self, name) < _DAY:
                raise CannotStart(f"--{name.replace('_', '-')} must be above 0 and below a day.")
        if not 0 < self.manual_window_seconds <= _WEEK:
            raise CannotStart("--manual-window-seconds must be above 0 and at most a week.")
        if not 0 <= self.jitter_seconds < _DAY:
            raise CannotStart("--jitter-seconds must be 0 or more, and below a day.")
        if not 0 <= self.target_rate < _FASTEST:
            raise CannotStart(f"--target-rate must be 0 (no limit) or more, and below {_FASTEST}.")
        for name, (least, most) in _QUOTAS.items():
            if not least <= getattr(self, name) <= most:
                raise CannotStart(f"--{name.replace('_', '-')} must be between {least} and {most}.")
        if self.audit_low_space_mb < 0:
            raise CannotStart("--audit-low-space-mb must be 0 (never warn) or more.")
        if not 0 <= self.rate_limit_factor < _FASTEST:
            raise CannotStart(f"--rate-limit-factor must be 0 (off) or more, and below {_FASTEST}.")

    def _check_history(self) -> None:
        if not 0 < self.history_days <= _CENTURY:
            raise CannotStart("--history-days must be above 0 and at most 36500.")

    def _check_words(self) -> None:
        for name, words in (("log_format", LOG_FORMATS), ("log_level", LOG_LEVELS)):
            if getattr(self, name) not in words:
                raise CannotStart(f"--{name.replace('_', '-')} must be one of {', '.join(words)}.")

    def _check_metrics(self) -> None:
        if self.metrics and self.metrics_address is None:
            raise CannotStart(f"--metrics must be HOST:PORT, such as 127.0.0.1:9464, not {self.metrics}.")
        if self.metrics_address is not None and not (self.insecure_http or _is_loopback(self.metrics_address[0])):
            raise CannotStart(
                f"{self.metrics_address[0]} is not a loopback address, and metrics are served without TLS or signature:"
                " let a proxy on this machine fetch them, or give --insecure-http if something else keeps others away."
            )

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        """Where metrics are served; None: nowhere, or what is written is no address."""
        host, _, port = self.metrics.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        return (host, int(port)) if host and port.isascii() and port.isdigit() and int(port) < 2**16 else None

    @property
    def pace(self) -> Pace:
        """Give the limits per target. Half of the runners are kept from targets that ail."""
        return Pace(self.target_runners, self.target_rate, max(1, self.runners // 2))

    @property
    def limits(self) -> Limits:
        """Give the quotas."""
        return Limits(self.max_secrets, self.max_versions, self.max_labels, self.max_tags, self.max_value_bytes)

    def _check_regions(self) -> None:
        for option, names in (("region", {self.region}), ("regions", self.all_regions)):
            wrong = sorted(name for name in names if REGION_NAME.fullmatch(name) is None)
            if wrong:
                raise CannotStart(f"--{option} must be a region's name, such as us-east-1, not {wrong[0]!r}.")

    @property
    def all_regions(self) -> frozenset[str]:
        """The regions that are served."""
        named = COMMERCIAL_REGIONS if self.regions == "aws" else {name.strip() for name in self.regions.split(",")}
        return frozenset({self.region, *named})

    @property
    def scheme(self) -> str:
        """How clients speak to this server."""
        return "http" if self.tls_cert is None else "https"

    def endpoint(self, port: int) -> str:
        """Give the URL of a server that listens on this port."""
        return self._url(self.host, port)

    def local_endpoint(self, port: int) -> str:
        """Give the URL by which this machine reaches a server on this port: no wildcard address can be called."""
        address = _address(self.host)
        if address is None or not address.is_unspecified:
            return self.endpoint(port)
        if self.tls_cert is not None:  # a certificate is for a name
            return self._url("localhost", port)
        return self._url("127.0.0.1" if address.version == 4 else "::1", port)  # noqa: PLR2004 - IP's version

    def _url(self, host: str, port: int) -> str:
        return f"{self.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Give the address; None: it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback
