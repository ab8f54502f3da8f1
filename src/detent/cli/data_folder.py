"""A server's data folder as a client on the same machine sees it: the two files in AWS form."""

import configparser
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from detent.cli.failure import CommandFailed

DEFAULT: Final = Path("~/.detent")


def named(path: Path | None) -> Path:
    """Give the folder that is meant, by default DETENT_DATA, else ~/.detent."""
    return (path or Path(os.environ.get("DETENT_DATA") or DEFAULT)).expanduser().absolute()


@dataclass(frozen=True)
class DataFolder:
    """Where a server is, and the root access key that it gives out."""

    path: Path
    settings: dict[str, str]

    @classmethod
    def found(cls, path: Path | None) -> Self:
        """Read the folder that is meant. Raises CommandFailed when it is no server's."""
        folder = named(path)
        return cls(folder, _profile(folder / "config"))

    @property
    def config(self) -> Path:
        """The AWS config file."""
        return self.path / "config"

    @property
    def credentials(self) -> Path:
        """The AWS shared-credentials file."""
        return self.path / "credentials"

    @property
    def keys(self) -> dict[str, str]:
        """The root access key. Raises CommandFailed when the folder gives none out any more."""
        if not self.credentials.exists():
            raise CommandFailed(
                f"{self.credentials} is gone, so the folder gives out no access key: use one of your own (AWS_…"
                f" variables), or make a new one: detent access-keys rotate-root --data {self.path}"
            )
        return _profile(self.credentials)

    @property
    def endpoint(self) -> str:
        """Where the server listened when it was last started."""
        return self.settings["endpoint_url"]


def _profile(file: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        with file.open(encoding="utf-8") as text:
            parser.read_file(text)
        return dict(parser["default"])
    except FileNotFoundError:
        raise CommandFailed(
            f"no server was ever started on the data folder {file.parent}: detent serve --data {file.parent}"
        ) from None
    except OSError as error:
        raise CommandFailed(f"cannot read {file}: {error.strerror}") from None
    except (configparser.Error, KeyError, UnicodeDecodeError):
        raise CommandFailed(f"{file} is not what a server writes there: start it again, or put the file back") from None
