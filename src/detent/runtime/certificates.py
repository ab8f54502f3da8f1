"""The bundle of certificates that functions find where AWS has it: the system's, and the operator's."""

import os
import ssl
import tempfile
from pathlib import Path

_SYSTEM = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")


def bundle(folder: Path, operators: Path | None) -> Path | None:
    """Write the bundle into a folder; None: there are no certificates on this host. Raises OSError."""
    texts = [path.read_bytes() for path in (_system(), operators) if path is not None]
    if not texts:
        return None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, part = tempfile.mkstemp(dir=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(b"\n".join(texts))
    target = folder / "cert.pem"
    Path(part).chmod(0o444)
    Path(part).replace(target)  # processes that share the folder write the same
    return target


def _system() -> Path | None:
    own = ssl.get_default_verify_paths().cafile
    return next((Path(path) for path in (*_SYSTEM, own) if path and Path(path).is_file()), None)
