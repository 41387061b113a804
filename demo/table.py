"""Tables for people: columns aligned, one line a row."""

from collections.abc import Sequence


def aligned(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with a line under its titles; every column as wide as its widest cell."""
    widths = [max(len(row[column]) for row in (titles, *rows)) for column in range(len(titles))]
    lines = (titles, ["-" * width for width in widths], *rows)
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in lines)


def short(target: str) -> str:
    """Return a target's name with its digest cut to twelve digits."""
    name, at, digest = target.partition("@sha256:")
    return f"{name}{at}{digest[:12]}" if at else target
