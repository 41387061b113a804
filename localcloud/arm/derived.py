"""What a resource provider makes of a write by itself: a site's configuration, a container app's new revision."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from localcloud.arm.address import Address
from localcloud.arm.kinds import CONTAINER_APP
from localcloud.arm.shapes import DEFAULT_SITE_CONFIG, Body, has_site_config


def derived(
    kind: str, address: Address, body: Mapping[str, Any], existing: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[Address, Body]]:
    """Yield the resources that a write of this one makes or changes; `existing` are the bodies by key."""
    properties = body.get("properties", {})
    if has_site_config(kind):
        config = address.child("config", "web")
        before = existing.get(config.key, {}).get("properties", DEFAULT_SITE_CONFIG)
        given = {name: value for name, value in (properties.get("siteConfig") or {}).items() if value is not None}
        yield config, {"properties": {**before, **given}}
    elif kind == CONTAINER_APP and properties.get("latestRevisionName") and "template" in properties:
        yield address.child("revisions", str(properties["latestRevisionName"])), _revision(properties)


def _revision(properties: Mapping[str, Any]) -> Body:
    return {
        "properties": {
            "createdTime": "2026-01-01T00:00:00+00:00",
            "template": deepcopy(properties["template"]),
            "active": True,
            "replicas": 1,
            "trafficWeight": _weight(properties),
            "runningState": "Running",
            "provisioningState": "Provisioned",
            "healthState": "Healthy",
        }
    }


def _weight(properties: Mapping[str, Any]) -> int:
    ingress = properties.get("configuration", {}).get("ingress") or {}
    latest = properties["latestRevisionName"]
    return sum(
        int(each.get("weight", 0))
        for each in ingress.get("traffic", ())
        if each.get("latestRevision") or each.get("revisionName") == latest
    )
