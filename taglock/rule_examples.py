"""The `[[example]]` tables of a rule file: read into examples, and held against the rules."""

from collections.abc import Iterator
from difflib import get_close_matches

from msgspec import UNSET, UnsetType

from taglock.domain.example import NO_RULE, broken_promise, judge
from taglock.domain.reference import ImageReference, LoginServer, parse_reference
from taglock.domain.rule import Example, RuleSet, Scope, Trigger
from taglock.errors import InvalidConfiguration, InvalidInput, Problem
from taglock.rule_tables import ExampleTable
from taglock.table_reader import shown

IMAGE_EXPECTED = "[REGISTRY/]REPOSITORY:TAG (for a deployment [REGISTRY/]REPOSITORY[:TAG][@DIGEST])"
REPOSITORY_EXPECTED = "[REGISTRY/]REPOSITORY"
IMAGE_ONLY = ("on", "environment", "media_type", "artifact_type")
_NO_REGISTRY = "any.registry.invalid"


def build_example(table: ExampleTable, path: str) -> Example:
    """Return the example of a table or raise InvalidConfiguration with every problem."""
    problems = list(_complaints(table, path))
    if problems:
        raise InvalidConfiguration(*problems)
    if not isinstance(table.repository, UnsetType):
        return _repository_example(table, table.repository, f"{path}.repository")
    return _image_example(table, _or_none(table.image) or "", f"{path}.image")


def broken_promises(rules: RuleSet, path: str = "$.example") -> Iterator[Problem]:
    """Yield a problem for each example that does not hold; the paths count from the first example."""
    names, by = [rule.name for rule in rules.rules], judge(rules)
    for index, example in enumerate(rules.examples):
        if example.expect != NO_RULE and example.expect not in names:
            near = get_close_matches(example.expect, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"expected the name of a rule or {NO_RULE!r}"
            yield Problem(f"{path}[{index}].expect", f"{shown(example.expect)} is no rule, {hint}")
        elif (complaint := broken_promise(by, example)) is not None:
            yield Problem(f"{path}[{index}]", f"{spelled(example)} {complaint}")


def spelled(example: Example) -> str:
    """Return what the example is about, such as `deployment of prod/api:1.4.2`."""
    registry = f"{example.registry}/" if example.registry is not None else ""
    tag = f":{example.tag}" if example.tag is not None else ""
    about = f"{example.trigger} of" if example.scope is Scope.IMAGE else "repository"
    return f"{about} {registry}{example.repository}{tag}"


def _complaints(table: ExampleTable, path: str) -> Iterator[Problem]:
    if (table.image is UNSET) == (table.repository is UNSET):
        yield Problem(path, "expected exactly one of image, repository")
    if table.repository is not UNSET:
        for key in IMAGE_ONLY:
            if getattr(table, key) is not UNSET:
                yield Problem(f"{path}.{key}", "has no meaning with repository, expected it left out")
    elif table.environment is not UNSET and table.on is not Trigger.DEPLOYMENT:
        yield Problem(f"{path}.environment", "is about deployments, expected on = 'deployment'")


def _repository_example(table: ExampleTable, text: str, path: str) -> Example:
    reference, registry = _reference(text, path, REPOSITORY_EXPECTED)
    if reference.tag is not None or reference.digest is not None:
        raise InvalidConfiguration.at(path, text, REPOSITORY_EXPECTED)
    return Example(
        expect=_or_none(table.expect) or NO_RULE,
        registry=registry,
        repository=reference.repository,
        scope=Scope.REPOSITORY,
    )


def _image_example(table: ExampleTable, text: str, path: str) -> Example:
    reference, registry = _reference(text, path, IMAGE_EXPECTED)
    trigger = _or_none(table.on) or Trigger.PUSH
    if reference.tag is None and (trigger is Trigger.PUSH or reference.digest is None):
        raise InvalidConfiguration.at(path, text, IMAGE_EXPECTED)
    return Example(
        expect=_or_none(table.expect) or NO_RULE,
        registry=registry,
        repository=reference.repository,
        tag=reference.tag,
        trigger=trigger,
        media_type=_or_none(table.media_type),
        artifact_type=_or_none(table.artifact_type),
        environment=_or_none(table.environment),
    )


def _reference(text: str, path: str, expected: str) -> tuple[ImageReference, LoginServer | None]:
    # The rule that docker uses: the first part is a host when it has a dot or a port, or is `localhost`.
    first, slash, _ = text.partition("/")
    named = bool(slash) and ("." in first or ":" in first or first == "localhost")
    try:
        reference = parse_reference(text if named else f"{_NO_REGISTRY}/{text}", path)
    except InvalidInput as error:
        raise InvalidConfiguration.at(path, text, expected) from error
    return reference, reference.registry if named else None


def _or_none[T](value: T | UnsetType) -> T | None:
    return None if isinstance(value, UnsetType) else value
