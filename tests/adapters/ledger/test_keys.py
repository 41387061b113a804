"""The spelling of keys: laws over any text, and the characters that Tables refuses."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taglock.adapters.ledger_keys import decoded, encoded
from taglock.errors import LedgerError

TEXT = st.text(st.characters(codec="utf-8") | st.sampled_from("/\\#?-.,!<[{~09@_`a"))
REFUSED_BY_TABLES = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")


@given(TEXT)
def test_a_spelling_can_be_read_back(key: str) -> None:
    assert decoded(encoded(key)) == key


@given(TEXT, TEXT)
def test_spellings_compare_as_keys_do(one: str, other: str) -> None:
    assert (encoded(one) < encoded(other)) == (one < other)


@given(TEXT, TEXT, TEXT)
def test_spellings_compare_as_keys_do_after_a_common_start(start: str, one: str, other: str) -> None:
    assert (encoded(start + one) < encoded(start + other)) == (start + one < start + other)


@given(TEXT)
def test_a_spelling_holds_only_what_tables_accepts(key: str) -> None:
    assert encoded(key).isascii()
    assert encoded(key)
    assert not REFUSED_BY_TABLES.search(encoded(key))


@pytest.mark.parametrize("code", [*range(0x100), 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF])
def test_every_edge_character_keeps_its_place(code: int) -> None:
    here = chr(code)
    assert decoded(encoded(here)) == here
    if code and here != "\ue000":
        assert encoded(chr(code - 1)) < encoded(here)


def test_an_image_reference_keeps_its_length_and_can_be_recognised() -> None:
    assert encoded("prod/api-v1.2") == "prod.api,v1-2"
    reference = f"contoso.azurecr.io/prod/team_a/api:1.4.2@sha256:{'0a' * 32}"
    assert len(encoded(reference)) == len(reference)


@pytest.mark.parametrize("spelling", ["", "a/b", "!0", "!ZZ", "~11FFFF", "~00000", "!41", "~000041", "a!", "é", "{AA"])
def test_text_that_is_no_spelling_is_refused(spelling: str) -> None:
    with pytest.raises(LedgerError, match="not written by taglock"):
        decoded(spelling)
