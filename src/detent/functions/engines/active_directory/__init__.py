r"""Active Directory, and Samba's domain controllers.

* ``username`` is the name that binds: ``app@example.com``, ``EXAMPLE\app`` or a DN. It is looked up as the server does,
  in this domain only, so that the account that logs in is the account that is changed.
* A user changes its own password by naming the former one, as the domain's rules want it; an admin secret's user
  resets it, to which age and history do not apply, but which ends what was sealed by the former one (DPAPI).
* Passwords go over TLS only: the server takes none otherwise. They travel as they are, as in every bind.
* For OldPasswordAllowedPeriod, an hour unless set otherwise, a former password binds too (Samba: ``old password allowed
  period``). So that a login by it is not taken for one by the password that is set, the password is changed to itself,
  which history or age forbids mostly, but a former one before all.
* What a controller was told the others hear within seconds or minutes: name one, best the PDC emulator, as host, and
  those that the application logs in at as ``replicas``.
"""

from collections.abc import Mapping
from typing import Any, Final

from detent.functions.engines import Facts, Login, Privileges, Remaining
from detent.functions.engines.active_directory.accounts import is_name
from detent.functions.engines.active_directory.session import ActiveDirectorySession, logged_in
from detent.functions.engines.ldap import DIRECTORY_KEYS, directory_faults

_RESET: Final = "00299570-246d-11d0-a768-00aa006e0529"  # AD: the right "Reset Password", which Windows' dsacls names so

FACTS: Final = Facts(
    names=("active_directory",),
    default_port=636,
    extra="ldap",
    run_against=("Samba 4.17",),
    example={
        "engine": "active_directory",
        "host": "dc1.example.com",
        "port": 636,
        "username": "app@example.com",
        "password": "…",
    },
    session=ActiveDirectorySession,
    keys=DIRECTORY_KEYS,
    privileges={
        "single-user": Privileges(
            own=(),
            admin=(
                "samba-tool user create {admin} '…'",
                f"samba-tool dsacl set --objectdn='<DN of {{user}}>' --sddl='(OA;;CR;{_RESET};;<SID of {{admin}}>)'",
            ),
        ),
    },
    open_connections="They stay open, whichever password they were made with.",
    server_log="Its audit tells whose password was changed or reset, and by whom, and never the password.",
)


def faults(value: Mapping[str, Any]) -> list[str]:
    """Check the form of the user's name, and the keys of every directory."""
    user = value.get("username")
    found = []
    if isinstance(user, str) and user and not is_name(user):
        found.append(f'"username" must be app@example.com, EXAMPLE\\app or a DN, not {user!r}')
    return found + directory_faults(value)


def connect(login: Login, remaining: Remaining) -> ActiveDirectorySession:
    """Log in once, within the remaining time."""
    return logged_in(login, remaining)
