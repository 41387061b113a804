"""Random writes against every store and against the simplest thing that could hold rows: a dictionary."""

from dataclasses import dataclass, field
from typing import Literal
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taglock.domain.row import Change, Delete, Insert, Replace, RowKey, Upsert
from taglock.errors import InvalidInput, LedgerConflict
from taglock.ports import RowStore

LAWS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Kind = Literal["insert", "upsert", "replace", "delete", "delete-version"]
NEVER = "W/\"datetime'1999-01-01T00%3A00%3A00.0000000Z'\""


@dataclass(frozen=True, slots=True)
class Step:
    """One change, before it is known which versions there are."""

    kind: Kind
    key: str
    body: bytes
    current: bool
    """Whether a version is the one that is stored now; otherwise it is an earlier one."""


@dataclass(slots=True)
class Model:
    """What a store should hold; versions are those that the real store gave."""

    bodies: dict[str, bytes] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    earlier: dict[str, str] = field(default_factory=dict)

    def change(self, step: Step, key: RowKey) -> Change:
        version = (self.versions if step.current else self.earlier).get(step.key, NEVER)
        match step.kind:
            case "insert":
                return Insert(key, step.body)
            case "upsert":
                return Upsert(key, step.body)
            case "replace":
                return Replace(key, step.body, version)
            case "delete":
                return Delete(key)
        return Delete(key, version)

    def after(self, changes: list[Change]) -> dict[str, bytes] | None:
        """Return the bodies after making the changes one after another, None for a conflict."""
        bodies, versions = dict(self.bodies), dict(self.versions)
        for change in changes:
            key = change.key.key
            match change:
                case Insert() if key in bodies:
                    return None
                case Replace(version=version) if versions.get(key) != version:
                    return None
                case Delete(version=str(version)) if versions.get(key) != version:
                    return None
            if isinstance(change, Delete):
                bodies.pop(key, None)
            else:
                bodies[key] = change.body
            versions.pop(key, None)
        return bodies

    async def learn(self, rows: RowStore, partition: str) -> None:
        """Take over what the store holds, with its versions."""
        found = await rows.scan(partition)
        versions = {row.key.key: row.version for row in found}
        changed = {key: version for key, version in self.versions.items() if versions.get(key) != version}
        self.earlier |= changed
        self.versions = versions
        self.bodies = {row.key.key: row.body for row in found}


def only_asks(changes: list[Change]) -> bool:
    """Tell whether some row is inserted first and gone at the end: the one thing that stores refuse."""
    first = {change.key: change for change in reversed(changes)}
    last = {change.key: change for change in changes}
    return any(isinstance(first[key], Insert) and isinstance(last[key], Delete) for key in first)


KINDS: st.SearchStrategy[Kind] = st.sampled_from(["insert", "upsert", "replace", "delete", "delete-version"])
STEPS = st.builds(Step, KINDS, st.sampled_from(["a", "b", "c/d"]), st.binary(max_size=3), st.booleans())


@LAWS
@given(writes=st.lists(st.lists(STEPS, min_size=1, max_size=5), min_size=1, max_size=6))
async def test_every_store_does_what_a_dictionary_would(rows: RowStore, writes: list[list[Step]]) -> None:
    partition, model = f"{uuid4()}", Model()
    for steps in writes:
        changes = [model.change(step, RowKey(partition, step.key)) for step in steps]
        expected = model.after(changes)
        before = model.bodies
        try:
            await rows.write(changes)
            written = True
        except LedgerConflict:
            written = False
            assert expected is None or only_asks(changes)
        except InvalidInput:
            written = False
            assert only_asks(changes)
        await model.learn(rows, partition)
        assert model.bodies == (expected if written else before)
