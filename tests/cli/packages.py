"""Wheels made on the spot, so that pip needs no network."""

import platform
import zipfile
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path


def wheel(
    folder: Path, name: str, version: str = "1.0", files: Mapping[str, str] | None = None, platform: str = "any"
) -> Path:
    """Make a wheel with one module of that name, or with these files; of no platform unless one is named."""
    made = folder / f"{name}-{version}-py3-none-{platform}.whl"
    info = f"{name}-{version}.dist-info"
    contents = {
        **(files or {f"{name}.py": f"VERSION = {version!r}\n"}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-{platform}\n",
    }
    record = "".join(f"{path},,\n" for path in (*contents, f"{info}/RECORD"))
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in {**contents, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)
    return made


def requirements(folder: Path, *wheels: Path) -> Path:
    """Write a requirements file that names these wheels and nothing from an index."""
    file = folder / "requirements.txt"
    file.write_text("\n".join(["--no-index", *map(str, wheels)]))
    return file


def only_from(folder: Path) -> dict[str, str]:
    """Give variables by which pip finds the wheels of this folder, and nothing else."""
    return {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}


DRIVERS = ("PyGreSQL", "PyMySQL", "cryptography", "oracledb", "pymssql", "influxdb_client")


def drivers(folder: Path, *left_out: str) -> dict[str, str]:
    """Give variables by which pip finds stand-ins for the drivers, without some, and nothing else."""
    for name in DRIVERS:
        if name not in left_out:
            wheel(folder, name)
    if "pymongo" not in left_out:
        wheel(folder, "pymongo", "3.13")
        wheel(folder, "pymongo", "4.0")
    return only_from(folder)


ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]  # this machine's, in Lambda's words
_OF_ENGINE = {
    "postgres": ("psycopg", "psycopg-binary", "typing-extensions", "scramp", "asn1crypto"),
    "mariadb": ("PyMySQL",),
    "redis": ("redis",),
}


def installed_drivers(folder: Path, engine: str) -> None:
    """Make the wheels again that an engine's driver was installed from here."""
    for name in _OF_ENGINE[engine]:
        _wheel_of(folder, name)


def _wheel_of(folder: Path, name: str) -> Path:
    found = distribution(name)
    tags = [
        line.partition(": ")[2].split("-") for line in str(found.read_text("WHEEL")).splitlines() if "Tag: " in line
    ]
    parts = "-".join(".".join(dict.fromkeys(tag[part] for tag in tags)) for part in range(3))
    made = folder / f"{found.name.replace('-', '_')}-{found.version}-{parts}.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for path in found.files or ():
            if ".." not in path.parts and path.suffix != ".pyc" and path.name not in {"INSTALLER", "REQUESTED"}:
                archive.write(path.locate(), str(path))
    return made
