"""How many plain images one core locks when the registry answers at once and never throttles."""

from collections.abc import Sequence
from functools import partial

from bench.contenders.contender import Contender
from bench.pushes import Shape
from bench.rows import Aim, Of, Row
from bench.stage import LATENCY_SECONDS, Stage, samples
from bench.timing import Delivery, delivered

PREMIUM_WRITES_PER_MINUTE = 2_000
"""What the registry allows one identity; Standard allows half (https://aka.ms/acr/skus)."""
UNDER_WAY = 64
WRITES = Aim(of=Of.VALUE, at_least=5.0 * PREMIUM_WRITES_PER_MINUTE)


async def sustained(stage: Stage) -> Sequence[Row]:
    """Measure pushes that follow each other without a pause."""
    stage.emulator.set_latency(0)
    try:
        found = await stage.by_turns(partial(_turn, stage))
    finally:
        stage.emulator.set_latency(LATENCY_SECONDS)
    images, writes = samples(found, images_per_minute), samples(found, writes_per_minute)
    cpu = samples(found, lambda each: 1000 * each.cpu_seconds / len(each.pushes))
    return [
        Row(name="one core: plain images", unit="a minute", samples=images),
        Row(name="one core: updates", unit="a minute", samples=writes, aim=WRITES),
        Row(name="one core: CPU for a plain image", unit="ms", samples=cpu),
    ]


async def _turn(stage: Stage, contender: Contender) -> Delivery:
    effort, emulator = stage.effort, stage.emulator
    await delivered(emulator, contender, stage.pushes(Shape.PLAIN, effort.warm), parallel=UNDER_WAY)
    # The peer is slower by far, and its rate does not depend on how long it is measured.
    number = max(effort.sustained // 4, 1) if contender is stage.contenders.peer else effort.sustained
    delivery = await delivered(emulator, contender, stage.pushes(Shape.PLAIN, number), parallel=UNDER_WAY)
    delivery.seconds_to_lock()  # raises when something was not locked
    return delivery


def images_per_minute(delivery: Delivery) -> float:
    """Return the rate of images, records included."""
    return 60 * len(delivery.pushes) / delivery.wall_seconds


def writes_per_minute(delivery: Delivery) -> float:
    """Return the rate of updates."""
    return 60 * delivery.updates / delivery.wall_seconds
