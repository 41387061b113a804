"""The import table: who may import whom."""

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.sources import (
    CODE,
    Import,
    imports_of,
    is_within,
    module_name,
    python_files,
    tree_of,
)

OWN = ("taglock", "handlers", "function_app", "localcloud", "demo", "bench", "tools", "tests")
SLOW_SDKS = ("azure", "aiohttp", "opentelemetry")
"""Importing these costs a cold start between 10 and 140 ms, so only functions may."""

MATCHING_LIBRARIES = ("re2", "semver", "msgspec", "yaml", "packageurl")
PURE_STANDARD_LIBRARY = (
    "abc",
    "base64",
    "bisect",
    "binascii",
    "collections",
    "copy.replace",
    "dataclasses",
    "datetime",
    "difflib",
    "enum",
    "fnmatch",
    "functools",
    "hashlib",
    "heapq",
    "http.HTTPStatus",
    "itertools",
    "json",
    "math",
    "operator",
    "re",
    "string",
    "textwrap",
    "types",
    "typing",
    "unicodedata",
    "urllib.parse",
    "uuid.UUID",
    "uuid.uuid5",
    "uuid.NAMESPACE_URL",
    "uuid.NAMESPACE_OID",
)
READERS = (
    "taglock.settings",
    "taglock.rule_builder",
    "taglock.rule_examples",
    "taglock.rule_file",
    "taglock.rule_schema",
    "taglock.rule_tables",
    "taglock.table_reader",
)
"""The border to files and environment: they turn text into domain values."""

IMPURE_CALLS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
IMPURE_NAMES = {"open", "print", "input", "eval", "exec", "__import__"}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table. `outside` None means that any library is fine, apart from eager imports of slow SDKs."""

    importing: tuple[str, ...]
    own: tuple[str, ...]
    outside: tuple[str, ...] | None = None
    lazy: tuple[str, ...] = ()
    """Own modules that only functions may import."""
    sdks: tuple[str, ...] = ()
    """SDKs that may be used at all: inside functions, or eagerly when named in `eager_sdks`."""
    eager_sdks: tuple[str, ...] = ()


# The first row that fits a module decides.
TABLE = (
    Row(
        ("taglock.domain", "taglock.errors"),
        own=("taglock.domain", "taglock.errors"),
        outside=(*PURE_STANDARD_LIBRARY, *MATCHING_LIBRARIES),
    ),
    Row(("taglock.ports",), own=("taglock.domain",), outside=PURE_STANDARD_LIBRARY),
    Row(("taglock.signals",), own=("taglock.domain",), outside=(*PURE_STANDARD_LIBRARY, "contextlib")),
    Row(
        ("taglock.enforcement",),
        own=("taglock.enforcement", "taglock.domain", "taglock.ports", "taglock.signals", "taglock.errors"),
    ),
    Row(("taglock.telemetry",), own=("taglock.domain", "taglock.errors", "taglock.signals", "taglock.telemetry")),
    Row(READERS, own=("taglock.domain", "taglock.errors", *READERS)),
    Row(
        ("taglock.adapters",),
        own=("taglock.adapters", "taglock.domain", "taglock.ports", "taglock.signals", "taglock.errors"),
        sdks=SLOW_SDKS,
    ),
    Row(
        ("taglock.reporting",),
        own=("taglock.reporting", "taglock.domain"),
        outside=(
            *PURE_STANDARD_LIBRARY,
            *("html.escape", "pathlib.Path", "xml.etree.ElementTree"),
            *("msgspec", "jinja2", "markupsafe"),
        ),
    ),
    Row(("taglock.services",), own=("taglock",), lazy=("taglock.adapters",), sdks=SLOW_SDKS),
    Row(("taglock.cli", "taglock.__main__"), own=("taglock",), lazy=("taglock.adapters",), sdks=SLOW_SDKS),
    Row(("taglock",), own=(), outside=()),
    Row(
        ("handlers",),
        own=(
            "handlers",
            "taglock.domain",
            "taglock.ports",
            "taglock.enforcement",
            "taglock.reporting",
            "taglock.telemetry",
            "taglock.errors",
        ),
    ),
    Row(
        ("function_app",),
        own=("taglock.services", "taglock.errors", "handlers"),
        sdks=("azure.functions",),
        eager_sdks=("azure.functions",),
    ),
    Row(
        ("localcloud",),
        own=("localcloud", "taglock.domain.reference"),
        sdks=SLOW_SDKS,
        eager_sdks=("aiohttp", "azure.functions"),
    ),
    # It only moves the app's clock; what it finds is checked by the rest, which shares no code with the app.
    Row(("demo.later_audit",), own=("taglock",), outside=tuple(sys.stdlib_module_names)),
    # One of those who pull is Microsoft's own client, in a process of its own.
    Row(("demo.sdk_pull",), own=(), sdks=("azure",), eager_sdks=("azure",)),
    Row(("demo",), own=("demo",), outside=tuple(sys.stdlib_module_names)),
    Row(("tools",), own=("tools",)),
    Row(("bench",), own=OWN, sdks=SLOW_SDKS, eager_sdks=SLOW_SDKS),
)


def row_of(file: Path) -> Row:
    name = module_name(file)
    return next(row for row in TABLE if is_within(name, *row.importing))


def broken_rule(row: Row, found: Import) -> str | None:
    """Return which rule of its row an import breaks, None when it is fine."""
    if is_within(found.name, *OWN):
        return broken_own_rule(row, found)
    if row.outside is not None:
        return None if is_within(found.name, *row.outside) else "is not on the allow-list"
    if not is_within(found.name, *SLOW_SDKS):
        return None
    if not is_within(found.name, *row.sdks):
        return "may not use this SDK"
    eager = found.eager and not is_within(found.name, *row.eager_sdks)
    return "may import an SDK only inside a function" if eager else None


def broken_own_rule(row: Row, found: Import) -> str | None:
    if not is_within(found.name, *row.own):
        return f"may import only {', '.join(row.own) or 'nothing'}"
    if found.eager and is_within(found.name, *row.lazy):
        return "may import this only inside a function"
    return None


def test_every_module_imports_only_what_its_row_of_the_table_allows() -> None:
    broken = [
        f"{found}, but it {rule}"
        for file in python_files(*CODE)
        for found in imports_of(file)
        if (rule := broken_rule(row_of(file), found))
    ]
    assert not broken, "\n".join(broken)


def test_the_domain_reads_no_clock_and_touches_nothing_outside() -> None:
    calls = [
        f"{file}:{node.lineno}: {called}()"
        for file in python_files("taglock/domain/", "taglock/errors.py")
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Call) and (called := ast.unparse(node.func)) in IMPURE_CALLS | IMPURE_NAMES
    ]
    assert not calls, "\n".join(calls)


@pytest.mark.parametrize("file", [file for file in python_files(*CODE) if file.name == "__init__.py"], ids=str)
def test_package_files_are_empty_or_a_docstring(file: Path) -> None:
    statements = tree_of(file).body
    docstring = len(statements) == 1 and ast.get_docstring(tree_of(file)) is not None
    assert not statements or docstring, f"{file} holds code; a package file is empty or a docstring"


@pytest.mark.parametrize(
    ("importing", "name", "eager", "allowed"),
    [
        ("taglock/domain/rule.py", "re2", True, True),
        ("taglock/domain/rule.py", "taglock.errors.InvalidInput", True, True),
        ("taglock/domain/rule.py", "os", True, False),
        ("taglock/domain/rule.py", "os", False, False),
        ("taglock/domain/rule.py", "http.client", True, False),
        ("taglock/domain/rule.py", "taglock.ports.Registry", True, False),
        ("taglock/adapters/acr.py", "azure.core", True, False),
        ("taglock/adapters/acr.py", "azure.core", False, True),
        ("taglock/enforcement/due.py", "opentelemetry.trace", False, False),
        ("taglock/adapters/otel.py", "opentelemetry.trace", True, False),
        ("taglock/adapters/otel.py", "opentelemetry.trace", False, True),
        ("taglock/services.py", "taglock.adapters.acr", True, False),
        ("taglock/services.py", "taglock.adapters.acr", False, True),
        ("handlers/unlock.py", "taglock.adapters.acr", False, False),
        ("handlers/unlock.py", "azure.functions", True, False),
        ("function_app.py", "azure.functions", True, True),
        ("function_app.py", "azure.core", False, False),
        ("localcloud/cloud.py", "taglock.domain.reference", True, True),
        ("localcloud/cloud.py", "taglock.domain.attributes", True, False),
        ("demo/client.py", "taglock.errors", False, False),
        ("demo/client.py", "localcloud.state", True, False),
        ("demo/client.py", "azure.core", True, False),
        ("taglock/something.py", "taglock.domain", True, False),
    ],
)
def test_the_table_tells_allowed_imports_from_forbidden_ones(
    importing: str, name: str, eager: bool, allowed: bool
) -> None:
    found = Import(file=Path(importing), line=1, name=name, eager=eager)
    assert (broken_rule(row_of(Path(importing)), found) is None) == allowed
