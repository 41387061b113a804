"""`diff OTHER_RULES.toml`: what another rule file would change for the tags that are there."""

import argparse
import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from taglock.cli.auditing import add_registry_option, chosen
from taglock.cli.rule_text import table
from taglock.domain.reference import LoginServer, Repository
from taglock.domain.rule import RuleSet
from taglock.domain.rule_change import KnownTag, RuleChange, changes
from taglock.enforcement.audit.asking import Asker
from taglock.errors import InvalidRequest, LimitExceeded, RegistryError
from taglock.ports import Listing
from taglock.rule_file import read_rules
from taglock.services import open_services

if TYPE_CHECKING:
    from argparse import _SubParsersAction

DIFFERENT = 1
UNREAD = 3
SHOWN = 100
LONGEST_SECONDS = 86_400.0
EXAMPLES = """\
examples:
  python -m taglock diff next/lock_rules.toml
  python -m taglock diff next/lock_rules.toml --save tags.jsonl
  python -m taglock diff next/lock_rules.toml --snapshot tags.jsonl

exit code: 0 when nothing would change, 1 when something would, 3 when a registry could not be read
"""


def add_to(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "diff",
        help="show what another rule file would change",
        description="Decide about every tag by the rules of the settings and by another file.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="OTHER_RULES.toml")
    add_registry_option(parser)
    parser.add_argument("--snapshot", type=Path, metavar="FILE", help="tags that were saved, instead of the registry's")
    parser.add_argument("--save", type=Path, metavar="FILE", help="save the tags for a later --snapshot")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what would change, in sum and tag by tag; return the exit code."""
    after = read_rules(arguments.file)
    try:
        return asyncio.run(_run(arguments, after))
    except (RegistryError, LimitExceeded) as error:
        print(error, file=sys.stderr)
        return UNREAD


async def _run(arguments: argparse.Namespace, after: RuleSet) -> int:
    services = open_services(os.environ)
    try:
        before = services.enforcement.rules()
        if arguments.snapshot is not None:
            return _told(list(changes(_saved(arguments.snapshot), before, after)))
        registries = chosen(sorted(services.settings.registries.values()), arguments.registry)
        found: list[RuleChange] = []
        lines: list[bytes] = []
        for registry in registries:
            async for tags in _live(services.registry(registry).listing(), registry):
                found += changes(tags, before, after)
                if arguments.save is not None:
                    lines += [msgspec.json.encode(tag) + b"\n" for tag in tags]
        if arguments.save is not None:
            arguments.save.write_bytes(b"".join(lines))
        return _told(found)
    finally:
        await services.aclose()


def _told(found: Sequence[RuleChange]) -> int:
    print("\n".join(_lines(found)))
    return DIFFERENT if found else 0


def _lines(found: Sequence[RuleChange]) -> Iterator[str]:
    yield f"{len(found)} tags would be decided differently"
    sums = Counter((change.before, change.after) for change in found)
    if sums:
        yield table([[f"  {count}", before, "->", after] for (before, after), count in sums.most_common()])
        yield table([[f"  {_name(change.tag)}", change.before, "->", change.after] for change in found[:SHOWN]])
    if len(found) > SHOWN:
        yield f"  and {len(found) - SHOWN} more"


def _name(tag: KnownTag) -> str:
    return f"{tag.registry}/{tag.repository}:{tag.tag}"


def _saved(file: Path) -> Iterator[KnownTag]:
    try:
        with file.open("rb") as lines:
            yield from (msgspec.json.decode(line, type=KnownTag) for line in lines)
    except (OSError, msgspec.MsgspecError) as error:
        raise InvalidRequest.at("--snapshot", str(file), f"a file that --save wrote ({error})") from None


async def _live(listing: Listing, registry: LoginServer) -> AsyncIterator[Sequence[KnownTag]]:
    """Yield the tags of a registry, a page of manifests at a time; it waits as long as the registry asks for."""
    asker = Asker(asyncio.get_running_loop().time() + LONGEST_SECONDS)
    after: str | None = ""
    while after is not None:
        page = await asker.ask(partial(listing.repositories, after))
        for name in page.items:
            async for tags in _tags_of(asker, listing, registry, name):
                yield tags
        after = page.following


async def _tags_of(
    asker: Asker, listing: Listing, registry: LoginServer, name: Repository
) -> AsyncIterator[Sequence[KnownTag]]:
    after: str | None = ""
    while after is not None:
        page = await asker.ask(partial(listing.manifests, name, after))
        yield [
            KnownTag(registry, name, tag, manifest.media_type, manifest.artifact_type)
            for manifest in page.items
            for tag in manifest.tags
        ]
        after = page.following
