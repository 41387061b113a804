"""What all contenders have in common."""

from dataclasses import dataclass
from typing import Protocol

from bench.pushes import Push


class Contender(Protocol):
    """Locks pushed images."""

    async def lock(self, push: Push) -> None:
        """Lock the tag and the whole closure of one push; return when all is done."""

    async def keep(self, push: Push) -> None:
        """Lock the manifest of a plain image that was deployed; `push.event` tells of the deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contenders:
    """The three that are compared, open and ready."""

    own: Contender
    floor: Contender
    peer: Contender

    def by_turns(self, repetition: int) -> list[tuple[str, Contender]]:
        """Return the three with their roles: taglock and the floor next to each other, first in turn, then the peer."""
        pair: list[tuple[str, Contender]] = [("own", self.own), ("floor", self.floor)]
        return [*(reversed(pair) if repetition % 2 else pair), ("peer", self.peer)]
