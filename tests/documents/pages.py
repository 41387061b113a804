"""Read what the documents show: fenced blocks, sections and tables."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"(?:^\|.*\|\n)+", re.MULTILINE)
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: the language, the words behind it, and what stands in it."""

    language: str
    marks: tuple[str, ...]
    text: str


def page(name: str) -> str:
    """Return the text of a document by its path below the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a text in their order."""
    found = []
    for head, body in FENCE.findall(text):
        language, *marks = head.split() or [""]
        found.append(Block(language, tuple(marks), body))
    return found


def sections(text: str, level: int) -> Mapping[str, str]:
    """Return the sections of one level of headings: title and text, fenced blocks left out."""
    plain = FENCE.sub("", text)
    parts = re.split(rf"^{'#' * level} +(.+)$", plain, flags=re.MULTILINE)
    bodies = (re.split(rf"^#{{1,{level}}} ", body, maxsplit=1, flags=re.MULTILINE)[0] for body in parts[2::2])
    return dict(zip(parts[1::2], bodies, strict=True))


def tables(text: str) -> Iterator[list[Row]]:
    """Yield each table as a list of rows by the names of its columns."""
    for table in TABLE.findall(f"{text}\n"):
        lines = [_cells(line) for line in table.splitlines()]
        yield [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]


def number(text: str) -> float:
    """Return a number as documents write it: `1,000`, `0.5`."""
    return float(text.replace(",", ""))
