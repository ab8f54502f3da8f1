"""Run as a script by a user who is not root: makes a workshop and tells what came of its invocations.

Its input is JSON: options of the workshop, and functions with their events.
"""

import json
import sys
import tempfile
from pathlib import Path

from runtime.workshop import Workshop


def main() -> None:
    told = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(Path(folder), told["options"])
        functions = [workshop.function(source) for source in told["functions"]]
        refusal = workshop.runtime.refusal(functions[0])
        answers = []
        for number, event in told["calls"] if refusal is None else ():
            invoked = workshop.invoke(functions[number], event).invoked
            answers.append([json.loads(invoked.payload), invoked.error, invoked.log])
        workshop.runtime.close()
    json.dump({"refusal": refusal, "answers": answers}, sys.stdout)


main()
