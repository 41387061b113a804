"""Push an image to a running local cloud and show what got locked: `python -m demo.push prod/api:1.4.2`."""

import argparse
import json
import sys
from pathlib import Path
from time import monotonic, sleep

from demo.client import RegistryClient, UnexpectedAnswer
from demo.cloud import Cloud
from demo.observed import FREE, NAMES, observe
from demo.releases import Release, platforms, root_layers, versioned
from demo.table import aligned, short

WAIT_SECONDS = 5.0
PAUSE_SECONDS = 0.2


def main() -> int:
    """Push, wait a little for a lock, print the attributes, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.push", description="Push an image to the running local cloud."
    )
    parser.add_argument("image", help="repository and tag, such as prod/api:1.4.2")
    parser.add_argument("--platforms", action="store_true", help="push an index with two platforms and attestations")
    parser.add_argument(
        "--state", type=Path, default=Path(".localcloud/state.json"), help="the state file of `make run`"
    )
    arguments = parser.parse_args()
    repository, colon, tag = arguments.image.rpartition(":")
    if not colon:
        parser.error(f"{arguments.image!r}, expected REPOSITORY:TAG")
    if not arguments.state.is_file():
        parser.error(f"{str(arguments.state)!r} is not there, expected a local cloud that runs (`make run`)")
    build = platforms if arguments.platforms else versioned
    manifest = build(root_layers(), arguments.image)
    release = Release(repository=repository, tag=tag, manifest=manifest, shows="pushed by hand")
    try:
        cloud = Cloud(json.loads(arguments.state.read_bytes()), state_file=arguments.state)
        print(pushed(RegistryClient(cloud.login), release))
    except (UnexpectedAnswer, OSError) as error:
        print(f"{arguments.image}: {error}", file=sys.stderr)
        return 1
    return 0


def pushed(client: RegistryClient, release: Release) -> str:
    """Push a release and return what the registry shows of it a moment later."""
    client.push(release.repository, release.tag, release.manifest)
    return shown(client, release)


def shown(client: RegistryClient, release: Release) -> str:
    """Return the attributes of a release as a table, as soon as all is locked or a while has passed."""
    deadline = monotonic() + WAIT_SECONDS
    seen = observe(client, release)
    while any(each.switches == FREE for each in seen) and monotonic() < deadline:
        sleep(PAUSE_SECONDS)
        seen = observe(client, release)
    rows = [(short(each.target), each.kind, *each.switches.words()) for each in seen]
    return aligned(("target", "kind", *NAMES), rows)


if __name__ == "__main__":
    sys.exit(main())
