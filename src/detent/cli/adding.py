"""`detent secrets add`: store the credential of an engine, asked for key by key, and turn its rotation on."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer
from botocore.exceptions import ClientError
from rich.text import Text

from detent.cli import rotation_words
from detent.cli.acting import Acting, acting
from detent.cli.failure import CommandFailed
from detent.cli.rotation_words import NotUnderstood, Wish
from detent.cli.screen import screen
from detent.functions.builtin import BUILTIN
from detent.functions.choosing import facts_of
from detent.functions.contract import RotationFunction
from detent.functions.engines import Facts, engine_named
from detent.functions.errors import UnusableValue
from detent.functions.values import parsed_value
from detent.main.operating import REFUSAL

_REFUSALS: Final = (ClientError, REFUSAL)
_OPTIONAL: Final = ""  # what is answered by Enter, and then left out


@dataclass(frozen=True)
class Wanted:
    """What the command was given; `keys` are those of the value, but for the one that is kept secret."""

    name: str
    words: str
    keys: Mapping[str, str]
    admin: str | None
    secret_stdin: bool
    tags: Mapping[str, str]
    description: str | None
    later: bool


def add(data: Path | None, wanted: Wanted) -> None:
    """Ask for what is missing, store it, and have it rotate. Raises CommandFailed."""
    try:
        wish = rotation_words.read(wanted.words)
    except NotUnderstood as fault:
        raise CommandFailed(str(fault)) from None
    function = BUILTIN.get(wish.function)
    if function is None:
        raise CommandFailed(
            f"{wish.function} is no engine and no function that comes with Detent, so what its secret holds is not"
            " known: store the secret with an AWS client, and have it rotate by detent apply"
        )
    value = _Asked(function, wanted).value()
    with acting(data, None) as caller:
        _store(caller, wanted, wish, function, value)


def _store(caller: Acting, wanted: Wanted, wish: Wish, function: RotationFunction, value: dict[str, Any]) -> None:
    value |= _admin(caller, wanted, function)
    text = json.dumps(value, ensure_ascii=False)
    try:
        parsed_value(text, wanted.name, engine_named(function.engine))
    except UnusableValue as fault:
        raise CommandFailed(str(fault)) from None
    tags = [{"Key": key, "Value": tag} for key, tag in wanted.tags.items()]
    more = {"Tags": tags, **({"Description": wanted.description} if wanted.description else {})}
    arn = caller.secrets.create_secret(Name=wanted.name, SecretString=text, **more)["ARN"]
    screen().print(Text(f"{wanted.name} is stored."))
    _rotate(caller, wanted, wish.of(arn))


def _rotate(caller: Acting, wanted: Wanted, wish: Wish) -> None:
    rules = {"RotationRules": dict(wish.rules)} if wish.rules else {}
    members = {"RotationLambdaARN": wish.function, "RotateImmediately": not wanted.later, **rules}
    try:
        caller.secrets.rotate_secret(SecretId=wanted.name, **members)
    except _REFUSALS as refusal:
        told = refusal.response["Error"]
        raise CommandFailed(
            f"{wanted.name} is stored and does not rotate yet: {told.get('Message') or 'refused'} ({told['Code']});"
            " detent apply turns its rotation on"
        ) from None
    first = "its login is tested now, and it rotates at the next date" if wanted.later else "the first is under way"
    screen().print(Text(f"It rotates by {wish}: {first}. How it goes: detent rotations {wanted.name}"))


def _admin(caller: Acting, wanted: Wanted, function: RotationFunction) -> dict[str, str]:
    """Name the admin secret. Raises CommandFailed where one is a must and none was given."""
    if wanted.admin is not None:
        try:
            return {"masterarn": caller.secrets.describe_secret(SecretId=wanted.admin)["ARN"]}
        except caller.secrets.exceptions.ResourceNotFoundException:
            raise CommandFailed(f"there is no secret {wanted.admin}: store the admin's login first") from None
    if facts_of(function).privileges[function.strategy.name].own is None and "masterarn" not in wanted.keys:
        raise CommandFailed(
            f"{function.strategy.name} needs an admin secret: give --admin SECRET; what its user needs:"
            f" detent functions show {wanted.words.split()[0]}"
        )
    return {}


class _Asked:
    """The value, made of what was given and of what a person answers."""

    def __init__(self, function: RotationFunction, wanted: Wanted) -> None:
        self._facts: Facts = facts_of(function)
        self._wanted = wanted
        self._person = sys.stdin.isatty() and not wanted.secret_stdin

    def value(self) -> dict[str, Any]:
        """Give it whole. Raises CommandFailed."""
        kept_secret = self._facts.password_key
        if kept_secret in self._wanted.keys:
            raise CommandFailed(
                f"{kept_secret} does not belong on a command line, where every user of the machine sees it: it is asked"
                " for, or give it on standard input with --secret-stdin"
            )
        asked = {key: self._answer(key) for key in self._facts.example if key not in {"engine", kept_secret}}
        answers = {key: answer for key, answer in asked.items() if answer != _OPTIONAL}
        secret = {kept_secret: self._secret(kept_secret)}
        return {"engine": self._facts.names[0], **answers, **secret, **self._typed(self._wanted.keys)}

    def _answer(self, key: str) -> object:
        if key in self._wanted.keys:
            return _OPTIONAL  # it stands among the given ones
        default = self._default(key)
        if not self._person:
            return _OPTIONAL  # a missing key that must be there is told of with all the others
        shown = self._facts.keys.get(key, "")
        answer = typer.prompt(f"{key}{f' ({shown})' if shown else ''}", default=default, show_default=bool(default))
        return int(answer) if key == "port" and answer.isdigit() else answer

    def _default(self, key: str) -> str | None:
        """Say what Enter means; None: there must be an answer."""
        if key == "port":
            return str(self._facts.default_port)
        if key == "host":
            return self._facts.default_host or None
        return None if key in {"username", self._facts.key_id} else _OPTIONAL

    def _secret(self, key: str) -> str:
        if self._wanted.secret_stdin:
            return sys.stdin.read().rstrip("\n")  # a private key has many lines
        if self._person:
            return str(typer.prompt(key, hide_input=True))
        raise CommandFailed(f"here is nobody to ask for {key}: give it on standard input with --secret-stdin")

    def _typed(self, keys: Mapping[str, str]) -> dict[str, Any]:
        """Read numbers, truth values, lists and tables as JSON; whatever is none is text, and every name and id is."""
        names = {"username", self._facts.key_id}
        return {key: written if key in names else _json_or_text(written) for key, written in keys.items()}


def _json_or_text(written: str) -> Any:  # noqa: ANN401 - JSON
    try:
        found = json.loads(written)
    except ValueError:
        return written
    return written if found is None or isinstance(found, str) else found
