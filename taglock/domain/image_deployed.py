"""`Taglock.ImageDeployed`: our own small event for deployers that have none (docs/image-deployed.schema.json)."""

from collections.abc import Mapping

from taglock.domain.deployment import Source, WorkloadDeployed
from taglock.domain.deployment_envelope import DeploymentEvent, workload_key
from taglock.domain.envelope import optional_text, required_text
from taglock.domain.reference import ImageReference
from taglock.domain.running_image import running_image
from taglock.errors import InvalidEvent, InvalidReference, Problem

FIELDS = ("workload", "images", "environment", "deployer")
MAXIMUM_IMAGES = 500


def parse_image_deployed(event: DeploymentEvent) -> WorkloadDeployed:
    """Return the complete set of images that a workload runs; raise InvalidEvent with every problem of `images`."""
    content, path = event.content, event.path
    for field in sorted(content.keys() - FIELDS):
        raise InvalidEvent.at(f"{path}.{field}", content[field], f"only {', '.join(FIELDS)}")
    return WorkloadDeployed(
        workload=workload_key(required_text(content, "workload", path)),
        environment=optional_text(content, "environment", path) or "",
        images=_images(content, path),
        source=Source.EVENT,
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        deployer=optional_text(content, "deployer", path) or "",
    )


def _images(content: Mapping[str, object], path: str) -> tuple[ImageReference, ...]:
    listed = content.get("images")
    if not isinstance(listed, list) or len(listed) > MAXIMUM_IMAGES:
        expected = f"a list of at most {MAXIMUM_IMAGES} image references, empty when the workload ended"
        raise InvalidEvent.at(f"{path}.images", listed, expected)
    images: dict[ImageReference, None] = {}
    problems: list[Problem] = []
    for position, each in enumerate(listed):
        try:
            images[running_image(each, f"{path}.images[{position}]")] = None
        except InvalidReference as error:
            problems += error.problems
    if problems:
        raise InvalidEvent(*problems)
    return tuple(images)
