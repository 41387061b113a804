"""`show REGISTRY[/REPOSITORY[:TAG|@DIGEST]]`: the attributes side by side, who wants them, and what they amount to."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from taglock.cli.auditing import chosen
from taglock.cli.rule_text import table
from taglock.domain.attributes import NOTHING_OFF, Attribute, Off, spelled
from taglock.domain.reference import Digest, ImageReference, LoginServer, Repository, parse_reference
from taglock.domain.rule import Candidate, Protect, RuleSet, decide, decide_repository
from taglock.domain.state import ManifestState
from taglock.errors import NotFound, RegistryError
from taglock.ports import Listing, Registry
from taglock.services import open_services

if TYPE_CHECKING:
    from argparse import _SubParsersAction

NOT_THERE = 1
HEADER = ["TARGET", *(attribute.upper() for attribute in Attribute), "SCENARIO", "WANTED OFF", "BY RULE"]
SCENARIOS: Sequence[tuple[Off, str]] = (
    (frozenset({Attribute.READ}), "quarantine: nobody can pull it"),
    (frozenset({Attribute.WRITE}), "full lock: neither changed nor deleted"),
    (frozenset({Attribute.DELETE}), "delete protection only"),
    (frozenset({Attribute.LIST}), "hidden"),
)
"""The first whose attributes are all off names what Microsoft's guide to locking images calls it."""
EXAMPLES = """\
examples:
  python -m taglock show contoso.azurecr.io/prod/api:1.4.2
  python -m taglock show contoso.azurecr.io/prod/api
  python -m taglock show contoso.azurecr.io

exit code: 0, or 1 when the target is not there or cannot be read
"""


def add_to(subparsers: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "show",
        help="show which attributes are off, and which rule wants them off",
        description="Read a registry's repositories, or a repository, a tag and every manifest below it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", metavar="TARGET", help="REGISTRY[/REPOSITORY[:TAG|@DIGEST]]")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a row for each target; return the exit code."""
    try:
        print(table([HEADER, *asyncio.run(_run(arguments.target))]))
    except RegistryError as error:
        print(error, file=sys.stderr)
        return NOT_THERE
    return 0


async def _run(target: str) -> Sequence[Sequence[str]]:
    services = open_services(os.environ)
    try:
        text, slash, _ = target.partition("/")
        image = parse_reference(target, "TARGET") if slash else None
        (registry,) = chosen(sorted(services.settings.registries.values()), image.registry if image else text)
        opened, rules = services.registry(registry), services.enforcement.rules()
        if image is None:
            return await _repositories(opened.listing(), registry, rules)
        return await _Shown(opened, rules, image).rows()
    finally:
        await services.aclose()


async def _repositories(listing: Listing, registry: LoginServer, rules: RuleSet) -> Sequence[Sequence[str]]:
    rows: list[Sequence[str]] = []
    after: str | None = ""
    while after is not None:
        page = await listing.repositories(after)
        for name in page.items:
            found = await listing.repository(name)
            rows.append(_repository_row(rules, registry, name, found.off))
        after = page.following
    return rows


class _Shown:
    """One repository, and the image in it that was asked for."""

    def __init__(self, registry: Registry, rules: RuleSet, image: ImageReference) -> None:
        self._registry = registry
        self._rules = rules
        self._image = image
        self._wanted: tuple[Off, str] = (NOTHING_OFF, "")

    async def rows(self) -> Sequence[Sequence[str]]:
        name = self._image.repository
        repository = await self._registry.repository(name)
        rows: list[Sequence[str]] = [_repository_row(self._rules, self._image.registry, name, repository.off)]
        digest = self._image.digest
        if self._image.tag is not None:
            tag = await self._registry.tag(name, self._image.tag)
            digest = digest or tag.digest
            root = await self._registry.manifest(name, tag.digest)
            rows.append(_row(f"tag {self._image.tag}", tag.off, self._decided(root)))
        if digest is not None:
            rows += await self._closure(digest)
        return rows

    def _decided(self, root: ManifestState) -> tuple[Off, str]:
        """Return what the tag wants, and remember what it wants of its manifests."""
        candidate = Candidate(
            registry=self._image.registry,
            repository=self._image.repository,
            tag=self._image.tag,
            media_type=root.media_type,
            artifact_type=root.artifact_type or "",
        )
        decision = decide(self._rules, candidate)
        if not isinstance(decision, Protect):
            return NOTHING_OFF, ""
        self._wanted = (decision.rule.manifest_profile.off, decision.rule.name)
        return decision.rule.profile.off, decision.rule.name

    async def _closure(self, root: Digest) -> Sequence[Sequence[str]]:
        """Return a row for every manifest below a root, each once, children under the index that names them first."""
        rows: list[Sequence[str]] = []
        left, seen = [(root, 0)], {root}
        while left:
            digest, depth = left.pop()
            try:
                state = await self._registry.manifest(self._image.repository, digest)
            except NotFound:
                rows.append([f"{'  ' * depth}manifest {digest}", *["-"] * len(Attribute), "gone", "-", "-"])
                continue
            rows.append(_row(f"{'  ' * depth}manifest {digest}", state.off, self._wanted))
            children = [each.digest for each in state.references or () if each.digest not in seen]
            seen.update(children)
            left += [(child, depth + 1) for child in reversed(children)]
        return rows


def _repository_row(rules: RuleSet, registry: LoginServer, name: Repository, off: Off) -> list[str]:
    decision = decide_repository(rules, registry=registry, repository=name)
    wanted = (decision.rule.profile.off, decision.rule.name) if isinstance(decision, Protect) else (NOTHING_OFF, "")
    return _row(f"repository {name}", off, wanted)


def _row(target: str, off: Off, wanted: tuple[Off, str]) -> list[str]:
    switches = ["off" if attribute in off else "on" for attribute in Attribute]
    return [target, *switches, scenario(off), spelled(wanted[0]), wanted[1] or "-"]


def scenario(off: Off) -> str:
    """Return what the guide to locking images calls attributes that are off; `open` when all are on."""
    return next((name for needed, name in SCENARIOS if needed <= off), "open")
