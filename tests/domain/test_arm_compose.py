"""Compose files inside a site's setting: every image, whatever was written, and no document that takes for ever."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taglock.domain.arm_body import Part
from taglock.domain.arm_compose import LONGEST_FILE_BYTES, compose_images
from taglock.errors import UnreadableBody

SETTING = Part(value="", path="$.properties.linuxFxVersion", target="/subscriptions/x")
ALIASES = """\
services:
  one: &one
    image: reg/one:1
  two: *one
  three:
    image: &name reg/three:1
  four:
    image: *name
"""
MERGED = (
    "x: &base\n  image: reg/base:1\nservices:\n  one:\n    <<: *base\n  two:\n    <<: [*base]\n    image: reg/two:1\n"
)


def images(text: str | bytes) -> list[str]:
    encoded = b64encode(text if isinstance(text, bytes) else text.encode()).decode()
    return compose_images(SETTING, encoded)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version: '3'\nservices:\n  web:\n    image: reg/web:1\n    environment: {A: b}\n", ["reg/web:1"]),
        ('{"services": {"web": {"image": "reg/web:1"}}}', ["reg/web:1"]),
        (ALIASES, ["reg/one:1", "reg/one:1", "reg/three:1", "reg/three:1"]),
        (MERGED, ["reg/base:1", "reg/two:1"]),
        ("services:\n  built: {build: .}\n  empty:\n", []),
        ("services:\n  web: {image: [a]}\n  other: {image: 1.10}\n", ["1.10"]),
        (b"\xef\xbb\xbfservices: {web: {image: reg/web:1}}", ["reg/web:1"]),
    ],
)
def test_every_service_image_is_found(text: str | bytes, expected: list[str]) -> None:
    assert images(text) == expected


@pytest.mark.parametrize("encoded", ["", "%%%", "YWJj=", "////", "dGV4dA==", "services: {web: {image: a}}"])
def test_what_is_no_compose_file_is_refused_with_the_path(encoded: str) -> None:
    with pytest.raises(UnreadableBody, match=r"\$\.properties\.linuxFxVersion"):
        compose_images(SETTING, encoded)


BOMBS = {
    "deep flow": "services: " + "[" * 10_000,
    "deep mapping": "services: " + "{a: " * 3_000,
    "deep blocks": "- " * 6_000,
    "deep keys": "? " * 6_000,
    "too large": "a: b\n" * LONGEST_FILE_BYTES,
    "large scalar": "services: {web: {image: '\\uFFFF" + "x" * LONGEST_FILE_BYTES,
    "two documents": "services: {web: {image: a}}\n---\nb: c\n",
    "unknown alias": "services: {web: *nothing}",
    "number of a character": 'services: "\\UFFFFFFFF"',
    "bare tag": "services: !!python/object/apply:os.system [echo]",
    "many merges": "a0: &a0 {b: c}\n"
    + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}\n" for n in range(1, 100))
    + "services: {web: *a99}\n",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_hostile_document_is_refused(name: str) -> None:
    with pytest.raises(UnreadableBody):
        images(BOMBS[name])


def test_aliases_are_not_expanded() -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20))
    assert images(f"a0: &a0 x\n{levels}services: {{web: {{image: reg/web:1, command: *a19}}}}\n") == ["reg/web:1"]


def test_a_document_that_contains_itself_ends() -> None:
    assert images("services: &s\n  web:\n    image: reg/web:1\n    <<: *s\n  again: *s\n") == ["reg/web:1"]


fragments = st.sampled_from(
    ["services:", "image: ", " ", "\n", "a: ", "&a ", "*a ", "<<: ", "[", "]", "{", "}", ",", "- ", "'", '"', "|", "#"]
)


@given(st.lists(fragments | st.text(max_size=3), max_size=40).map("".join) | st.binary(max_size=60))
def test_any_document_gives_images_or_is_refused(text: str | bytes) -> None:
    try:
        found = images(text.encode("utf-8", "replace") if isinstance(text, str) else text)
    except UnreadableBody as error:
        assert not error.transient
    else:
        assert all(isinstance(image, str) for image in found)


@given(st.text())
def test_any_text_in_place_of_base64_gives_images_or_is_refused(encoded: str) -> None:
    try:
        compose_images(SETTING, encoded)
    except UnreadableBody as error:
        assert SETTING.path in str(error)
