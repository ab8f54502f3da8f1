"""`detent keyset`: the root keyset of a data folder."""

from pathlib import Path
from typing import Annotated

import typer

from detent.cli import options

app = options.group("Show, rotate and wrap the root keyset of a data folder; the server may run.")


@app.command()
def status(data: options.Beside = None) -> None:
    """Show where the keyset is kept, its keys without their material, and what earlier ones still seal."""
    from detent.cli import keyset  # noqa: PLC0415 - what a command needs is imported when it runs
    from detent.cli.screen import screen  # noqa: PLC0415

    keyset.status(screen(), data)


@app.command()
def rotate(data: options.Beside = None) -> None:
    """Add a key, which seals from now on.

    The keys that were there still open. What they sealed, a running server seals anew in the background: see status.
    Keep a new copy of the keyset, apart from copies of the store.
    """
    from detent.cli import keyset  # noqa: PLC0415 - as above

    keyset.rotate(data)


@app.command()
def wrap(
    by: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="WHAT",
            help="aws-kms://ARN, gcp-kms://projects/…, hcvault://transit/keys/NAME, passphrase, or file: in the clear.",
        ),
    ],
    data: options.Beside = None,
) -> None:
    """Write the keyset's file anew, sealed by a key of a KMS or by a passphrase, or in the clear.

    A passphrase stands in the file that DETENT_PASSPHRASE_FILE names, or in DETENT_PASSPHRASE; the server needs it too.
    Where a KMS is, and how to call it, its own variables say, such as AWS_REGION, GOOGLE_APPLICATION_CREDENTIALS,
    VAULT_ADDR and VAULT_TOKEN. Old copies of the file stay as they were: destroy them.
    """
    from detent.cli import keyset  # noqa: PLC0415 - as above

    keyset.wrap(by, data)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", readable=False, help="The file to make.", show_default=False)],
    data: options.Beside = None,
) -> None:
    """Copy the keyset's file as it is, wrapped or not. Keep it apart from backups of the store."""
    from detent.cli import backing_up  # noqa: PLC0415 - as above

    backing_up.export_keyset(data, file)
