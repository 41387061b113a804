"""The JSON Schema of the rule file, for editors; generated from the types that read it."""

import msgspec

from taglock.rule_tables import FileTable

TITLE = "taglock rules"


def json_schema() -> dict[str, object]:
    """Return the JSON Schema (2020-12) of the rule file.

    It knows keys, types, names and which patterns exclude each other. Globs, ranges, regular expressions, profiles and
    examples are judged by `python -m taglock check`.
    """
    schema = msgspec.json.schema(FileTable)
    tables = schema["$defs"]
    tables["TagsTable"]["oneOf"] = [{"required": [key]} for key in ("semver", "glob", "regex")]
    tables["ExampleTable"]["oneOf"] = [{"required": [key]} for key in ("image", "repository")]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        "description": FileTable.__doc__,
        **schema,
    }
