"""Somebody wants to see how all registries are."""

from taglock.domain.http.access import must_have
from taglock.domain.http.exchange import HttpAnswer, HttpRequest
from taglock.domain.http.principal import Caller, Role
from taglock.enforcement.audit.overview import read_overview
from taglock.enforcement.context import Enforcement
from taglock.errors import InvalidRequest
from taglock.reporting.policy import SERVING_HEADERS

HTML, JSON = "html", "json"


async def reports(app: Enforcement, request: HttpRequest, caller: Caller) -> HttpAnswer:
    """Answer what is known of every registry as a page, or with `?format=json`; raises InvalidRequest and Failed."""
    must_have(caller, Role.READ)
    wanted = request.query.get("format", HTML)
    if wanted not in (HTML, JSON):
        raise InvalidRequest.at("?format", wanted, f"{HTML} or {JSON}")
    from taglock.reporting.overview import overview_html, overview_json

    found = await read_overview(app)
    if wanted == JSON:
        return HttpAnswer(status=200, body=overview_json(found))
    return HttpAnswer(
        status=200,
        body=overview_html(found).encode(),
        content_type=SERVING_HEADERS["Content-Type"],
        more_headers=SERVING_HEADERS,
    )
