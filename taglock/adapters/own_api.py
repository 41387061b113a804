"""Call the app's own HTTP functions with the user's own token, so that actor, roles and two-person rule hold."""

import json
import logging
import os
from collections.abc import Mapping
from typing import Any

from taglock.adapters.credential import open_credential
from taglock.domain.http.own_api import Answered, Api
from taglock.errors import CallFailed, shortened

SECONDS = 60.0
LARGEST_ANSWER = 64 * 1024 * 1024


async def called(api: Api, method: str, path: str, *, body: Mapping[str, Any] | None) -> Answered:
    """Call one function; raise CallFailed when there is no answer.

    No redirect is followed: the token is for this app alone.
    """
    import aiohttp

    url = f"{api.endpoint}/api/{path}"
    try:
        headers = {"Accept": "application/json, application/problem+json", **await _signed_in(api)}
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS), trust_env=True) as session,
            session.request(method, url, json=body, headers=headers, allow_redirects=False) as answer,
        ):
            return Answered(answer.status, _members(await answer.content.read(LARGEST_ANSWER)))
    except (aiohttp.ClientError, TimeoutError) as error:
        raise CallFailed(f"{method} {url}: {type(error).__name__}: {error}") from None


def _members(text: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(text) if text.strip() else {}
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    return {"title": "not an answer of taglock", "detail": shortened(text.decode(errors="replace"))}


async def _signed_in(api: Api) -> Mapping[str, str]:
    if api.key:
        return {"x-functions-key": api.key}
    from azure.core.exceptions import ClientAuthenticationError

    logging.getLogger("azure.identity").setLevel(logging.CRITICAL)  # it tells the same as the error, over several lines

    async with open_credential(client_id=os.environ.get("AZURE_CLIENT_ID")) as credential:
        try:
            token = await credential.get_token(api.scope)
        except ClientAuthenticationError as error:
            raise CallFailed(f"signing in for {api.scope!r} failed: {error.message}") from None
    return {"Authorization": f"Bearer {token.token}"}
