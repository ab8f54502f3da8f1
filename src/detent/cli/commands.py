"""Every command, one function each; what each does lies in the modules beside.

`docs/reference/cli.md` is made of the help texts in this file.
"""

import sys
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from detent import __version__
from detent.cli import (
    access_commands,
    access_key_commands,
    admin_secret_commands,
    audit_commands,
    backup_commands,
    functions_commands,
    healing_commands,
    keyset_commands,
    layers_commands,
    news_commands,
    policy_commands,
    role_commands,
    schedule_commands,
    secrets_commands,
    user_commands,
)
from detent.cli.failure import CommandFailed
from detent.cli.options import Name, Server
from detent.main.settings import Settings

_USAGE: type[Any] = typer.BadParameter.__mro__[2]  # every fault of usage; typer gives this class no public name

_FILE: dict[str, Any] = {"metavar": "FILE", "readable": False}  # whoever opens it says better why it cannot
_DEFAULTS: dict[str, Any] = {setting.name: setting.default for setting in fields(Settings)}


def _setting(name: str, what: str, *spelt: str, shown: str | None = None, **more: Any) -> Any:  # noqa: ANN401 - typer's
    """Make an option that has a variable too; what it is when neither is given, `serving` decides."""
    default = shown or _DEFAULTS.get(name)
    told = str(default) if default not in {None, False, MISSING} else False
    return typer.Option(*spelt, envvar=f"DETENT_{name.upper()}", help=what, show_default=told, **more)


def _folder(what: str) -> Any:  # noqa: ANN401 - as above
    return _setting("data", what, shown="~/.detent", metavar="DIR", readable=False)


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")

app.add_typer(audit_commands.app, name="audit")
app.add_typer(keyset_commands.app, name="keyset")


@app.callback()
def detent() -> None:
    """Keep secrets behind the AWS Secrets Manager API, and rotate what they open.

    Every error is one line on standard error. Exit codes: 0 done, 1 not done, 2 wrong usage.
    """


@app.command()
def serve(  # noqa: PLR0917 - typer calls it by keyword
    data: Annotated[Path | None, _folder("The data folder; made at the first start.")] = None,
    host: Annotated[str | None, _setting("host", "Where to listen.")] = None,
    port: Annotated[int | None, _setting("port", "0 takes a free one.")] = None,
    region: Annotated[str | None, _setting("region", "The region this folder's clients call by default.")] = None,
    regions: Annotated[
        str | None, _setting("regions", "All regions that are served, by name; aws: AWS's commercial ones.")
    ] = None,
    account_id: Annotated[str | None, _setting("account_id", "The account in ARNs; 12 digits.")] = None,
    workers: Annotated[int | None, _setting("workers", "HTTP processes; about one per core.")] = None,
    tls_cert: Annotated[
        Path | None, _setting("tls_cert", "PEM; with --tls-key the server speaks TLS only.", **_FILE)
    ] = None,
    tls_key: Annotated[Path | None, _setting("tls_key", "PEM.", **_FILE)] = None,
    insecure_http: Annotated[
        bool | None,
        _setting(
            "insecure_http", "Listen without TLS beyond loopback, where something else provides it.", "--insecure-http"
        ),
    ] = None,
    ca_bundle: Annotated[
        Path | None,
        _setting(
            "ca_bundle",
            "PEM; CAs that functions trust besides the system's, and that are trusted where one runs elsewhere.",
            **_FILE,
        ),
    ] = None,
    functions_unconfined: Annotated[
        bool | None,
        _setting(
            "functions_unconfined",
            "Run users' own functions where neither bwrap nor root can confine them: they could read the data folder.",
            "--functions-unconfined",
        ),
    ] = None,
    lease_seconds: Annotated[
        float | None, _setting("lease_seconds", "How long a dead rotator's rotation waits for another.")
    ] = None,
    step_seconds: Annotated[
        float | None, _setting("step_seconds", "How long one step of a built-in function may take.")
    ] = None,
    jitter_seconds: Annotated[
        float | None,
        _setting("jitter_seconds", "Over how long scheduled rotations are spread after their window opens."),
    ] = None,
    runners: Annotated[int | None, _setting("runners", "How many rotations run at a time.")] = None,
    target_runners: Annotated[
        int | None, _setting("target_runners", "How many of them at one target, over all servers of a store.")
    ] = None,
    target_rate: Annotated[
        float | None, _setting("target_rate", "How many may begin in a second at one target; 0 is no limit.")
    ] = None,
    manual_window_seconds: Annotated[
        float | None,
        _setting("manual_window_seconds", "How long a rotation that somebody asks for is tried again."),
    ] = None,
    history_days: Annotated[
        float | None, _setting("history_days", "How many days rotations that ended are kept, with their attempts.")
    ] = None,
    sweep_seconds: Annotated[
        float | None, _setting("sweep_seconds", "How often to look for secrets whose recovery window has passed.")
    ] = None,
    max_secrets: Annotated[int | None, _setting("max_secrets", "Secrets per account and region.")] = None,
    max_versions: Annotated[
        int | None, _setting("max_versions", "Versions per secret, beyond which the oldest without a label go.")
    ] = None,
    max_labels: Annotated[int | None, _setting("max_labels", "Staging labels per secret.")] = None,
    max_tags: Annotated[int | None, _setting("max_tags", "Tags per secret.")] = None,
    max_value_bytes: Annotated[int | None, _setting("max_value_bytes", "Bytes per secret value.")] = None,
    rate_limit_factor: Annotated[
        float | None,
        _setting("rate_limit_factor", "Times AWS's request rates: 1 is AWS's own, 0 is no limit.", shown="0"),
    ] = None,
    metrics: Annotated[
        str | None, _setting("metrics", "HOST:PORT where GET /metrics is served, for Prometheus.", shown="off")
    ] = None,
    log_format: Annotated[str | None, _setting("log_format", "logfmt, json, or console: for people.")] = None,
    log_level: Annotated[str | None, _setting("log_level", "debug, info, warning or error.")] = None,
    audit_fsync: Annotated[
        bool | None,
        _setting("audit_fsync", "Have each audit record on the disk before its answer leaves.", "--audit-fsync"),
    ] = None,
    audit_low_space_mb: Annotated[
        int | None, _setting("audit_low_space_mb", "Megabytes left for the audit trail, below which the log warns.")
    ] = None,
    config: Annotated[
        Path | None, _setting("config", "A TOML file.", shown="DIR/detent.toml if it is there", **_FILE)
    ] = None,
) -> None:
    """Serve the API and rotate what is due, until SIGTERM.

    Each setting comes from its option, else its variable, else the TOML file (keys as the options, with underscores;
    paths relative to the file), else its default. Says "Detent serves on URL" on standard output once it serves.
    """
    from detent.cli import serving  # noqa: PLC0415 - what a command needs is imported when it runs

    given = {name: value for name, value in locals().items() if name not in {"config", "serving"}}
    serving.serve(config, {name: value for name, value in given.items() if value is not None})


@app.command()
def env(data: Annotated[Path | None, _folder("The server's data folder.")] = None) -> None:
    """Print shell lines that point the AWS CLI and SDKs at a server on this machine.

    Use: eval "$(detent env --data DIR)". Variables that would point them elsewhere are unset.
    """
    from detent.cli import shell  # noqa: PLC0415 - as above

    sys.stdout.write(shell.lines(data))


@app.command()
def rotate(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Secrets' names or ARNs.", show_default=False)
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="KEY=VALUE", help="All that rotate and have this tag; several: have all."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--filter", metavar="KEY=VALUE", help="All that rotate and match, as ListSecrets filters."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show the steps, and wait for the end.")] = False,
    data: Server = None,
) -> None:
    """Rotate secrets now, each with the function that it has.

    An incomplete rotation is tried again at once instead, at the step that failed; --wait follows that one.

    With --wait the exit code is 0 when the new version is current, and 1 as soon as an attempt fails: the line then
    says why, and when the server tries again by itself, or that a check holds it up. Of several secrets all are
    followed to their end; then those that were not rotated are listed, and the exit code is 1 if there are any.
    """
    if not (names or tag or where):
        raise typer.BadParameter("Name a secret, or choose some by --tag or --filter.")
    from detent.cli import rotating, rotating_many  # noqa: PLC0415 - as above
    from detent.cli.connection import connected  # noqa: PLC0415
    from detent.cli.screen import screen  # noqa: PLC0415

    with connected(data) as server:
        chosen = rotating_many.Chosen(names or (), tag or (), where or ())
        if chosen.is_one:
            rotating.rotate(server, screen(), chosen.names[0], wait=wait)
        else:
            rotating_many.rotate_many(server, screen(), rotating_many.chosen_secrets(server, chosen), wait=wait)


@app.command()
def rotations(  # noqa: PLR0917 - typer calls it by keyword
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A secret's name or ARN.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that have failed.")] = False,
    due: Annotated[
        bool, typer.Option("--due", help="Only those that are due within a day, planned ones among them.")
    ] = False,
    running: Annotated[bool, typer.Option("--running", help="Only those under way, or that wait.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many to list at most.")] = 50,
    data: Server = None,
) -> None:
    """List the rotations, newest first; with NAME, every attempt of that secret's latest rotation."""
    asked = [status for status, given in (("failed", failed), ("due", due), ("running", running)) if given]
    if len(asked) > 1 or (asked and name is not None):
        raise CommandFailed("give one of NAME, --failed, --due and --running")
    from detent.cli import listings  # noqa: PLC0415 - as above
    from detent.cli.connection import connected  # noqa: PLC0415
    from detent.cli.screen import screen  # noqa: PLC0415

    with connected(data) as server:
        if name is None:
            listings.rotations(server, screen(), limit, asked[0] if asked else None)
        else:
            listings.rotation(server, screen(), name)


Version = Annotated[
    str | None,
    typer.Option("--version", metavar="ID", help="The version that the rotation makes. Default: the latest."),
]


@app.command()
def rotation(name: Name, version_id: Version = None, data: Server = None) -> None:
    """Show a secret's rotation as a timeline: each attempt and check, and what comes next."""
    from detent.cli import timeline  # noqa: PLC0415 - as above
    from detent.cli.connection import connected  # noqa: PLC0415
    from detent.cli.screen import screen  # noqa: PLC0415

    with connected(data) as server:
        timeline.show(server, screen(), name, version_id)


@app.command()
def approve(name: Name, version_id: Version = None, data: Server = None) -> None:
    """Let a rotation that waits for an approval go on."""
    from detent.cli import timeline  # noqa: PLC0415 - as above
    from detent.cli.connection import connected  # noqa: PLC0415
    from detent.cli.screen import screen  # noqa: PLC0415

    with connected(data) as server:
        timeline.approve(server, screen(), name, version_id)


@app.command()
def deny(
    name: Name,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, in one line.")] = None,
    version_id: Version = None,
    data: Server = None,
) -> None:
    """Abandon a rotation that waits for an approval; the current version stays what it is."""
    from detent.cli import timeline  # noqa: PLC0415 - as above
    from detent.cli.connection import connected  # noqa: PLC0415
    from detent.cli.screen import screen  # noqa: PLC0415

    with connected(data) as server:
        timeline.deny(server, screen(), name, version_id, reason)


@app.command()
def demo() -> None:
    """Rotate the password of a real, throwaway PostgreSQL role, and prove it. Leaves nothing behind."""
    from detent.cli import demonstration  # noqa: PLC0415 - as above
    from detent.cli.screen import screen  # noqa: PLC0415

    demonstration.demonstrate(screen())


@app.command()
def version() -> None:
    """Print Detent's version."""
    typer.echo(__version__)


for command in (
    access_commands.apply,
    access_commands.can,
    backup_commands.backup,
    backup_commands.restore,
    backup_commands.resume,
    healing_commands.explain,
    healing_commands.retry,
    healing_commands.abandon,
    healing_commands.rollback,
):
    app.command()(command)
app.add_typer(secrets_commands.app, name="secrets")
app.add_typer(user_commands.app, name="users")
app.add_typer(role_commands.app, name="roles")
app.add_typer(policy_commands.app, name="policies")
app.add_typer(access_key_commands.app, name="access-keys")
app.add_typer(admin_secret_commands.app, name="admin-secret")
app.add_typer(functions_commands.app, name="functions")
app.add_typer(layers_commands.app, name="layers")
app.add_typer(news_commands.webhooks, name="webhooks")
app.add_typer(news_commands.checks, name="checks")
app.add_typer(schedule_commands.app, name="schedule")


def main() -> None:
    """Run the command line; every error is one line."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without Unicode still gets text
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="detent", standalone_mode=False)
    except _USAGE as fault:  # without words: a group of commands was named alone, and has shown its help
        told = fault.format_message()
        sys.exit(_said(f"{told} (detent --help)", 2) if told else 2)
    except CommandFailed as failure:
        sys.exit(_said(str(failure), 1))
    sys.exit(code or 0)


def _said(text: str, code: int) -> int:
    typer.echo(f"detent: {' '.join(text.split())}", err=True)
    return code
