"""What an uploaded zip must be before it is kept; unpacking it, and running it, is the runtime's."""

import base64
import hashlib
import io
import zipfile
from typing import NamedTuple

from detent.model.errors import BadParameter

MAX_ZIP = 50 * 2**20  # bytes, AWS's for a direct upload
_MAX_UNPACKED = 262_144_000  # bytes, AWS's
_END = b"PK\x05\x06"  # zip: the record at its end, of 22 bytes and a comment; it says how long the directory is
_LONGEST_END = 22 + 2**16
_LONGEST_DIRECTORY = 4 * 2**20  # bytes, a Choice: reading a longer one, of 46 bytes an entry and more, takes seconds


class Code(NamedTuple):
    """Code as it is kept; `sha256` is base64, as Lambda tells it."""

    sha256: str
    content: bytes


def checked_code(zip_file: bytes | None, elsewhere: object) -> Code:
    """Check a zip. `elsewhere` is any other place that was named for it. Raises BadParameter."""
    if zip_file is None or elsewhere:
        raise BadParameter("This server takes code as ZipFile only: it reads no S3 bucket and no image repository.")
    if len(zip_file) > MAX_ZIP:
        raise BadParameter(f"The zip file has {len(zip_file)} bytes; it can have at most {MAX_ZIP}.")
    sizes = _unpacked_sizes(zip_file)
    if not sizes:
        raise BadParameter("Uploaded file must be a non-empty zip")
    if sum(sizes) > _MAX_UNPACKED:
        raise BadParameter(f"Unzipped size must be smaller than {_MAX_UNPACKED} bytes")
    return Code(base64.b64encode(hashlib.sha256(zip_file).digest()).decode(), zip_file)


def _unpacked_sizes(zip_file: bytes) -> list[int]:
    end = zip_file.rfind(_END, max(0, len(zip_file) - _LONGEST_END))
    directory = int.from_bytes(zip_file[end + 12 : end + 16], "little") if end >= 0 else 0
    if directory > _LONGEST_DIRECTORY:
        raise BadParameter("The zip file has too many entries.")
    try:
        with zipfile.ZipFile(io.BytesIO(zip_file)) as opened:
            return [entry.file_size for entry in opened.infolist()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise BadParameter("Could not unzip uploaded file. Please check your file, then try to upload again.") from None
