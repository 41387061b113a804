"""What a second delivery of the same event costs."""

from collections.abc import Sequence
from functools import partial

from bench.contenders.contender import Contender
from bench.pushes import Shape
from bench.rows import Aim, Of, Row, Samples
from bench.sections.time_to_lock import wall_ms
from bench.stage import Stage, samples
from bench.timing import Delivery, delivered

REQUESTS = Aim(of=Of.VALUE, at_most=0)


async def duplicate_deliveries(stage: Stage) -> Sequence[Row]:
    """Measure events that come again, one by one. There is no floor: nobody else remembers."""
    found = await stage.by_turns(partial(_turn, stage))
    requests = without_floor(samples(found, lambda each: each.requests_per_push))
    wall = without_floor(samples(found, wall_ms))
    return [
        Row(name="duplicate event: requests", unit="requests", samples=requests, aim=REQUESTS),
        Row(name="duplicate event: wall", unit="ms", samples=wall),
    ]


async def _turn(stage: Stage, contender: Contender) -> Delivery:
    pushes = stage.pushes(Shape.PLAIN, stage.effort.singles)
    first = await delivered(stage.emulator, contender, pushes, parallel=len(pushes))
    first.seconds_to_lock()  # raises when something was not locked
    return await delivered(stage.emulator, contender, pushes)


def without_floor(found: Samples) -> Samples:
    """Return the samples without those of the floor."""
    return Samples(own=found.own, peer=found.peer)
