"""Acting on an account: on the data folder itself as its root, or over HTTP as the caller of the AWS environment.

On the folder when `--data` is given or no AWS variable names a server (`cli.connection`); it may be in use by a server.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from detent.cli.connection import connected, is_folder_meant
from detent.cli.data_folder import DataFolder
from detent.cli.failure import CommandFailed
from detent.cli.serving import shared_settings
from detent.main.operating import REFUSAL, CannotOperate, Operator, operating

_ACCOUNT: Final = re.compile(r"[0-9]{12}", re.ASCII)


class Acting(Protocol):
    """Somebody who may act: `own` is a client of Detent's own API, `secrets` of Secrets Manager; both as boto3's."""

    @property
    def own(self) -> Any: ...  # noqa: ANN401, D102 - as above

    @property
    def secrets(self) -> Any: ...  # noqa: ANN401, D102 - as above

    @property
    def account(self) -> str: ...  # noqa: D102 - in whose name


@contextmanager
def acting(data: Path | None, account: str | None) -> Iterator[Acting]:
    """Give whoever is meant; what is refused inside leaves as CommandFailed."""
    if is_folder_meant(data):
        with on_folder(data, account) as operator:
            yield operator
        return
    if account is not None:
        raise CommandFailed("--account is for a data folder: give --data DIR, or sign with a key of that account")
    with connected(None) as server:
        yield server


@contextmanager
def on_folder(data: Path | None, account: str | None = None) -> Iterator[Operator]:
    """Open a data folder as an account's root; what is refused inside leaves as CommandFailed."""
    if account is not None and _ACCOUNT.fullmatch(account) is None:
        raise CommandFailed(f"--account must be 12 digits, not {account}")
    folder = DataFolder.found(data)
    try:
        with operating(shared_settings(folder.path, folder.settings["region"]), account) as operator:
            yield operator
    except CannotOperate as error:
        raise CommandFailed(str(error)) from None
    except REFUSAL as refusal:
        told = refusal.response["Error"]
        raise CommandFailed(f"{told['Message'] or 'refused'} ({told['Code']})") from None
