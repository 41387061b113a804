"""Which content a page may have: its own style and its own script by their hashes, and nothing from anywhere."""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType

SERVING_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-scripts"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
)
"""What to send with a page. A browser applies this policy and the stricter one in the page itself, which names the
hashes. They are not repeated here: a page stored by an earlier version has other hashes and must still be readable.
`sandbox` keeps a page away from whatever else its origin serves."""


def content_security_policy(*, style: str, script: str) -> str:
    """Return the policy that a page carries, allowing exactly this style and this script."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "img-src data:",  # the empty icon, or a browser asks the server for one
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
