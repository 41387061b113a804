"""What it costs to keep what was deployed: plain images by digest, each of a workload of its own."""

import json
from collections.abc import Sequence
from copy import replace
from datetime import UTC, datetime
from functools import partial

from bench.contenders.contender import Contender
from bench.emulator import BenchFailed
from bench.pushes import Push, Shape
from bench.rows import Aim, Of, Row, Samples
from bench.sections.throughput import UNDER_WAY, WRITES, images_per_minute
from bench.stage import LATENCY_SECONDS, Stage, samples
from bench.timing import Delivery, delivered

REQUESTS = Aim(of=Of.VALUE, at_most=1)
NONE = Aim(of=Of.VALUE, at_most=0)


class Keeping:
    """Hands deployments to a contender where a section hands over pushes."""

    def __init__(self, contender: Contender) -> None:
        self._contender = contender

    async def lock(self, push: Push) -> None:
        """Keep what was deployed."""
        await self._contender.keep(push)

    async def keep(self, push: Push) -> None:
        """Keep what was deployed."""
        await self._contender.keep(push)


async def deployments(stage: Stage) -> Sequence[Row]:
    """Measure deployments that follow each other without a pause, on one core, with a registry that answers at once."""
    stage.emulator.set_latency(0)
    try:
        found = await stage.by_turns(partial(_turn, stage))
        again = [await _again(stage) for _ in range(stage.effort.repetitions)]
    finally:
        stage.emulator.set_latency(LATENCY_SECONDS)
    requests, rate = samples(found, lambda each: each.requests_per_push), samples(found, images_per_minute)
    cpu = samples(found, lambda each: 1000 * each.cpu_seconds / len(each.pushes))
    repeated = Samples(own=[each.requests_per_push for each in again])
    return [
        Row(name="deployment by digest: requests", unit="requests", samples=requests, aim=REQUESTS),
        Row(name="the same deployment again: requests", unit="requests", samples=repeated, aim=NONE),
        Row(name="one core: deployments", unit="a minute", samples=rate, aim=WRITES),
        Row(name="one core: CPU for a deployment", unit="ms", samples=cpu),
    ]


async def _turn(stage: Stage, contender: Contender) -> Delivery:
    effort, keeping = stage.effort, Keeping(contender)
    await delivered(stage.emulator, keeping, deployed(stage, effort.warm), parallel=UNDER_WAY)
    # The peer is slower by far, and its rate does not depend on how long it is measured.
    number = max(effort.deployments // 4, 1) if contender is stage.contenders.peer else effort.deployments
    return checked(await delivered(stage.emulator, keeping, deployed(stage, number), parallel=UNDER_WAY))


async def _again(stage: Stage) -> Delivery:
    images, keeping = deployed(stage, stage.effort.duplicates), Keeping(stage.contenders.own)
    checked(await delivered(stage.emulator, keeping, images))
    return await delivered(stage.emulator, keeping, images)


def deployed(stage: Stage, number: int) -> Sequence[Push]:
    """Return so many fresh images, each with the event of its deployment in place of that of its push."""
    login_server = stage.emulator.started.login_server
    return [replace(each, event=deployment_event(each, login_server)) for each in stage.pushes(Shape.PLAIN, number)]


def deployment_event(push: Push, login_server: str) -> str:
    """Return `Taglock.ImageDeployed` for an image by its digest, of a workload that runs nothing else."""
    workload = f"bench/{push.repository}/{push.tag}"
    return json.dumps(
        {
            "specversion": "1.0",
            "id": f"{workload}/1",
            "type": "Taglock.ImageDeployed",
            "source": "/bench",
            "time": datetime.now(UTC).isoformat(),
            "data": {
                "workload": workload,
                "environment": "production",
                "deployer": "bench",
                "images": [f"{login_server}/{push.repository}@{push.digest}"],
            },
        }
    )


def checked(delivery: Delivery) -> Delivery:
    """Return a delivery that kept every image; raise BenchFailed for any other."""
    updated = {
        (each.repository, each.reference) for each in delivery.seen if each.method == "PATCH" and each.status == 200
    }
    missing = [push for push in delivery.pushes if (push.repository, push.digest) not in updated]
    if missing:
        raise BenchFailed(f"{len(missing)} manifests such as {missing[0].digest!r} were not updated, expected none")
    return delivery
