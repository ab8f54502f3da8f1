"""AWS Lambda's Python, as far as a function sees it: started by ``python -I -S``, it has what it is given and no more.

Arguments: what ``sys.path`` begins with, then the handler. It reads an event from each line, and answers by a line:
what failed, and which modules of detent are loaded.
"""

import importlib
import json
import sys


class Context:
    """The one method of Lambda's context that rotation functions ask."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 30_000


def main(*arguments: str) -> None:
    *folders, handler = arguments
    sys.path[:0] = folders
    module, _, name = handler.partition(".")
    function = getattr(importlib.import_module(module), name)
    for line in sys.stdin:
        try:
            function(json.loads(line), Context())
            failure = None
        except Exception as error:  # noqa: BLE001 - as Lambda does
            failure = f"{type(error).__name__}: {error}"
        loaded = sorted(module for module in sys.modules if module.partition(".")[0] == "detent")
        sys.stdout.write(json.dumps({"failure": failure, "loaded": loaded}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
