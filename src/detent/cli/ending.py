"""Ending a process that was started here: asked first, then made to."""

import signal
import subprocess


def end(process: "subprocess.Popen[bytes] | subprocess.Popen[str]", *how: signal.Signals, seconds: float) -> None:
    """Send these signals in turn, SIGKILL last, each followed by a wait, until the process has ended."""
    for each in (*how, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(each)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
