"""What runs users' own functions: processes of this host, and whatever runs those that are elsewhere."""

from collections.abc import Callable

from detent.main.folder import Folder, SystemClock, is_own_root
from detent.main.house import Runners
from detent.main.layers import Layers
from detent.main.outbound import outbound
from detent.main.settings import Settings
from detent.model.function import UserFunction
from detent.model.ports import FunctionRunner
from detent.runtime.local import LocalRuntime
from detent.runtime.remote import RemoteRuntime
from detent.runtime.routing import Router


def runners(settings: Settings, port: int) -> Runners:
    """Give what makes a process's runner, for a server that listens on this port."""
    folder, clock, certificates = Folder(settings.data), SystemClock(), settings.ca_bundle
    if certificates is None and settings.tls_cert is not None and is_own_root(settings.tls_cert, settings.tls_key):
        certificates = settings.tls_cert  # functions could not call the server else

    def make(code: Callable[[UserFunction], bytes]) -> FunctionRunner:
        here = LocalRuntime(
            code,
            folder.functions,
            settings.local_endpoint(port),
            clock,
            hidden=(folder.path,),
            confinement="unconfined" if settings.functions_unconfined else "auto",
            certificates=certificates,
            layer=Layers(folder.layers).find,
        )
        return Router(here, RemoteRuntime(outbound, clock, certificates))

    return make
