"""Runs samba-tool's commands in one process, by the system's Python: a line of JSON words each, answered by a line."""

import json
import os
import sys

from samba.netcmd.main import cmd_sambatool


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the commands print is no answer
    for line in sys.stdin:
        try:
            failed = cmd_sambatool()._run("samba-tool", *json.loads(line))
        except BaseException as error:  # noqa: BLE001 - its own exits too
            failed = repr(error)
        answers.write(json.dumps(failed or "") + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
