"""What `detent functions package` does: a function, what of Detent it is made of, and its driver, as a zip for Lambda.

The same function, versions and platform give the same bytes. boto3 is not in it: Lambda's Python has it.
"""

import base64
import hashlib
import io
import re
import shutil
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.text import Text

from detent import __version__
from detent.cli import framework, own_folder
from detent.cli.drivers import drivers_of, versions
from detent.cli.failure import CommandFailed
from detent.cli.function_code import packed
from detent.cli.installing import NotInstalled, Platform, install, installed
from detent.cli.screen import screen
from detent.functions.builtin import BUILTIN

_THIS_MINOR: Final = sys.version_info.minor
_RUNTIME: Final = re.compile(r"python3\.(\d{1,2})")
_ENTRY: Final = '''"""{name}, of Detent {version}."""

from detent.functions.contract import RotationFunction
from detent.functions.strategies import STRATEGIES

handler = RotationFunction(STRATEGIES["{strategy}"], "{engine}")
'''
# Of this machine, or of how pip came by a package: they would differ from one machine to another.
_OF_THIS_MACHINE: Final = ("bin", *(f"*.dist-info/{name}" for name in ("RECORD", "INSTALLER", "REQUESTED", "*.json")))


@dataclass(frozen=True)
class Wanted:
    """What is packed; ``named`` is a built-in function or a folder, ``runtime`` None: this Python's."""

    named: str
    out: Path
    architecture: str
    runtime: str | None = None


def package(wanted: Wanted) -> None:
    """Write the zip, and tell what it is."""
    platform = Platform(_minor(wanted.runtime), wanted.architecture)
    try:
        with tempfile.TemporaryDirectory(prefix="detent-package-") as scratch:
            code = Path(scratch, "code")
            _fill(code, wanted, platform)
            content, held = packed(code, None).content, installed(code)
        _put(wanted.out, content)
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise CommandFailed(f"cannot make {wanted.out}: {error.strerror or error}{place}") from None
    _tell(wanted.out, content, platform, held)


def _minor(runtime: str | None) -> int:
    """Which packages are needed is asked of this Python: for an older one it would leave some out."""
    match = _RUNTIME.fullmatch(f"python3.{_THIS_MINOR}" if runtime is None else runtime)
    if match is None or int(match[1]) < _THIS_MINOR:
        raise CommandFailed(f"--runtime must be python3.{_THIS_MINOR}, which runs this command, or a later one")
    return int(match[1])


def _fill(code: Path, wanted: Wanted, platform: Platform) -> None:
    """Install first: the function's own files go before those of a package."""
    own = None if wanted.named in BUILTIN else _own(wanted.named)
    requirements = drivers_of(BUILTIN[wanted.named].engine if own is None else own_folder.engine_of(own))
    listed = None if own is None else own_folder.requirements_of(own)
    if listed is not None:
        requirements += ["--requirement", str(listed)]
    code.mkdir()
    if requirements:
        _install(code, requirements, platform)
    framework.add(code)
    if own is None:
        (code / own_folder.CODE).write_text(_entry(wanted.named), encoding="utf-8")
    else:
        left_out = shutil.ignore_patterns(*own_folder.NO_CODE, wanted.out.name)
        shutil.copytree(own, code, symlinks=True, ignore=left_out, dirs_exist_ok=True)


def _own(named: str) -> Path:
    folder = Path(named)
    if not (folder / own_folder.CODE).is_file():
        raise CommandFailed(
            f"{named} is neither a function that comes with Detent (detent functions list) nor a folder with "
            f"{own_folder.CODE}"
        )
    return folder


def _install(code: Path, requirements: list[str], platform: Platform) -> None:
    constraints = code.with_name("constraints.txt")
    constraints.write_text("\n".join(versions()), encoding="utf-8")
    try:
        install(code, ["--constraint", str(constraints), *requirements], platform)
    except NotInstalled as reason:
        raise CommandFailed(
            f"the packages for {platform} were not installed: {reason} (a wheel may be missing for this platform: "
            "another --runtime or --architecture may have one)"
        ) from None
    for pattern in _OF_THIS_MACHINE:
        for path in code.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _entry(name: str) -> str:
    function = BUILTIN[name]
    return _ENTRY.format(name=name, version=__version__, strategy=function.strategy.name, engine=function.engine)


def _put(out: Path, content: bytes) -> None:
    """Put the zip there as a whole, or leave what is there."""
    draft = out.with_name(f".{out.name}.new")
    draft.write_bytes(content)
    draft.replace(out)


def _tell(out: Path, content: bytes, platform: Platform, held: str) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()  # as Lambda shows a function's code
    lines = (
        f"{out}: {_mebibytes(len(content))}, {_mebibytes(unpacked)} unpacked, SHA-256 {digest}",
        f"For {platform}, handler {own_folder.HANDLER}. Beside the function: {held or 'no packages'}.",
    )
    for line in lines:
        screen().print(Text(line), soft_wrap=True)


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
