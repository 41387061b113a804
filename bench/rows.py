"""What a benchmark found: one row for each number, with what it is compared with and what was aimed at."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

from demo.table import aligned

TITLES = ("name", "value", "unit", "floor", "peer", "ratio", "of peer", "aim", "met")


class Of(StrEnum):
    """Which number of a row an aim bounds."""

    FLOOR = "floor"
    PEER = "peer"
    VALUE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """One number for each repetition; repetitions with the same position were measured side by side."""

    own: Sequence[float]
    floor: Sequence[float] = ()
    peer: Sequence[float] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A bound on the value itself, or on its part of the floor or of the peer; both ends count as met."""

    of: Of
    at_most: float = float("inf")
    at_least: float = float("-inf")

    def __str__(self) -> str:
        bound = f"at least {self.at_least:,g}" if self.at_most == float("inf") else f"at most {self.at_most:,g}"
        return f"{bound} of {self.of}" if self.of else bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number: medians, and the medians of the ratios within each repetition (a busy machine slows all alike)."""

    name: str
    unit: str
    samples: Samples = field(repr=False)
    aim: Aim | None = None

    @property
    def value(self) -> float:
        """The median of taglock's own numbers."""
        return median(self.samples.own)

    @property
    def floor(self) -> float | None:
        """The median of the least that anybody could need; None where there is none."""
        return median(self.samples.floor) if self.samples.floor else None

    @property
    def peer(self) -> float | None:
        """The median of what Microsoft's client needs; None where it was not measured."""
        return median(self.samples.peer) if self.samples.peer else None

    @property
    def ratio(self) -> float | None:
        """How many times the floor; of the peer where there is no floor."""
        return paired(self.samples.own, self.samples.floor or self.samples.peer)

    @property
    def of_peer(self) -> float | None:
        """How many times the peer."""
        return paired(self.samples.own, self.samples.peer)

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None without an aim."""
        if self.aim is None:
            return None
        bounded = {Of.FLOOR: self.ratio, Of.PEER: self.of_peer, Of.VALUE: self.value}[self.aim.of]
        return bounded is not None and self.aim.at_least <= bounded <= self.aim.at_most

    def as_json(self) -> dict[str, object]:
        """Return the row as it is written to a file."""
        names = ("name", "value", "unit", "floor", "peer", "ratio")
        return {name: rounded(getattr(self, name)) for name in names}

    def cells(self) -> tuple[str, ...]:
        """Return the row as it is shown, in the order of TITLES."""
        numbers = [shown(each) for each in (self.floor, self.peer, self.ratio, self.of_peer)]
        met = {True: "yes", False: "NO", None: "-"}[self.met]
        return (self.name, shown(self.value), self.unit, *numbers, str(self.aim or "-"), met)


def paired(own: Sequence[float], other: Sequence[float]) -> float | None:
    """Return the median of the ratios within each repetition; None without a comparison or when it is with zero."""
    if not other or not all(other):
        return None
    return median(mine / theirs for mine, theirs in zip(own, other, strict=True))


def shown(number: float | None) -> str:
    """Return a number as people read it: four digits that count."""
    if number is None:
        return "-"
    return f"{number:,.0f}" if abs(number) >= 1000 or number == int(number) else f"{number:.4g}"


def rounded(value: object) -> object:
    """Return a number without the digits that mean nothing; anything else as it is."""
    return float(f"{value:.5g}") if isinstance(value, float) else value


def table(rows: Sequence[Row]) -> str:
    """Return all rows as an aligned table."""
    return aligned(TITLES, [row.cells() for row in rows])


def verdict(rows: Sequence[Row]) -> str:
    """Return one sentence about the aims, with the name of each that was missed."""
    aims = [row for row in rows if row.aim is not None]
    missed = [row for row in aims if not row.met]
    if not missed:
        return f"All {len(aims)} aims are met."
    names = "".join(f"\n  {row.name}: aim {row.aim}" for row in missed)
    return f"MISSED {len(missed)} of {len(aims)} aims:{names}"
