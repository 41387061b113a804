"""What a call offers to the expressions of its other bindings: a JSON payload's members, a route's parameters.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-expressions-patterns
"""

import json
from collections.abc import Mapping
from typing import Any

from localcloud.functions.protos import TypedData


def payload_members(value: TypedData) -> Mapping[str, str]:
    """Return the values by their names in lower case, as the .NET host compares names; nothing for other payloads."""
    if value.http is not None:
        return {name.lower(): text for name, text in value.http.params.items()}
    return _members(value.string if value.string is not None else value.json)


def _members(text: str | None) -> Mapping[str, str]:
    try:
        tree = json.loads(text or "")
    except ValueError:
        return {}
    if not isinstance(tree, dict):
        return {}
    return {name.lower(): _spelled(each) for name, each in tree.items() if isinstance(each, str | int | float | bool)}


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
