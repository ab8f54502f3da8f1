"""The command line: serve, and work with a server through its own API.

What a command needs is imported when it runs: the server's processes are forked from `detent serve`, and pay for
every module that it has loaded.
"""

from detent.cli.commands import main

__all__ = ["main"]
