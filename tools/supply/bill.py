"""`python -m tools.supply.bill`: write the bill of materials of the built package as CycloneDX JSON.

Components are the packages in the package, each with its version, its licence, and the hash of the file that it was
installed from; the package itself is what they are part of. The same package always gives the same bill.
"""

import hashlib
import json
import sys
import uuid
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.errors import ToolFailed
from tools.package.build import PACKAGES, Package, build
from tools.pins import PROJECT
from tools.supply.licence import read_policy

FILE = "taglock.cdx.json"
ON_AZURE = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "extra": ""}
"""What markers of requirements are judged by, beside this interpreter's own version."""


def main() -> int:
    """Build the package, write its bill beside it, and return the exit code."""
    target = PROJECT / "dist"
    try:
        text = bill(build(PROJECT, target))
    except (ToolFailed, OSError) as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 1
    (target / FILE).write_text(text, encoding="utf-8")
    print(f"dist/{FILE}: {len(json.loads(text)['components'])} components")
    return 0


def bill(package: Package) -> str:
    """Return the bill of a package; ToolFailed when it does not keep CycloneDX's own schema."""
    digest = hashlib.sha256(package.archive.read_bytes()).hexdigest()
    found = sorted(distributions(path=[str(package.folder / PACKAGES)]), key=lambda each: each.name.lower())
    own = Component(name="taglock", type=ComponentType.APPLICATION, bom_ref="taglock", hashes=[_sha256(digest)])
    bom = Bom(
        metadata=BomMetaData(component=own),
        serial_number=uuid.uuid5(uuid.NAMESPACE_OID, digest),
        components=[_component(each, package) for each in found],
    )
    _relate(bom, own, found)
    text = _without_time(JsonV1Dot6(bom).output_as_string())
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if problem is not None:
        raise ToolFailed(f"the bill of materials breaks CycloneDX's schema: {problem}")
    return text


def _component(package: Distribution, whole: Package) -> Component:
    name = canonicalize_name(package.name)
    licence = read_policy().licence(package)
    return Component(
        name=name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{name}=={package.version}",
        purl=PackageURL(type="pypi", name=name, version=package.version),
        hashes=[_sha256(whole.dependencies.hashes[name])],
        licenses=[LicenseFactory().make_from_string(licence)] if licence else (),
    )


def _relate(bom: Bom, own: Component, found: list[Distribution]) -> None:
    by_name = {component.name: component for component in bom.components}
    needed: set[str] = set()
    for package in found:
        names = set(_needs(package)) & by_name.keys()
        needed |= names
        bom.register_dependency(by_name[canonicalize_name(package.name)], [by_name[name] for name in sorted(names)])
    bom.register_dependency(own, [by_name[name] for name in sorted(by_name.keys() - needed)])


def _needs(package: Distribution) -> Iterator[str]:
    for text in package.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate(ON_AZURE):
            yield canonicalize_name(requirement.name)


def _sha256(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)


def _without_time(text: str) -> str:
    tree: dict[str, Any] = json.loads(text)
    del tree["metadata"]["timestamp"]  # the library always writes one, and the schema asks for none
    return json.dumps(tree, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.exit(main())
