"""`python -m bench [reads|batches|writes|rotations|… …]`: print the figures; exit code 1 only when something broke."""

import sys

from bench import batches, fleet, functions, lists, memory, own_functions, policies, processes, reads, rotations, writes

PARTS = {
    "reads": reads.main,
    "policies": policies.main,
    "batches": batches.main,
    "writes": writes.main,
    "rotations": rotations.main,
    "fleet": fleet.main,
    "functions": functions.main,
    "own-functions": own_functions.main,
    "lists": lists.main,
    "memory": memory.main,
}


def main(wanted: list[str]) -> int:
    """Run the parts asked for, by default all; one that breaks does not stop the others."""
    print(processes.machine())
    broken = []
    for name in wanted or PARTS:
        try:
            if not PARTS[name]():
                broken.append(name)
        except Exception as error:  # noqa: BLE001 - the other parts are still worth their figures
            print(f"\n{name} broke: {type(error).__name__}: {error}")
            broken.append(name)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
