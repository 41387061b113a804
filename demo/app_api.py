"""The app's own HTTP functions, called with the host's key."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

from demo.cloud import open_directly

TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAnswer:
    """What the app answered: status and JSON object."""

    status: int
    document: Mapping[str, Any]


class AppApi:
    """Calls the Functions host that a state file describes, over plain HTTP on this machine."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._endpoint = state["functions"]["endpoint"]
        self._key = state["functions"]["keys"]["default"]

    def post(self, path: str, body: Mapping[str, object]) -> AppAnswer:
        """Call a function and return its answer whatever its status."""
        headers = {"Content-Type": "application/json", "x-functions-key": self._key}
        content = json.dumps(body).encode()
        request = Request(f"{self._endpoint}/api/{path}", method="POST", data=content, headers=headers)
        try:
            with open_directly(request, timeout=TIMEOUT_SECONDS) as answer:
                return AppAnswer(status=answer.status, document=json.load(answer))
        except HTTPError as refused:
            return AppAnswer(status=refused.code, document=json.load(refused))
