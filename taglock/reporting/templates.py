"""The templates of the pages: one style for all, one script for each, and a policy that allows exactly these."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from taglock.reporting.policy import content_security_policy
from taglock.reporting.wording import counted, day, lasting, meaning, moment, shortened, stamp, visible

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent


def page(name: str, **values: object) -> str:
    """Return the page of `NAME.html.j2` with the script `NAME.js`."""
    from markupsafe import Markup

    style, script = _text("page.css"), _text(f"{name}.js")
    policy = content_security_policy(style=style, script=script)
    # Only these two texts are not escaped: they are files of this package, and the policy names their hashes.
    fixed = {"style": Markup(style), "script": Markup(script), "policy": policy}
    return _environment().get_template(f"{name}.html.j2").render(**fixed, **values)


@cache
def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(counted=counted, meaning=meaning, moment=moment, stamp=stamp, visible=visible)
    environment.filters.update(day=day, lasting=lasting, shortened=shortened)
    return environment
