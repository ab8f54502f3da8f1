"""Run as a script: makes a workshop and tells what came of its invocations.

Its input is JSON: options of the workshop, and functions with their events; `stays`: whether it goes on after that.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from runtime.workshop import Workshop


def main() -> None:
    told = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        own = {"PYTHONPATH": os.environ["FUNCTION_PYTHONPATH"]} if "FUNCTION_PYTHONPATH" in os.environ else {}
        workshop = Workshop(Path(folder), told["options"], environment=own)
        functions = [workshop.function(source) for source in told["functions"]]
        refusal = workshop.runtime.refusal(functions[0])
        answers = []
        for number, event in told["calls"] if refusal is None else ():
            invoked = workshop.invoke(functions[number], event).invoked
            answers.append([json.loads(invoked.payload), invoked.error, invoked.log])
        sys.stdout.write(json.dumps({"refusal": refusal, "answers": answers}) + "\n")
        sys.stdout.flush()
        if told["stays"]:
            time.sleep(600)
        workshop.runtime.close()


main()
