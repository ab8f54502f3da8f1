"""`docs/reference/cli.md` is what the commands say of themselves."""

from pathlib import Path

import typer.cli
import typer.main

from cli.command import detent, refusal, success
from detent import __version__
from detent.cli.commands import app

REFERENCE = Path(__file__).parent.parent.parent / "docs" / "reference" / "cli.md"
MAKE = "make docs"


def test_the_reference_of_the_commands_is_up_to_date() -> None:
    group = typer.main.get_command(app)
    context = typer.Context(group)
    said = typer.cli.get_docs_for_click(obj=group, ctx=context, name="detent")
    assert REFERENCE.read_text() == f"{said.strip()}\n", f"make it anew: {MAKE}"


def test_every_command_is_in_the_reference() -> None:
    names = {command.callback.__name__ for command in app.registered_commands if command.callback}
    assert names == {
        "serve",
        "env",
        "rotate",
        "rotations",
        "rotation",
        "approve",
        "deny",
        "demo",
        "apply",
        "can",
        "backup",
        "restore",
        "resume",
        "explain",
        "retry",
        "abandon",
        "rollback",
        "version",
    }
    groups = {group.name for group in app.registered_groups}
    assert groups == {
        "users",
        "roles",
        "policies",
        "access-keys",
        "admin-secret",
        "audit",
        "keyset",
        "functions",
        "layers",
        "webhooks",
        "checks",
        "schedule",
        "secrets",
    }
    assert all(f"## `detent {name}`" in REFERENCE.read_text() for name in names | groups)


def test_a_group_alone_shows_its_help() -> None:
    done = detent("access-keys")
    assert (done.returncode, done.stderr) == (2, "")
    assert "rotate-root" in done.stdout


def test_version_prints_the_version() -> None:
    assert success(detent("version")) == f"{__version__}\n"


def test_without_a_command_the_help_is_shown() -> None:
    assert "Rotate the password of a real, throwaway PostgreSQL role" in success(detent())


USAGE = {
    ("--foo",): "No such option: --foo (detent --help)",
    ("nothing",): "No such command 'nothing'. (detent --help)",
    ("rotate",): "Invalid value: Name a secret, or choose some by --tag or --filter. (detent --help)",
    ("rotations", "--limit", "0"): "Invalid value for '--limit': ",
    ("serve", "--port", "x"): "Invalid value for '--port' (env var: 'DETENT_PORT'): ",
}


def test_wrong_usage_is_one_line_and_exit_code_2() -> None:
    for arguments, said in USAGE.items():
        assert refusal(detent(*arguments), 2).startswith(said)
