"""Options that several groups of commands have."""

from pathlib import Path
from typing import Annotated

import typer

_FOLDER = (
    "The data folder, worked on itself as its account's root, whether its server runs or not. Default: DETENT_DATA,"
    " else ~/.detent."
)
_BESIDE = "The data folder; its server may run. Default: DETENT_DATA, else ~/.detent."
_PLACE = (
    "A data folder, worked on itself as its account's root, whether its server runs or not. Default: over HTTP, as the"
    " caller that the AWS_… variables name; if none of them names a server, DETENT_DATA, else ~/.detent."
)
_SERVER = (
    "The data folder of a server on this machine: its endpoint and its root access key are used, whatever the"
    " AWS_… variables say. Default: what AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE and AWS_ENDPOINT_URL say, as for"
    " any AWS client; if none of them is set, DETENT_DATA, else ~/.detent."
)
_ACCOUNT = "The account, 12 digits; only on a data folder. Default: the folder's."

Folder = Annotated[Path | None, typer.Option("--data", metavar="DIR", readable=False, help=_FOLDER)]
Beside = Annotated[Path | None, typer.Option("--data", metavar="DIR", readable=False, help=_BESIDE)]
Place = Annotated[Path | None, typer.Option("--data", metavar="DIR", readable=False, help=_PLACE)]
Server = Annotated[Path | None, typer.Option("--data", metavar="DIR", readable=False, help=_SERVER)]
Account = Annotated[str | None, typer.Option("--account", metavar="ID", help=_ACCOUNT)]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="A tag; give it once for each.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The secret's name or ARN.", show_default=False)]


def group(what: str) -> typer.Typer:
    """Make a group of commands; alone it shows its help."""
    return typer.Typer(no_args_is_help=True, help=what, rich_markup_mode="markdown")


def pair(text: str, option: str) -> tuple[str, str]:
    """Read KEY=VALUE. Raises BadParameter that names the option: wrong usage."""
    key, given, value = text.partition("=")
    if not (key and given):
        raise typer.BadParameter(f"{option} takes KEY=VALUE, not {text!r}")
    return key, value
