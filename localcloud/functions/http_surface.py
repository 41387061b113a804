"""HTTP triggers: route, key, request to the worker, and its answer back."""

import re
from collections.abc import Iterable
from urllib.parse import unquote

from aiohttp import web

from localcloud.functions.authentication import Authentication
from localcloud.functions.bindings import Function
from localcloud.functions.calls import http_call
from localcloud.functions.keys import Keys
from localcloud.functions.protos import RpcHttp, RpcHttpCookie, TypedData
from localcloud.functions.routes import Route, compile_routes
from localcloud.functions.runner import Runner


def presented_key(request: web.Request) -> str | None:
    """Return the key that a caller shows: the header, else the query parameter `code`."""
    return request.headers.get("x-functions-key") or request.query.get("code")


class HttpSurface:
    """Answers the app's own routes below the route prefix."""

    def __init__(
        self,
        functions: Iterable[Function],
        runner: Runner,
        keys: Keys,
        prefix: str,
        *,
        authentication: Authentication | None = None,
    ) -> None:
        self._authentication = authentication
        self._routes = compile_routes(functions)
        self._runner = runner
        self._keys = keys
        self._prefix = [part.lower() for part in prefix.split("/") if part]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Run the function whose route and method match; 404 without one, 401 without its key, 500 when it raises."""
        headers = _headers(request)
        if self._authentication is not None:
            known = self._authentication.headers(request.path, headers)
            if known is None:
                return web.Response(status=401)
            headers = known
        found = self._find(request)
        if found is None:
            return web.Response(status=404)
        route, parameters = found
        if not self._keys.opens_http(presented_key(request), route.function.name, route.trigger.auth_level):
            return web.Response(status=401)
        call = http_call(route.function, route.trigger, await _to_rpc(request, parameters, headers))
        result = await self._runner.run(route.function, call)
        if result.failure is not None:
            return web.Response(status=500)
        return _to_response(result.return_value)

    def _find(self, request: web.Request) -> tuple[Route, dict[str, str]] | None:
        parts = path_parts(request.raw_path)
        size = len(self._prefix)
        if [part.lower() for part in parts[:size]] != self._prefix:
            return None
        for route in self._routes:
            parameters = route.match(request.method, parts[size:])
            if parameters is not None:
                return route, dict(parameters)
        return None


def path_parts(raw_path: str) -> list[str]:
    """Return the decoded parts of a path; an encoded slash stays encoded, as ASP.NET leaves it."""
    parts = raw_path.partition("?")[0].split("/")
    return ["%2F".join(unquote(piece) for piece in _SLASH.split(part)) for part in parts if part]


_SLASH = re.compile("%2f", re.IGNORECASE)


def _headers(request: web.Request) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


async def _to_rpc(request: web.Request, parameters: dict[str, str], headers: dict[str, str]) -> RpcHttp:
    return RpcHttp(
        method=request.method,
        url=str(request.url),
        headers=headers,
        params=parameters,
        query=dict(request.query),
        body=TypedData(bytes=await request.read()),
    )


def _to_response(value: TypedData | None) -> web.Response:
    if value is None:
        return web.Response(status=204)
    if value.http is not None:
        return _from_rpc(value.http)
    if value.json is not None:
        return web.Response(text=value.json, content_type="application/json")
    if value.bytes is not None:
        return web.Response(body=value.bytes, content_type="application/octet-stream")
    return web.Response(text=value.string or "")


def _from_rpc(answer: RpcHttp) -> web.Response:
    body = answer.body.bytes if answer.body is not None else None
    response = web.Response(status=int(answer.status_code), body=body)
    for name, value in answer.headers.items():
        response.headers[name] = value
    for cookie in answer.cookies or ():
        _set_cookie(response, cookie)
    return response


_SAME_SITE = {1: "Lax", 2: "Strict", 3: "None"}


def _set_cookie(response: web.Response, cookie: RpcHttpCookie) -> None:
    response.set_cookie(
        cookie.name,
        cookie.value,
        domain=cookie.domain.value if cookie.domain and cookie.domain.value else None,
        path=cookie.path.value if cookie.path and cookie.path.value else "/",
        secure=cookie.secure.value if cookie.secure else None,
        httponly=cookie.http_only.value if cookie.http_only else None,
        max_age=int(cookie.max_age.value) if cookie.max_age else None,
        samesite=_SAME_SITE.get(cookie.same_site),
    )
