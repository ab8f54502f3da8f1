"""What a function may be on this server: its runtime, its variables, and what nothing here does for any."""

import re
from collections.abc import Mapping

from detent.model.errors import BadParameter
from detent.model.function import UserFunction
from detent.service.env import Env

_ENVIRONMENT_BYTES = 4096  # AWS's
_RUNTIME = re.compile(r"python3\.\d+|provided(\.al2|\.al2023)?", re.ASCII)
_VARIABLE = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+", re.ASCII)
# What would change how a function runs, and this server has not: refused with a word on each.
_UNSUPPORTED = {
    "vpc_config": "it joins no VPC",
    "file_system_configs": "it mounts no file systems",
    "dead_letter_config": "it has no queues for events that failed",
    "image_config": "it runs no images",
    "code_signing_config_arn": "it checks no code signatures",
    "kms_key_arn": "variables are sealed under the root keyset",
}


def refused(env: Env, function: UserFunction) -> str | None:
    """Say why a function cannot be run here; None: it can."""
    if env.server.runner is None:
        return "This server runs no functions of its users."
    return env.server.runner.refusal(function)


def checked_runtime(runtime: str) -> str:
    """Give the runtime back. Raises BadParameter."""
    if _RUNTIME.fullmatch(runtime) is None:
        raise BadParameter(
            f"This server runs the runtimes python3.x, provided, provided.al2 and provided.al2023, not {runtime}: for"
            " any other language take provided.al2023, with a `bootstrap` that is the language's runtime client."
        )
    return runtime


def check_variables(variables: Mapping[str, str]) -> None:
    """Raise BadParameter for variables that no process can have; reserved ones are kept, and have no effect."""
    for name, value in variables.items():
        if _VARIABLE.fullmatch(name) is None or "\0" in value:
            raise BadParameter(
                "A variable's name must be a letter and then letters, digits or underscores, two characters at least,"
                " and its value without a null character."
            )
    size = sum(len(part.encode(errors="surrogatepass")) for pair in variables.items() for part in pair)
    if size > _ENVIRONMENT_BYTES:
        raise BadParameter(
            "Lambda was unable to configure your environment variables because the environment variables you have"
            f" provided exceeded the 4KB limit: they have {size} bytes."
        )


def refuse_unsupported(others: Mapping[str, object]) -> None:
    """Raise BadParameter for a member that says something which nothing here would do."""
    for name, why in _UNSUPPORTED.items():
        if _says_something(others.get(name)):
            raise BadParameter(f"This server does not do what {name.replace('_', ' ')} asks for: {why}.")


def _says_something(given: object) -> bool:
    if isinstance(given, dict):
        return any(_says_something(value) for value in given.values())
    return bool(given)
