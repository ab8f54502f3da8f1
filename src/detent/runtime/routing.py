"""Where a function runs: here, or elsewhere."""

from detent.model.function import UserFunction
from detent.model.ports import FunctionRunner, Invocation, Invoked


class Router:
    """`ports.FunctionRunner` for every function: those with a `remote` go to one runner, all others to the other."""

    def __init__(self, local: FunctionRunner, remote: FunctionRunner) -> None:
        """Take both; they are closed with the router."""
        self._local, self._remote = local, remote

    def refusal(self, function: UserFunction) -> str | None:
        """Say why it cannot be run; None: it can."""
        return self._of(function).refusal(function)

    def invoke(self, invocation: Invocation) -> Invoked:
        """Run it where it runs."""
        return self._of(invocation.function).invoke(invocation)

    def forget(self, function: UserFunction) -> None:
        """End what is kept of it on either side: it may have moved from one to the other."""
        for runner in (self._local, self._remote):
            runner.forget(function)

    def close(self) -> None:
        """End both."""
        try:
            self._local.close()
        finally:
            self._remote.close()

    def _of(self, function: UserFunction) -> FunctionRunner:
        return self._local if function.remote is None else self._remote
