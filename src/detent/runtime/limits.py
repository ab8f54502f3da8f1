"""How much a function's process may have."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for every function; what a function's own configuration says (memory, timeout) stands beside them."""

    unpacked_bytes: int = 250 * MIB  # Lambda's
    entries: int = 50_000
    payload_bytes: int = 6 * MIB + 100 * 1024  # Lambda lets a response be so much longer than 6 MB
    log_bytes: int = 256 * 1024  # kept of what one invocation prints
    init_seconds: float = 10  # from the start of a process to its first request for an event: Lambda's
    idle_seconds: float = 300
    at_once: int = 4  # invocations of one function; further ones wait
    memory_room: int = 256 * MIB  # what a language's runtime needs besides the function's own memory
    address_room: int = 2048 * MIB  # the same for address space, which only Python's functions are held to
    file_bytes: int = 512 * MIB  # of one file, and of /tmp
    processes: int = 256
    open_files: int = 1024  # Lambda's
