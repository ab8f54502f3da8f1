"""What an engine's driver is called and which version of it is in use, as the installed packages say of themselves.

An engine's driver is what Detent's extra of the engine's own name asks for, or the one that its facts name; an engine
without one needs none.
"""

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from typing import Final

from detent.cli.failure import CommandFailed
from detent.functions.engines import engine_named, known_engines

_OURS: Final = "detent"
_OF_EXTRA: Final = re.compile(r"(?P<requirement>[^;]+);.*\bextra == ['\"](?P<extra>[^'\"]+)['\"]\)?")
_NAME: Final = re.compile(r"[\w.-]+")


def drivers_of(engine: str) -> list[str]:
    """Give the requirements of an engine, such as `psycopg[binary]>=3.3`. Raises CommandFailed for one not installed.

    What was not tried here is not packed: it would be of a version that nobody chose.
    """
    if engine not in known_engines():  # a service of one's own, or none at all: requirements.txt says what it needs
        return []
    extra = engine_named(engine).FACTS.extra or engine.replace("_", "-")
    found = list(_of_extra(extra))
    for requirement in found:
        name = str(_NAME.match(requirement)[0])  # type: ignore[index]  # a requirement begins with a name
        try:
            version(name)
        except PackageNotFoundError:
            raise CommandFailed(
                f"the driver {name} is not installed, and the version that is here is what goes into the package: "
                f"pip install '{_OURS}[{extra}]'"
            ) from None
    return found


def versions() -> list[str]:
    """Give what is installed here, as pip's constraints: what is tried here is what is packed."""
    found: dict[str, str] = {}
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if name and name.lower() != _OURS:
            found.setdefault(name, distribution.version)  # the first is the one that is imported
    return sorted(f"{name}=={number}" for name, number in found.items())


def _of_extra(extra: str) -> Iterator[str]:
    for line in requires(_OURS) or ():
        match = _OF_EXTRA.fullmatch(line.strip())
        if match is not None and match["extra"] == extra:
            yield match["requirement"].strip()
