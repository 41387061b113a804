"""Resource Manager's part of the control API: what exists, who may read it, faults, switches, requests seen."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import web

from localcloud.arm.breakage import check_fitting
from localcloud.arm.server import Arm
from localcloud.faults import Fault

type Handler = Callable[[web.Request], Awaitable[Any]]


class ArmControl:
    """Handlers that return JSON values and raise ValueError or KeyError for wrong requests."""

    def __init__(self, arm: Callable[[], Arm]) -> None:
        self._given = arm

    def routes(self) -> dict[tuple[str, str], Handler]:
        """Return the handlers by method and path."""
        return {
            ("GET", "/arm/resources"): self._resources,
            ("PUT", "/arm/resources"): self._put,
            ("DELETE", "/arm/resources"): self._delete,
            ("POST", "/arm/seed"): self._seed,
            ("GET", "/arm/roles"): self._roles,
            ("PUT", "/arm/roles"): self._set_roles,
            ("GET", "/arm/faults"): self._faults,
            ("POST", "/arm/faults"): self._add_faults,
            ("DELETE", "/arm/faults"): self._clear_faults,
            ("GET", "/arm/options"): self._options,
            ("PATCH", "/arm/options"): self._change_options,
            ("GET", "/arm/requests"): self._requests,
            ("DELETE", "/arm/requests"): self._clear_requests,
        }

    @property
    def _arm(self) -> Arm:
        return self._given()

    async def _resources(self, request: web.Request) -> Any:
        return self._arm.store.bodies()

    async def _put(self, request: web.Request) -> Any:
        """Write one body or an array of them, each with its `id`; every write raises its event."""
        return {"written": [str(await self._arm.put(str(body["id"]), body)) for body in await _bodies(request)]}

    async def _delete(self, request: web.Request) -> Any:
        return {"deleted": str(await self._arm.delete(request.query["id"]))}

    async def _seed(self, request: web.Request) -> Any:
        return {"placed": [str(each) for each in self._arm.place(await _bodies(request))]}

    async def _roles(self, request: web.Request) -> Any:
        return self._arm.roles.as_json()

    async def _set_roles(self, request: web.Request) -> Any:
        """Set the scopes of principals: `{"taglock": ["/subscriptions/..."]}`."""
        tree = await request.json()
        for principal, scopes in tree.items():
            self._arm.roles.grant(principal, _texts(scopes))
        return self._arm.roles.as_json()

    async def _faults(self, request: web.Request) -> Any:
        return [fault.as_json() for fault in self._arm.faults.pending]

    async def _add_faults(self, request: web.Request) -> Any:
        tree = await request.json()
        faults = [Fault.from_json(each) for each in (tree if isinstance(tree, list) else [tree])]
        for fault in faults:
            check_fitting(fault)
        self._arm.faults.add(*faults)
        return await self._faults(request)

    async def _clear_faults(self, request: web.Request) -> Any:
        self._arm.faults.clear()
        return []

    async def _options(self, request: web.Request) -> Any:
        return self._arm.options.as_json()

    async def _change_options(self, request: web.Request) -> Any:
        self._arm.options.change(await request.json())
        return self._arm.options.as_json()

    async def _requests(self, request: web.Request) -> Any:
        traffic = self._arm.traffic
        since = request.query.get("since")
        seen = traffic.remembered if since is None else traffic.since(int(since))
        counts = traffic.counts() if since is None else traffic.counts_since(int(since))
        return {"mark": traffic.mark(), "counts": counts, "requests": [asdict(each) for each in seen]}

    async def _clear_requests(self, request: web.Request) -> Any:
        self._arm.traffic.clear()
        return {}


async def _bodies(request: web.Request) -> list[Mapping[str, Any]]:
    tree = await request.json()
    bodies = tree if isinstance(tree, list) else [tree]
    if wrong := [body for body in bodies if not isinstance(body, Mapping) or "id" not in body]:
        raise ValueError(f"body {wrong[0]!r}: expected an object with an `id`")
    return bodies


def _texts(scopes: Any) -> list[str]:
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise ValueError(f"scopes {scopes!r}: expected an array of texts")
    return scopes
