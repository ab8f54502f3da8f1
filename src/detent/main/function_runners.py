"""What runs users' own functions in one process of a server: here, or elsewhere."""

from collections.abc import Callable

from detent.main.folder import Folder, SystemClock
from detent.main.layers import Layers
from detent.main.outbound import outbound
from detent.main.settings import Settings
from detent.model.function import UserFunction
from detent.model.ports import FunctionRunner
from detent.runtime.local import LocalRuntime
from detent.runtime.remote import RemoteRuntime
from detent.runtime.routing import Router

Runners = Callable[[Callable[[UserFunction], bytes]], FunctionRunner]  # makes one that reads code by what it is given


def runners_of(settings: Settings, port: int) -> Runners:
    """Give what makes a runner for a server that listens on this port. Functions trust its certificate."""
    folder, clock = Folder(settings.data), SystemClock()
    certificates = settings.functions_ca_bundle or settings.tls_cert

    def make(code: Callable[[UserFunction], bytes]) -> FunctionRunner:
        local = LocalRuntime(
            code,
            folder.functions,
            settings.local_endpoint(port),
            clock,
            hidden=(folder.path,),
            confinement="unconfined" if settings.functions_unconfined else "auto",
            certificates=certificates,
            layer=Layers(folder.layers).find,
        )
        return Router(local, RemoteRuntime(outbound, clock, certificates))

    return make
