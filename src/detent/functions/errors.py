"""What can go wrong in a rotation function, named for what the strategies do about it.

* ``StepFailed`` is the one error that leaves a rotation function: one line, scrubbed of every secret value.
  Kinds of it are told apart by callers: of ``PasswordRefused`` another password may do, ``LoginRefused`` is not to be
  repeated often, for accounts are locked by that, and after ``Unreachable`` the target is as it was.
* ``LoginRejected`` and ``EngineUnavailable`` steer a strategy: the first blames the candidate and the next one is
  tried, the second blames nobody's password and ends the step.
* ``ChangeRefused`` says that a session is good, but may not make this change, ``ProbeFailed`` that it may not do what
  the application does.

Texts say what was wrong and what to do. They may quote a driver: ``contract`` scrubs them before they leave.
"""


class StepFailed(Exception):
    """A rotation step failed. The text is one line: what failed, where, what to do."""


class PasswordRefused(StepFailed):
    """The server's own rules turned the new password down, so that no retry with the same one helps."""


class LoginRefused(StepFailed):
    """The server answered, and refused every login that was tried."""


class Unreachable(StepFailed):
    """The server did not answer, and nothing was changed there."""


class LoginRejected(Exception):
    """The server answered, and refused this login.

    ``mode`` says how the connection was secured, for the reason that is reported.
    """

    def __init__(self, reason: str, mode: str) -> None:
        super().__init__(reason)
        self.mode = mode


class EngineUnavailable(Exception):
    """The server did not answer, or is not usable whatever the password: no candidate is to blame.

    ``mode`` says how the connection was to be secured; empty where it did not come so far.
    """

    def __init__(self, reason: str, mode: str = "") -> None:
        super().__init__(reason)
        self.mode = mode


class ChangeRefused(Exception):
    """The session logged in, but the server refused to change the credential; the text names the cure."""


class NoRoom(ChangeRefused):
    """There are as many credentials as there may be, so that no other session could make one either."""


class ProbeFailed(Exception):
    """The session logged in, but the server refused one of the application's statements; the text says why."""


class UnusableValue(Exception):
    """A version's value cannot be used as a login; the text names everything that is wrong with it at once."""
