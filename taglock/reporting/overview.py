"""What is known of every registry as one self-contained HTML page, and as JSON."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from taglock.domain.audit.overview import KnownRegistry, Overview, UnderWay
from taglock.domain.audit_report import PastAudit
from taglock.domain.ledger import Severity
from taglock.domain.rule import Mode
from taglock.reporting.headline import Denominator, Tone, denominators, tone_of
from taglock.reporting.templates import page
from taglock.reporting.wording import counted, rank

FORMAT = "taglock.overview/1"
"""The number changes when a field is renamed, removed or means something else; new fields come without notice."""
REPORTS = "report/"
"""Where the reports are, as seen from the page: it is served beside them."""
WORST_FIRST = (Tone.BAD, Tone.UNKNOWN, Tone.ATTENTION, Tone.GOOD)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryCard:
    """One registry as shown."""

    registry: str
    address: str
    """Of its report, '' when there is none."""
    tone: Tone
    verdict: str
    last: PastAudit | None
    seconds_ago: float
    under_way: UnderWay | None
    open_findings: tuple[tuple[str, int], ...]
    """By severity, the most severe first."""
    denominators: tuple[Denominator, ...]
    unread: int
    problem: str


def overview_html(overview: Overview) -> str:
    """Return the page: a verdict over all registries, then a card for each, the worst first. It needs nothing else."""
    cards = sorted(
        (_card(overview, known) for known in overview.registries),
        key=lambda card: (WORST_FIRST.index(card.tone), card.registry),
    )
    return page("overview", overview=overview, cards=cards, tone=worst(cards), **_sentences(overview, cards))


def overview_json(overview: Overview) -> bytes:
    """Return the same as indented UTF-8."""
    document = {"format": FORMAT, **msgspec.to_builtins(overview)}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def tone_of_registry(known: KnownRegistry) -> Tone:
    """Return how a registry looks: green only when its last audit was clean and nothing was found since."""
    if known.problem or known.last is None or known.last.coverage is None:
        return Tone.UNKNOWN
    open_now = {severity for severity, number in known.open_findings.items() if number}
    return tone_of(known.last.verdict, known.last.coverage, open_now)


def worst(cards: Iterable[RegistryCard]) -> Tone:
    """Return the worst tone of all; without any registry nothing is known."""
    return min((card.tone for card in cards), key=WORST_FIRST.index, default=Tone.UNKNOWN)


def _card(overview: Overview, known: KnownRegistry) -> RegistryCard:
    last = known.last
    coverage = last.coverage if last is not None else None
    return RegistryCard(
        registry=known.registry,
        address=f"{REPORTS}{quote(known.registry, safe='')}" if last is not None else "",
        tone=tone_of_registry(known),
        verdict=_verdict(known),
        last=last,
        seconds_ago=(overview.at - last.finished_at).total_seconds() if last is not None else 0,
        under_way=known.under_way,
        open_findings=_by_severity(known.open_findings),
        denominators=denominators(coverage) if coverage is not None else (),
        unread=coverage.unread_total if coverage is not None else 0,
        problem=known.problem,
    )


def _verdict(known: KnownRegistry) -> str:
    if known.problem:
        return "NOT READABLE"
    return known.last.verdict.replace("_", " ") if known.last is not None else "NEVER AUDITED"


def _by_severity(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    shown = ((severity, number) for severity, number in counts.items() if number)
    return tuple(sorted(shown, key=lambda each: rank(each[0])))


def _sentences(overview: Overview, cards: list[RegistryCard]) -> dict[str, object]:
    good = sum(card.tone is Tone.GOOD for card in cards)
    totals = {each.value: sum(dict(card.open_findings).get(each, 0) for card in cards) for each in Severity}
    parts = ", ".join(f"{number:,} {severity}" for severity, number in _by_severity(totals))
    total = counted(sum(totals.values()), "finding is", "findings are")
    never = sum(card.last is None for card in cards)
    return {
        "badge": f"{good:,} of {counted(len(cards), 'registry', 'registries')} clean",
        "sentence": f"{total} open: {parts}." if parts else "No finding is open.",
        "notes": [
            *([f"Of {counted(never, 'registry', 'registries')} no finished audit is known."] if never else []),
            *(["Report mode: nothing is changed."] if overview.mode is Mode.REPORT else []),
        ],
    }
