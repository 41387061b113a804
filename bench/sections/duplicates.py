"""What a second delivery of the same event costs."""

from collections.abc import Sequence

from bench.contenders.contender import Contender
from bench.pushes import Shape
from bench.rows import Aim, Of, Row, Samples
from bench.sections.time_to_lock import wall_ms
from bench.stage import Stage
from bench.timing import Delivery, delivered

REQUESTS = Aim(of=Of.VALUE, at_most=0)


async def duplicate_deliveries(stage: Stage) -> Sequence[Row]:
    """Measure events that come again, one by one. There is no floor: who only sends requests remembers nothing."""
    own, peer = [], []
    for _ in range(stage.effort.repetitions):
        own.append(await _again(stage, stage.contenders.own))
        peer.append(await _again(stage, stage.contenders.peer))
    requests = Samples(own=[each.requests_per_push for each in own], peer=[each.requests_per_push for each in peer])
    wall = Samples(own=[wall_ms(each) for each in own], peer=[wall_ms(each) for each in peer])
    return [
        Row(name="duplicate event: requests", unit="requests", samples=requests, aim=REQUESTS),
        Row(name="duplicate event: wall", unit="ms", samples=wall),
    ]


async def _again(stage: Stage, contender: Contender) -> Delivery:
    pushes = stage.pushes(Shape.PLAIN, stage.effort.duplicates)
    first = await delivered(stage.emulator, contender, pushes, parallel=len(pushes))
    first.seconds_to_lock()  # raises when something was not locked
    return await delivered(stage.emulator, contender, pushes)
