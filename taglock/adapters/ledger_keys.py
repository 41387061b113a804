"""Spell any key as the ASCII text that Azure Tables accepts: reversible, and in the same order.

Tables refuses `/`, `\\`, `#`, `?` and control characters in keys and orders by UTF-16 units, which is not code point
order. The characters of image references stay one character each, so that every reference fits the size limit:
`-` is spelled `,`, `.` is spelled `-` and `/` is spelled `.` (prod/api-v1.2 -> prod.api,v1-2).
"""

import re
from functools import lru_cache

from taglock.errors import LedgerError, shortened

EMPTY = "!"
"""The spelling of the empty key: before every other spelling and the start of none that can be decoded."""

SPELLED = {"-": ",", ".": "-", "/": "."}
PLAIN = re.compile(r"[0-9:;@A-Z_`a-z\-./]+")
SPECIAL = re.compile(r"[^0-9:;@A-Z_`a-z]")
SPELLING = re.compile(r"[!<\[{]([0-9A-F]{2})|~([0-9A-F]{6})|([0-9:;@A-Z_`a-z,.\-])")

# Each gap between the plain characters has a lead that sorts inside it: (first code point after the gap, lead).
LEADS = ((ord("-"), "!"), (ord("@"), "<"), (ord("_"), "["), (0x80, "{"))
UNSPELLED = {spelling: character for character, spelling in SPELLED.items()}
SPELLING_TABLE = str.maketrans(SPELLED)


@lru_cache(maxsize=4096)  # limits and stores ask for the same key several times in one write
def encoded(key: str) -> str:
    """Return the spelling of a key; spellings compare as the keys do. Any text but lone surrogates can be spelled."""
    if not key:
        return EMPTY
    if PLAIN.fullmatch(key):
        return key.translate(SPELLING_TABLE)
    return SPECIAL.sub(lambda match: _spelled(match[0]), key)


def decoded(spelling: str) -> str:
    """Return the key of a spelling; LedgerError when this module did not write it."""
    if spelling == EMPTY:
        return ""
    matches = list(SPELLING.finditer(spelling))
    key = "".join(_character(match) for match in matches)
    if sum(len(match[0]) for match in matches) != len(spelling) or encoded(key) != spelling:
        raise LedgerError(f"ledger key {shortened(spelling)} was not written by taglock")
    return key


def _spelled(character: str) -> str:
    if character in SPELLED:
        return SPELLED[character]
    code = ord(character)
    for after, lead in LEADS:
        if code < after:
            return f"{lead}{code:02X}"
    return f"~{code:06X}"


def _character(match: re.Match[str]) -> str:
    short, long, plain = match.groups()
    if plain:
        return UNSPELLED.get(plain, plain)
    code = int(short or long, 16)
    return chr(code) if code <= 0x10FFFF else ""
