"""Call the app's HTTP functions with the user's own token, so that actor, roles and the two-person rule hold."""

import argparse
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from taglock.domain.http.own_api import API, API_KEY, API_SCOPE, Answered, Api
from taglock.errors import InvalidConfiguration

LOOPBACK = ("127.0.0.1", "localhost", "::1")
HELP = f"""
The act is carried out by the app, not from here. Where it is and how you sign in:
  {API}        https://NAME.azurewebsites.net
  {API_SCOPE}  api://CLIENT-ID/.default: sign in with Microsoft Entra as you do for az (or as a workload)
  {API_KEY}    instead of a scope: the function's own key, where TAGLOCK_HTTP_AUTH is key

exit code: 0 done, 1 refused or not possible now, 2 not understood, 3 partly done: due work goes on by itself
"""


def read_api(environment: Mapping[str, str] = os.environ) -> Api:
    """Return where the app is, from the environment; raise InvalidConfiguration."""
    endpoint = environment.get(API, "").strip().rstrip("/")
    scope, key = environment.get(API_SCOPE, "").strip(), environment.get(API_KEY, "").strip()
    parts = urlsplit(endpoint)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not is_safe or not parts.hostname:
        raise InvalidConfiguration.at(API, endpoint, "the https URL of the app, such as https://NAME.azurewebsites.net")
    if bool(scope) == bool(key):
        raise InvalidConfiguration.at(API_SCOPE, "", f"exactly one of {API_SCOPE} and {API_KEY} to be set")
    return Api(endpoint=endpoint, scope=scope, key=key)


async def call(api: Api, method: str, path: str, *, body: Mapping[str, Any] | None = None) -> Answered:
    """Call one function, such as `POST` `quarantine`; raise CallFailed when there is no usable answer."""
    from taglock.adapters.own_api import called

    return await called(api, method, path, body=body)


def about_a_place(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name an image or a repository."""
    parser.add_argument(
        "image", nargs="?", metavar="IMAGE", help="REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@DIGEST"
    )
    parser.add_argument("--repository", metavar="REGISTRY/REPOSITORY", help="a whole repository instead of an image")


def common(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that every act has."""
    parser.add_argument("--reason", metavar="TEXT", help="why; it is kept with the act")
    parser.add_argument("--json", action="store_true", help="print the answer as it came")


def given(**members: object) -> dict[str, object]:
    """Return the members of a body that were given."""
    return {name: value for name, value in members.items() if value not in (None, False)}
