"""The images of a compose file, as App Service keeps it inside one setting.

Only the tree of the document is read: no values are built, merges and aliases are looked through and never expanded,
and depth and size are bounded first, because the text is whatever somebody wrote.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterator
from typing import TYPE_CHECKING

from taglock.domain.arm_body import Part
from taglock.errors import UnreadableBody

if TYPE_CHECKING:
    from yaml import Node

LONGEST_FILE_BYTES = 16_384
DEEPEST_NESTING = 32
MOST_MERGES = 32
MERGE = "<<"


def compose_images(setting: Part, encoded: str) -> list[str]:
    """Return the image of every service of a base64-encoded compose file, in order; raises UnreadableBody."""
    import yaml

    text = _decoded(setting, encoded)
    try:
        _bound_depth(setting, text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        services = [named for found in _members(root, "services", set()) for named in _values(found)]
        images = [image for service in services for image in _members(service, "image", set())]
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise _unreadable(setting, f"a text that is no YAML ({type(error).__name__})") from error
    if not services:
        raise _unreadable(setting, "a compose file without services")
    return [image.value for image in images if isinstance(image, yaml.ScalarNode)]


def _decoded(setting: Part, encoded: str) -> str:
    if len(encoded) > LONGEST_FILE_BYTES * 4 // 3 + 4:
        raise _unreadable(setting, f"a compose file above {LONGEST_FILE_BYTES} bytes")
    try:
        return b64decode(encoded, validate=True).decode("utf-8-sig")
    except (binascii.Error, ValueError) as error:
        raise _unreadable(setting, "a text that is not base64 of UTF-8") from error


def _bound_depth(setting: Part, text: str) -> None:
    """Refuse a document that is nested too deeply before anything recursive meets it; takes linear time."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST_NESTING:
            raise _unreadable(setting, f"a compose file nested deeper than {DEEPEST_NESTING} levels")


def _members(node: "Node | None", name: str, seen: set[int]) -> Iterator["Node"]:
    """Yield a mapping's member, or that of the mappings merged into it; `seen` ends merges that meet themselves."""
    import yaml

    if not isinstance(node, yaml.MappingNode) or id(node) in seen:
        return
    seen.add(id(node))
    if len(seen) > MOST_MERGES:
        raise yaml.YAMLError(f"more than {MOST_MERGES} merges into one mapping")
    own = [value for key, value in node.value if key.value == name]
    yield from own
    if not own:
        for merged in (value for key, value in node.value if key.value == MERGE):
            for each in merged.value if isinstance(merged, yaml.SequenceNode) else [merged]:
                yield from _members(each, name, seen)


def _values(node: "Node") -> list["Node"]:
    import yaml

    return [value for _, value in node.value] if isinstance(node, yaml.MappingNode) else []


def _unreadable(setting: Part, found: str) -> UnreadableBody:
    return UnreadableBody(
        setting.path, found, "a compose file in base64 whose services name images", target=setting.target
    )
