"""Whatever a body holds, it tells a workload or is refused; and no secret of it is ever copied."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from taglock.domain.arm_resource import ResourceId, ResourceKind, workload_of
from taglock.errors import ArmError

SECRET = "hunter2-do-not-copy"
NAMES = (
    *("properties", "template", "containers", "initContainers", "image", "configuration", "ingress", "traffic"),
    *("revisionName", "weight", "latestRevision", "label", "siteConfig", "linuxFxVersion", "windowsFxVersion"),
    *("provisioningState", "latestReadyRevisionName", "latestRevisionName", "activeRevisionsMode", "tags", "id"),
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["DOCKER|reg/api:1", "COMPOSE|", "sitecontainers", "multiple", "shop--v1"])
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=30,
)
bodies = st.dictionaries(st.sampled_from(NAMES), values, max_size=8)
kinds = st.sampled_from(ResourceKind)


def resource(kind: ResourceKind) -> ResourceId:
    slot = "staging" if kind is ResourceKind.SLOT else ""
    return ResourceId(
        subscription="0b1f6471-1bf0-4dda-aec3-111122223333", resource_group="rg", kind=kind, name="shop", slot=slot
    )


@given(kinds, bodies)
def test_any_body_tells_a_workload_or_is_refused(kind: ResourceKind, body: Mapping[str, object]) -> None:
    try:
        found = workload_of(resource(kind), body)
    except ArmError as error:
        assert "$." in str(error)
    else:
        assert len(set(found.images)) == len(found.images)
        assert all(image.isprintable() and image for image in found.images)


def with_secrets(value: Any) -> Any:
    """Put a secret beside everything that is no image."""
    if isinstance(value, dict):
        return {name: with_secrets(each) for name, each in value.items()} | {"env": SECRET, "password": [SECRET]}
    if isinstance(value, list):
        return [with_secrets(each) for each in value]
    return value


@given(kinds, bodies)
def test_secrets_stay_in_the_body(kind: ResourceKind, body: dict[str, Any]) -> None:
    try:
        found: object = workload_of(resource(kind), with_secrets(body))
    except ArmError as error:
        found = error
    assert SECRET not in repr(found)
    assert SECRET not in str(found)


def test_a_body_nested_without_end_is_refused_or_told() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"properties": deep}
    for kind in ResourceKind:
        try:
            workload_of(resource(kind), deep)
        except ArmError as error:
            assert "$.properties" in str(error)
    while deep:  # taken apart from outside, or freeing it recurses
        deep = deep.pop("properties", None)
