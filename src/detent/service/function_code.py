"""What an uploaded zip must be before it is kept; what may be in it says the runner, which unpacks and runs it."""

import base64
import hashlib
from typing import NamedTuple

from detent.model.errors import BadParameter
from detent.service.env import Env

MAX_ZIP = 50 * 2**20  # bytes, AWS's for a direct upload
_END = b"PK\x05\x06"  # zip: the record at its end, of 22 bytes and a comment; it says how long the directory is
_LONGEST_END = 22 + 2**16
_LONGEST_DIRECTORY = 4 * 2**20  # bytes, a Choice: reading a longer one, of 46 bytes an entry and more, takes seconds


class Code(NamedTuple):
    """Code as it is kept; `sha256` is base64, as Lambda tells it."""

    sha256: str
    content: bytes


def checked_code(env: Env, zip_file: bytes | None, elsewhere: object) -> Code:
    """Check a zip. `elsewhere` is any other place that was named for it. Raises BadParameter."""
    if zip_file is None or elsewhere:
        raise BadParameter("This server takes code as ZipFile only: it reads no S3 bucket and no image repository.")
    if len(zip_file) > MAX_ZIP:
        raise BadParameter(f"The zip file has {len(zip_file)} bytes; it can have at most {MAX_ZIP}.")
    end = zip_file.rfind(_END, max(0, len(zip_file) - _LONGEST_END))
    if end >= 0 and int.from_bytes(zip_file[end + 12 : end + 16], "little") > _LONGEST_DIRECTORY:
        raise BadParameter("The zip file has too many entries.")
    flaw = None if env.server.runner is None else env.server.runner.flaw(zip_file)
    if flaw is not None:
        raise BadParameter(flaw)
    return Code(base64.b64encode(hashlib.sha256(zip_file).digest()).decode(), zip_file)
