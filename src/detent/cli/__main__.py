"""`python -m detent.cli`."""

from detent.cli.commands import main

main()
