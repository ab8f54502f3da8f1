"""Which account a name is of, as the server itself reads it when somebody binds."""

from detent.functions.engines.ldap.directory import Directory
from detent.functions.errors import ChangeRefused, EngineUnavailable


def is_name(user: str) -> bool:
    """Say whether it is a name of one of the three forms: of a user principal, of a domain's account, or a DN."""
    return any(mark in user for mark in "@\\=")


def domain_of(directory: Directory) -> str:
    """Give the DN of the controller's own domain."""
    return _told(directory, "defaultNamingContext")


def entry_of(directory: Directory, user: str) -> str:
    """Give the DN of the account. Raises ChangeRefused where there is none of the name in this domain."""
    account, is_old_form = user.partition("\\")[::2], "\\" in user
    if not is_old_form and "@" not in user:
        return user  # a DN; the server knows whether it is there
    domain = domain_of(directory)
    found = _old_form(directory, domain, *account) if is_old_form else _principal(directory, domain, user)
    if len(found) != 1:
        raise ChangeRefused(f"there is no account {user!r} in the domain {_dotted(domain)}")
    return found[0]


def _principal(directory: Directory, domain: str, user: str) -> list[str]:
    """AD: a name that no account has as its own is made of the account's short name and the domain's."""
    found = _search(directory, domain, "userPrincipalName", user)
    short, _, realm = user.rpartition("@")
    if found or realm.lower() != _dotted(domain):
        return found
    return _search(directory, domain, "sAMAccountName", short)


def _old_form(directory: Directory, domain: str, short_domain: str, short: str) -> list[str]:
    """Refuse other domains: where there is trust, their accounts bind here too, and this one's may have the name."""
    partitions = f"CN=Partitions,{_told(directory, 'configurationNamingContext')}"
    said = directory.read(partitions, "nCName", where=f"(nETBIOSName={_escaped(short_domain)})", scope="LEVEL")
    named = [one.decode().lower() for entry in said.entries.values() for one in entry["nCName"]]
    return _search(directory, domain, "sAMAccountName", short) if named == [domain.lower()] else []


def _search(directory: Directory, domain: str, attribute: str, text: str) -> list[str]:
    said = directory.read(domain, "objectClass", where=f"({attribute}={_escaped(text)})", scope="SUBTREE")
    return list(said.entries)


def _told(directory: Directory, attribute: str) -> str:
    said = directory.read("", attribute)
    for entry in said.entries.values():
        for text in entry[attribute]:
            return text.decode()
    raise EngineUnavailable("what answers there is no domain controller: check host and port")


def _dotted(domain: str) -> str:
    """DC=example,DC=com is example.com."""
    return ".".join(part.partition("=")[2] for part in domain.split(",")).lower()


def _escaped(text: str) -> str:
    """RFC 4515: any byte may be written by its number."""
    return "".join(f"\\{byte:02x}" for byte in text.encode())
