"""A folder of resource bodies in JSON: what exists before anybody writes.

Each file holds one body or an array of them, each with its `id`. `{registry}` becomes the registry's login server;
`{base64:FILE}` becomes the base64 text of a file of the folder, in which `{registry}` is replaced as well.
"""

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REGISTRY = "{registry}"
_ENCODED = re.compile(r"\{base64:([A-Za-z0-9._-]+)\}")


class InvalidSeed(ValueError):
    """A seed folder cannot be used; the text names the file."""


def read_seeds(folder: Path, *, login_server: str) -> list[dict[str, Any]]:
    """Return the bodies of a folder, parents before children; InvalidSeed names the file and what was expected."""
    if not folder.is_dir():
        raise InvalidSeed(f"seed folder {str(folder)!r}: expected a folder")
    bodies = [body for path in sorted(folder.glob("*.json")) for body in _read(path, login_server)]
    return sorted(bodies, key=lambda body: str(body["id"]).count("/"))


def _read(path: Path, login_server: str) -> list[dict[str, Any]]:
    def encoded(match: re.Match[str]) -> str:
        text = (path.parent / match[1]).read_text(encoding="utf-8").replace(REGISTRY, login_server)
        return base64.b64encode(text.encode()).decode()

    try:
        tree = json.loads(_ENCODED.sub(encoded, path.read_text(encoding="utf-8")).replace(REGISTRY, login_server))
    except (OSError, ValueError) as error:
        raise InvalidSeed(f"seed {path.name!r}: expected JSON and the files it names: {error}") from error
    bodies = tree if isinstance(tree, list) else [tree]
    for body in bodies:
        if not isinstance(body, Mapping) or not isinstance(body.get("id"), str):
            raise InvalidSeed(f"seed {path.name!r}: expected objects with an `id`, got {body!r}")
    return bodies
