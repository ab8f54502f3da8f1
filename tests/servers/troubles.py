"""What goes wrong in a year, how often, and at which points a worker may die or stand still."""

from random import Random

from servers.world import Death

TROUBLES = {"outage": 30, "changed, and lost": 25, "unchanged, and lost": 25, "probe": 15, "jump": 5, "downtime": 3}
MORTALITY = 0.4
DISTURBANCES = {"": 40, "stalled": 5, "overtaken": 35, "beside": 20}
STANDS = {  # where a worker may stand still. Right before it changes a target nobody can hold it up: it has just asked
    "before a login": 2,
    "after a login": 8,  # the last before it asks
    "before a ping": 1,
    "after a change": 2,
    "before a write": 6,
    "after a write": 3,
    "before a write is left": 2,
    **{f"{when} {step}Secret": 1 for when in ("before", "after") for step in ("create", "set", "test", "finish")},
}
POINTS = (*STANDS, "before a change", "before rollbackSecret", "after rollbackSecret")  # all, and it may die at any


def mortal(random: Random) -> Death:
    """Give a death that may come at a point of any kind, the first or a later time that its worker comes there."""
    death = Death()
    if random.random() >= MORTALITY:
        return death
    point, passed = random.choice(POINTS), random.choice((0, 0, 1, 2))

    def die() -> None:
        if death.passing == point and death.points.count(point) == passed:
            death.at = len(death.points)

    death.watch = die
    return death
