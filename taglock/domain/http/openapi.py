"""The OpenAPI 3.1 document, made from the types that requests are parsed into, so that it cannot differ."""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec

from taglock.domain.acts.act import Phase
from taglock.domain.http.operations import OPERATIONS, Operation
from taglock.domain.http.problem import Problem
from taglock.domain.http.queries import DEFAULT_PAGE, LARGEST_PAGE, LONGEST_AFTER

TEMPLATE = "#/components/schemas/{name}"
DESCRIPTION = (
    "Answers 401, 404 for unknown paths and methods, and 429 come from the host before the app runs, without a body. "
    "See docs/http.md and docs/security.md."
)


@cache
def document() -> bytes:
    """Return the document as JSON."""
    types = [each for operation in OPERATIONS for each in (operation.body, operation.answer) if each is not None]
    _, schemas = msgspec.json.schema_components([*types, Problem], ref_template=TEMPLATE)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(f"/api/{operation.path}", {})[operation.method.lower()] = _operation(operation)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "taglock", "version": "1", "description": DESCRIPTION},
            "servers": [{"url": "/"}],
            "security": [{"key": []}, {"entra": []}],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {
                    "key": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
                    "entra": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                },
            },
        }
    )


def _operation(operation: Operation) -> Mapping[str, Any]:
    parts: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [*_of_path(operation), *_of_query(operation)],
        "responses": _responses(operation),
    }
    if operation.role is None:
        return {**parts, "security": []}
    parts["x-role"] = operation.role
    if operation.body is not None:
        parts["requestBody"] = {
            "required": operation.body_required,
            "content": {"application/json": {"schema": _reference(operation.body)}},
        }
    return parts


def _responses(operation: Operation) -> Mapping[str, Any]:
    answers = {operation.success, *((207,) if 207 in operation.statuses else ())}
    problems = set(operation.statuses) - {207}
    if operation.role is not None:
        problems |= {401, 403, 503}
    schema: Mapping[str, Any] = _reference(operation.answer) if operation.answer is not None else {}
    media_types = (operation.media_type, *(("application/json",) if operation.also_json else ()))
    told = {"content": {media_type: {"schema": schema} for media_type in media_types}}
    problem = {"content": {"application/problem+json": {"schema": _reference(Problem)}}}
    return {
        **{str(status): {"description": HTTPStatus(status).phrase, **told} for status in sorted(answers)},
        **{str(status): {"description": HTTPStatus(status).phrase, **problem} for status in sorted(problems)},
    }


def _of_path(operation: Operation) -> list[Mapping[str, Any]]:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _of_query(operation: Operation) -> list[Mapping[str, Any]]:
    if operation.also_json:
        return [{"name": "format", "in": "query", "schema": {"type": "string", "enum": ["html", "json"]}}]
    return _paging() if operation.paged else []


def _paging() -> list[Mapping[str, Any]]:
    schemas: Mapping[str, Mapping[str, Any]] = {
        "phase": {"type": "string", "enum": list(Phase)},
        "registry": {"type": "string"},
        "repository": {"type": "string"},
        "after": {"type": "string", "maxLength": LONGEST_AFTER},
        "limit": {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": DEFAULT_PAGE},
    }
    return [{"name": name, "in": "query", "schema": schema} for name, schema in schemas.items()]


def _reference(kind: type[msgspec.Struct]) -> Mapping[str, Any]:
    return {"$ref": TEMPLATE.format(name=kind.__name__)}
