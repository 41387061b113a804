"""The licence of one installed package as an SPDX expression, and whether it is allowed."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from license_expression import AND, ExpressionError, LicenseExpression, Licensing, get_spdx_licensing
from packaging.utils import canonicalize_name

ALLOWED = Path(__file__).with_name("allowed.toml")
_CLASSIFIER = "License :: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What allowed.toml says: allowed identifiers, what classifiers mean, and by package what is mended or excepted."""

    allowed: frozenset[str]
    classifiers: Mapping[str, str]
    mended: Mapping[str, str]
    exceptions: Mapping[str, str]

    def licence(self, package: Distribution) -> str | None:
        """Return the SPDX expression of a package, None when nothing that it says is understood."""
        name = canonicalize_name(package.name)
        said = (self.mended.get(name), package.metadata.get("License-Expression"), *self._older(package))
        return next((text for text in said if text and parsed(text) is not None), None)

    def allows(self, name: str, expression: str) -> bool:
        """Tell whether a package may have a licence: a choice is fine when one side is, a combination when both are."""
        excepted = self.exceptions.get(name)
        tree = parsed(expression)
        return tree is not None and (self._allows(tree) or (excepted is not None and parsed(excepted) == tree))

    def _older(self, package: Distribution) -> tuple[str | None, ...]:
        classifiers = package.metadata.get_all("Classifier") or ()
        known = {self.classifiers.get(each.removeprefix(_CLASSIFIER)) for each in classifiers} - {None}
        return (known.pop() if len(known) == 1 else None, package.metadata.get("License"))

    def _allows(self, tree: LicenseExpression) -> bool:
        if tree.isliteral:
            return str(tree) in self.allowed
        judge = all if isinstance(tree, AND) else any
        return judge(self._allows(each) for each in tree.args)


def read_policy(file: Path = ALLOWED) -> Policy:
    """Return what a file allows."""
    tree: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    return Policy(
        allowed=frozenset(tree["allowed"]),
        classifiers=tree["classifiers"],
        mended={name: entry["licence"] for name, entry in tree["mended"].items()},
        exceptions={name: entry["licence"] for name, entry in tree["exceptions"].items()},
    )


def parsed(text: str) -> LicenseExpression | None:
    """Return an SPDX expression as a tree, None for a text that is none."""
    try:
        return _spdx().parse(text, validate=True, strict=True)
    except ExpressionError:
        return None


@cache
def _spdx() -> Licensing:
    return get_spdx_licensing()
