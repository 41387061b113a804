"""How long after its event an image is locked, and how many requests that takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from bench.contenders.contender import Contender
from bench.pushes import Shape
from bench.rows import Aim, Of, Row
from bench.stage import Stage, samples
from bench.timing import Delivery, delivered, percentile

REQUESTS = Aim(of=Of.PEER, at_most=0.25)
SINGLE = Aim(of=Of.FLOOR, at_most=1.3)
BURST = Aim(of=Of.FLOOR, at_most=2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of one contender."""

    singles: Delivery
    burst: Delivery


async def plain_images(stage: Stage) -> Sequence[Row]:
    """Measure pushes of images without children."""
    return await _rows(stage, Shape.PLAIN)


async def indexes(stage: Stage) -> Sequence[Row]:
    """Measure pushes of indexes with three children."""
    return await _rows(stage, Shape.INDEX)


async def _rows(stage: Stage, shape: Shape) -> Sequence[Row]:
    found = await stage.by_turns(partial(_turn, stage, shape))
    singles, burst = f"{shape}, one by one", f"{shape}, {stage.effort.burst} at once"

    def row(name: str, unit: str, number: Callable[[Turn], float], aim: Aim | None = None) -> Row:
        return Row(name=name, unit=unit, samples=samples(found, number), aim=aim)

    return [
        row(f"{shape}: requests for a push", "requests", lambda turn: turn.singles.requests_per_push, REQUESTS),
        row(f"{singles}: time to lock, p50", "ms", lambda turn: to_lock_ms(turn.singles, 50), SINGLE),
        row(f"{singles}: time to lock, p99", "ms", lambda turn: to_lock_ms(turn.singles, 99)),
        row(f"{singles}: wall for a push", "ms", lambda turn: wall_ms(turn.singles)),
        row(f"{burst}: time to lock, p50", "ms", lambda turn: to_lock_ms(turn.burst, 50), BURST),
        row(f"{burst}: time to lock, p99", "ms", lambda turn: to_lock_ms(turn.burst, 99), BURST),
        row(f"{burst}: wall for all", "ms", lambda turn: 1000 * turn.burst.wall_seconds, BURST),
    ]


async def _turn(stage: Stage, shape: Shape, contender: Contender) -> Turn:
    effort, emulator = stage.effort, stage.emulator
    await delivered(emulator, contender, stage.pushes(shape, effort.warm), parallel=effort.warm)
    singles = await delivered(emulator, contender, stage.pushes(shape, effort.singles))
    burst = await delivered(emulator, contender, stage.pushes(shape, effort.burst), parallel=effort.burst)
    return Turn(singles=singles, burst=burst)


def to_lock_ms(delivery: Delivery, percent: float) -> float:
    """Return a percentile of the time to lock."""
    return 1000 * percentile(delivery.seconds_to_lock(), percent)


def wall_ms(delivery: Delivery) -> float:
    """Return how long one push took until everything was done, records included."""
    return 1000 * delivery.wall_seconds / len(delivery.pushes)
