"""The tables of a rule file as types: the reader, the JSON Schema and the unknown-key check all follow from them."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from taglock.domain.rule import Action, Scope, Trigger

MAXIMUM_TABLES = 500
"""Rules, and examples, in one file; both are compared with all rules when the file is read."""
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
NAME_EXPECTED = "a name of 1 to 64 letters, digits, '.', '_', '-', starting with a letter or digit"

Name = Annotated[str, Meta(pattern=NAME_PATTERN, extra={"expected": NAME_EXPECTED})]
Globs = Annotated[tuple[str, ...], Meta(min_length=1)]
Turned = Annotated[
    Literal["delete", "write", "list"],
    Meta(extra={"expected": "'delete', 'write' or 'list' (no rule may turn reading off)"}),
]


class TagsTable(Struct, frozen=True, forbid_unknown_fields=True):
    """Which tags: exactly one of semver, glob and regex, minus `exclude`. Case-sensitive."""

    semver: Annotated[str, Meta(description="A range of versions, such as '>=1.0.0 <2' or '^1.4'.")] | UnsetType = UNSET
    glob: Annotated[Globs, Meta(description="Globs over the tag; '!' in front excludes.")] | UnsetType = UNSET
    regex: Annotated[str, Meta(description="A regular expression (RE2) that matches the whole tag.")] | UnsetType = (
        UNSET
    )
    exclude: Annotated[Globs, Meta(description="Globs of tags that never match.")] | UnsetType = UNSET
    prereleases: (
        Annotated[bool, Meta(description="With semver: whether 1.4.2-rc.1 matches. Default false.")] | UnsetType
    ) = UNSET
    variants: (
        Annotated[tuple[str, ...], Meta(description="With semver: suffixes such as 'alpine' that are not prereleases.")]
        | UnsetType
    ) = UNSET


class RuleTable(Struct, frozen=True, forbid_unknown_fields=True):
    """One rule. The first rule that matches decides."""

    name: Annotated[Name, Meta(description="Unique; shown in logs, findings and by explain.")] | UnsetType
    on: (
        Annotated[tuple[Trigger, ...], Meta(min_length=1, description="What triggers the rule. Default ['push'].")]
        | UnsetType
    ) = UNSET
    registries: Annotated[Globs, Meta(description="Globs over login servers. Default all.")] | UnsetType = UNSET
    repositories: (
        Annotated[Globs, Meta(description="Globs over repository names; '**' crosses '/'. Default all.")] | UnsetType
    ) = UNSET
    tags: Annotated[TagsTable, Meta(description="Default any tag.")] | UnsetType = UNSET
    media_types: (
        Annotated[Globs, Meta(description="Globs over the media type of the manifest or index.")] | UnsetType
    ) = UNSET
    artifact_types: (
        Annotated[Globs, Meta(description="Globs over the artifact (or configuration) type.")] | UnsetType
    ) = UNSET
    environments: Annotated[Globs, Meta(description="Globs over the environment of a deployment.")] | UnsetType = UNSET
    action: Annotated[Action, Meta(description="Default 'protect'.")] | UnsetType = UNSET
    scope: Annotated[Scope, Meta(description="Default 'image'.")] | UnsetType = UNSET
    profile: (
        Annotated[Name, Meta(description="What is turned off on the tag (or the repository). Default 'immutable'.")]
        | UnsetType
    ) = UNSET
    manifest_profile: (
        Annotated[Name, Meta(description="What is turned off on every manifest. Default 'undeletable'.")] | UnsetType
    ) = UNSET
    referrers: (
        Annotated[bool, Meta(description="Lock signatures and SBOMs that refer to the image too. Default false.")]
        | UnsetType
    ) = UNSET
    tag: (
        Annotated[bool, Meta(description="Deployments: lock the tag that was deployed too. Default false.")] | UnsetType
    ) = UNSET
    mode: (
        Annotated[
            Literal["report"],
            Meta(
                description="'report': decide and record, change nothing.",
                extra={"expected": "'report' or nothing (whether locks are enforced is decided by TAGLOCK_MODE)"},
            ),
        ]
        | UnsetType
    ) = UNSET


class ProfileTable(Struct, frozen=True, forbid_unknown_fields=True):
    """A lock profile of your own."""

    off: (
        Annotated[tuple[Turned, ...], Meta(min_length=1, description="The attributes that a lock turns off.")]
        | UnsetType
    )


class ExampleTable(Struct, frozen=True, forbid_unknown_fields=True):
    """A decision that this file promises; checked whenever the file is read."""

    expect: Annotated[Name, Meta(description="The name of the rule that decides, or 'none'.")] | UnsetType
    image: Annotated[str, Meta(description="[REGISTRY/]REPOSITORY:TAG, or @DIGEST for a deployment.")] | UnsetType = (
        UNSET
    )
    repository: (
        Annotated[str, Meta(description="[REGISTRY/]REPOSITORY, for rules with scope = 'repository'.")] | UnsetType
    ) = UNSET
    on: Annotated[Trigger, Meta(description="Default 'push'.")] | UnsetType = UNSET
    environment: Annotated[str, Meta(description="The environment of a deployment.")] | UnsetType = UNSET
    media_type: Annotated[str, Meta(description="The media type; '' for none.")] | UnsetType = UNSET
    artifact_type: Annotated[str, Meta(description="The artifact type; '' for none.")] | UnsetType = UNSET


class FileTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The rules by which taglock decides what is a release and how it is locked."""

    version: Annotated[Literal[1], Meta(description="The version of this format.")] | UnsetType
    rule: (
        Annotated[
            tuple[RuleTable, ...],
            Meta(
                min_length=1,
                max_length=MAXIMUM_TABLES,
                description="In order.",
                extra={"expected": f"1 to {MAXIMUM_TABLES} [[rule]] tables"},
            ),
        ]
        | UnsetType
    )
    profile: Annotated[dict[Name, ProfileTable], Meta(description="Profiles by name.")] | UnsetType = UNSET
    example: (
        Annotated[
            tuple[ExampleTable, ...],
            Meta(
                max_length=MAXIMUM_TABLES,
                description="Promises of this file.",
                extra={"expected": f"at most {MAXIMUM_TABLES} [[example]] tables"},
            ),
        ]
        | UnsetType
    ) = UNSET
