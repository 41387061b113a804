"""The served document is true: requests made from it are answered as it says."""

from typing import Any

import pytest

from taglock.domain.http.openapi import document
from taglock.domain.http.operations import OPERATIONS
from tests.http.caller import Keyed

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_document_is_served_and_names_every_operation(keyed: Keyed) -> None:
    reply = await keyed.call("openapi")
    assert (reply.status, reply.text) == (200, document())
    assert reply.json["openapi"] == "3.1.0"
    described = {
        (method.upper(), path.removeprefix("/api/"), operation["operationId"])
        for path, operations in reply.json["paths"].items()
        for method, operation in operations.items()
    }
    assert described == {(each.method, each.path, each.name) for each in OPERATIONS}


async def test_every_reference_of_the_document_leads_somewhere(keyed: Keyed) -> None:
    tree: Any = (await keyed.call("openapi")).json
    schemas = tree["components"]["schemas"]
    left, references = [tree], set()
    while left:
        node = left.pop()
        if isinstance(node, dict):
            references |= {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            left += node.values()
        elif isinstance(node, list):
            left += node
    assert references <= {f"#/components/schemas/{name}" for name in schemas}
