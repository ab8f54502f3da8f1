"""One function per operation; the only room that decides. Knows nothing of HTTP, SQL or how rotations are run."""
