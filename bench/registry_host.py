"""The emulated registry in an interpreter of its own, so that it never shares a loop with the measured client.

`python -m bench.registry_host FOLDER` prints one line of JSON when everything is up and ends when its input ends.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic

from localcloud.cloud import CloudOptions, LocalCloud
from localcloud.state import app_environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What the measuring side needs; `zero` is the registry's time at zero of the machine's monotonic clock.

    That clock counts for all interpreters of a machine alike, so the registry's own record of its requests can be
    compared with a start that the client noted.
    """

    login_server: str
    ca_file: str
    topic: str
    control: str
    zero: str
    environment: dict[str, str]


async def serve(folder: Path) -> None:
    """Serve until standard input ends, which it also does when the other side dies."""
    async with LocalCloud(CloudOptions(folder=folder)) as cloud:
        print(json.dumps(asdict(started(cloud, folder))), flush=True)
        await asyncio.to_thread(sys.stdin.buffer.read)


def started(cloud: LocalCloud, folder: Path) -> Started:
    """Return where a running cloud is."""
    return Started(
        login_server=cloud.state.registry.login_server,
        ca_file=cloud.state.ca_file,
        topic=cloud.event_grid.topic,
        control=cloud.state.control.endpoint,
        zero=(cloud.clock.now() - timedelta(seconds=monotonic())).isoformat(),
        environment=dict(app_environment(cloud.state, ledger=folder / "ledger.sqlite")),
    )


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
