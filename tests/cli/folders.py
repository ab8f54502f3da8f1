"""Data folders as a server leaves them, and what is read in them."""

import configparser
import json
import shutil
from pathlib import Path
from typing import Any

from detent.main.folder import Folder
from detent.main.house import House
from detent.main.settings import Settings
from servers.canary import Canary


def make_used(data: Path, **changed: Any) -> Path:
    """Make a folder as a server that was stopped leaves it."""
    settings = Settings(data, **changed)
    folder = Folder(data)
    house = House(settings, folder.open())
    folder.initialise(house.server, house.store)
    folder.write_config(settings, 7373)
    house.close()
    return data


def copied(used: Path, to: Path) -> Path:
    return shutil.copytree(used, to / "data")


def key_in(text: str, canary: Canary) -> tuple[str, str]:
    """Give the one access key of a shared-credentials file, its secret watched."""
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    profile = dict(parser["default"])
    assert set(profile) == {"aws_access_key_id", "aws_secret_access_key"}
    return profile["aws_access_key_id"], canary.watch(profile["aws_secret_access_key"])


def trail(data: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (data / "audit.log").read_text().splitlines()]
