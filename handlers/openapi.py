"""Somebody asks what can be asked."""

from taglock.domain.http.access import must_have
from taglock.domain.http.exchange import HttpAnswer, HttpRequest
from taglock.domain.http.openapi import document
from taglock.domain.http.principal import Caller, Role
from taglock.enforcement.context import Enforcement


async def openapi(_app: Enforcement, _request: HttpRequest, caller: Caller) -> HttpAnswer:
    """Answer the OpenAPI document."""
    must_have(caller, Role.READ)
    return HttpAnswer(status=200, body=document())
