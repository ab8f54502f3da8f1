"""How a command ends when it cannot do what it was asked for."""


class CommandFailed(Exception):
    """The command ends with exit code 1; the text is the one line that is said."""
