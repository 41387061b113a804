"""The switches of Resource Manager; a default is the strictest answer, or the one that evidence points to."""

from dataclasses import dataclass
from typing import Literal

from localcloud.switches import Switches


@dataclass(slots=True, kw_only=True)
class ArmOptions(Switches):
    """The switches of one Resource Manager, changeable at run time."""

    events: Literal["raised", "withheld"] = "raised"
    """Whether a write or delete raises its event; Event Grid promises delivery, not that a source never fails."""

    event_source: Literal["resource_group", "subscription"] = "resource_group"
    """Which system topic the events come from: the resource group's or the subscription's."""

    page_size: int = 100
    """Entries per page of a collection; each resource provider has its own, which clients cannot ask for."""

    first_page: Literal["filled", "empty"] = "filled"
    """A first page may be empty and still have a nextLink: Resource Manager asks one region after the other."""

    last_next_link: Literal["null", "absent"] = "null"
    """Whether the last page says `"nextLink": null` (specification/app, web) or nothing (containerinstance)."""

    site_config: Literal["nulls", "absent", "whole"] = "nulls"
    """What a site's own GET and list say in `siteConfig`: members without values, nothing, or all of config/web."""

    id_case: Literal["as_put", "lower"] = "as_put"
    """How ids are spelled in answers; clients must not care."""

    list_without_right: Literal["refused", "filtered"] = "refused"
    """A list of a subscription for a caller who may read only parts of it: 403, or what the caller may read."""

    unsupported_version: Literal["no_provider", "no_type"] = "no_provider"
    """An api-version the type has not: 400 NoRegisteredProviderFound, or 404 InvalidResourceType; both were seen."""

    throttling: Literal["off", "on"] = "off"
    """Whether the documented limit of reads per subscription and caller applies."""

    reads_bucket: int = 250
    """Reads at once; documented."""

    reads_per_second: float = 25.0
    """Reads that come back per second; documented."""

    latency_seconds: float = 0.0
    """Time that passes before each request is handled."""
