"""`detent webhooks` and `detent checks`."""

from typing import Annotated

import typer

from detent.cli.options import Account, Place, group

webhooks = group("Have the news of rotations posted to a URL, signed.")
checks = group("Place checks between the steps of rotations: waits, approvals, probes.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The webhook's name.", show_default=False)]
OfSecret = Annotated[str | None, typer.Argument(metavar="[NAME]", help="A secret's name or ARN.", show_default=False)]


@webhooks.command()
def put(
    name: Name,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where news are posted to.", show_default=False)],
    event: Annotated[
        list[str] | None,
        typer.Option(
            "--event",
            help="started, succeeded, failed, abandoned, rolled-back, overdue or waiting; several: each. Default: all.",
        ),
    ] = None,
    account: Account = None,
    data: Place = None,
) -> None:
    """Make a webhook, or change one. The signing secret of a new one is printed, this once."""
    from detent.cli import news  # noqa: PLC0415 - what a command needs is imported when it runs

    news.put_webhook(data, account, name, url, event or [])


@webhooks.command("list")
def list_webhooks(account: Account = None, data: Place = None) -> None:
    """List the webhooks, and how each takes its news."""
    from detent.cli import news  # noqa: PLC0415 - as above

    news.list_webhooks(data, account)


@webhooks.command("rm")
def remove(name: Name, account: Account = None, data: Place = None) -> None:
    """Delete a webhook with the news that wait for it."""
    from detent.cli import news  # noqa: PLC0415 - as above

    news.delete_webhook(data, account, name)


@checks.command("set")
def set_(  # noqa: PLR0917 - typer calls it by keyword
    name: OfSecret = None,
    tag: Annotated[
        str | None, typer.Option("--tag", metavar="KEY=VALUE", help="Instead: all secrets with this tag.")
    ] = None,
    wait: Annotated[int | None, typer.Option("--wait", metavar="SECONDS", help="Wait for so long.")] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Then wait for a person: detent approve.")] = False,
    probe_url: Annotated[
        list[str] | None, typer.Option("--probe-url", metavar="URL", help="Must answer with the new credential.")
    ] = None,
    probe_sql: Annotated[
        list[str] | None, typer.Option("--probe-sql", metavar="SQL", help="Must run with the new credential.")
    ] = None,
    account: Account = None,
    data: Place = None,
) -> None:
    """Place checks on a secret, or on all secrets with a tag, in the place of those there are; none removes them."""
    from detent.cli import news  # noqa: PLC0415 - as above

    placed: list[dict[str, str | int]] = [] if wait is None else [{"Type": "wait", "Seconds": wait}]
    placed += [{"Type": "approve"}] if approve else []
    placed += [{"Type": "probe", "Url": url} for url in probe_url or []]
    placed += [{"Type": "probe", "Statement": sql} for sql in probe_sql or []]
    news.set_checks(data, account, name, tag, placed)


@checks.command("list")
def list_checks(account: Account = None, data: Place = None) -> None:
    """List the checks of tags and of secrets."""
    from detent.cli import news  # noqa: PLC0415 - as above

    news.list_checks(data, account)
