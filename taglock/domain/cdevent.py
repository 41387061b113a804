"""CDEvents about services: what a delivery pipeline says that an environment runs.

Source: https://github.com/cdevents/spec/blob/main/continuous-deployment.md and cloudevents-binding.md: in CloudEvents,
`data` is the whole CDEvent. All versions of the four types are read alike: what is needed has not changed since 0.1.
"""

from collections.abc import Mapping

from taglock.domain.deployment import Source, WorkloadDeployed
from taglock.domain.deployment_envelope import DeploymentEvent, workload_key
from taglock.domain.envelope import as_object, inner, optional_text, parse_time, required_text
from taglock.domain.event import NotForUs
from taglock.domain.package_url import image_of_package_url
from taglock.domain.reference import ImageReference
from taglock.errors import InvalidEvent, InvalidReference

REMOVED = "dev.cdevents.service.removed."


def parse_cdevent(event: DeploymentEvent) -> WorkloadDeployed | NotForUs:
    """Return what a service now runs in an environment; nothing when it was removed."""
    context = as_object(event.content.get("context", {}), f"{event.path}.context")
    subject = inner(event.content, "subject", event.path)
    path = f"{event.path}.subject"
    content = inner(subject, "content", path)
    environment = required_text(inner(content, "environment", f"{path}.content"), "id", f"{path}.content.environment")
    images: tuple[ImageReference, ...] = ()
    if not event.event_type.startswith(REMOVED):
        image = _image(event, content, f"{path}.content")
        if image is None:
            return event.ignored("the artifact is no image")
        images = (image,)
    return WorkloadDeployed(
        workload=_workload(context, subject, path, environment),
        environment=environment,
        images=images,
        source=Source.EVENT,
        event_id=event.event_id,
        occurred_at=event.clamped(parse_time(context.get("timestamp")) or event.occurred_at),
    )


def _workload(context: Mapping[str, object], subject: Mapping[str, object], path: str, environment: str) -> str:
    """Return the key of a service in an environment: a service runs in several at a time, each for itself."""
    name = required_text(subject, "id", path)
    resource = workload_key(name)
    if resource != name:
        return resource
    source = optional_text(subject, "source", path) or optional_text(context, "source", "$.context") or ""
    return f"cdevents:{source}#{name}@{environment}"


def _image(event: DeploymentEvent, content: Mapping[str, object], path: str) -> ImageReference | None:
    text = required_text(content, "artifactId", path)
    try:
        return image_of_package_url(text, f"{path}.artifactId", default_registry=event.default_registry)
    except InvalidReference as error:
        raise InvalidEvent(*error.problems) from None
