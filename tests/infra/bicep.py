"""Read the Bicep files: what they declare (by pycep, an independent parser) and what they refer to (by their tokens).

pycep's tree does not tell a name from a string with the same letters, so references are read from the text.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pycep import BicepParser

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"

TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<text>'''.*?'''|'(?:\\.|[^'\\])*')"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<number>\d+)|(?P<sign>.)""",
    re.DOTALL,
)
INTERPOLATED = re.compile(r"(?<!\\)\$\{([^}]*)\}")
KEYWORDS = frozenset(
    {
        *("targetScope", "param", "var", "resource", "module", "output", "existing", "for", "in", "if"),
        *("true", "false", "null", "string", "object", "array", "int", "bool"),
    }
)
DECLARED = re.compile(r"(?m)^(?:param|var|resource|module) (\w+)\b")
LOOPED = re.compile(r"\[for (?:\((\w+), (\w+)\)|(\w+)) in ")


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `first` is whether it begins a line or an object, where a name before a colon is a key."""

    kind: str
    text: str
    first: bool


@dataclass(frozen=True)
class Template:
    """One Bicep file."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def parsed(self) -> Mapping[str, Any]:
        """What pycep says that the file declares."""
        return parser().parse(text=self.text)

    def declared(self, kind: str) -> Mapping[str, Any]:
        """Return the declarations of a kind: parameters, variables, resources, modules or outputs."""
        found: Mapping[str, Any] = self.parsed.get(kind, {})
        return found

    @property
    def resources(self) -> Mapping[str, Any]:
        return self.declared("resources")

    @property
    def modules(self) -> Mapping[str, Any]:
        return self.declared("modules")

    def value(self, variable: str) -> Any:
        """Return a variable whose value holds nothing but literals."""
        return self.declared("variables")[variable]["value"]

    @property
    def names(self) -> frozenset[str]:
        """Every name that an expression of the file may use."""
        looped = {name for found in LOOPED.findall(self.text) for name in found if name}
        return frozenset(DECLARED.findall(self.text)) | looped

    def references(self) -> Iterator[tuple[str, ...]]:
        """Yield what expressions refer to: a name and the properties behind it (`app.outputs.id`)."""
        yield from references(self.text)

    def __str__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


@cache
def parser() -> BicepParser:
    """Return the one parser: to make it costs more than all the parsing."""
    return BicepParser(cache=False)


def references(text: str) -> Iterator[tuple[str, ...]]:
    """Yield each chain `name.property.property` of a text, those inside strings included."""
    tokens = list(_tokens(text))
    for index, token in enumerate(tokens):
        if token.kind == "text":
            for inner in INTERPOLATED.findall(token.text):
                yield from references(f" {inner}")
        if token.kind == "name" and _refers(tokens, index):
            yield _chain(tokens, index)


def _refers(tokens: list[Token], index: int) -> bool:
    token, before = tokens[index], tokens[index - 1].text if index else ""
    after = tokens[index + 1].text if index + 1 < len(tokens) else ""
    if before == "?" and index > 1 and tokens[index - 2].text == ".":  # a property that may be missing: `a.?b`
        return False
    if token.text in KEYWORDS or before in (".", "@", "var", "param", "resource", "module", "output"):
        return False
    return not (after == ":" and token.first) and after != "("


def _chain(tokens: list[Token], index: int) -> tuple[str, ...]:
    chain = [tokens[index].text]
    index += 1
    while index < len(tokens):
        if tokens[index].text == "[":  # an element of a loop
            index = next(at for at in range(index, len(tokens)) if tokens[at].text == "]") + 1
        elif tokens[index].text == "." and tokens[index + 1].kind == "name":
            chain.append(tokens[index + 1].text)
            index += 2
        else:
            break
    return tuple(chain)


def _tokens(text: str) -> Iterator[Token]:
    first = True
    for found in TOKEN.finditer(text):
        kind = str(found.lastgroup)
        if kind == "space":
            first = first or "\n" in found.group()
        elif kind != "comment":
            yield Token(kind, found.group(), first)
            first = found.group() in ("{", ",")


def unwrapped(config: Any) -> Any:
    """Return the body of a resource or module without its loop and condition."""
    while isinstance(config, Mapping) and "config" in config and {"loop_type", "condition"} & config.keys():
        config = config["config"]
    return config


def walked(value: Any) -> Iterator[Any]:
    """Yield a value and everything in it."""
    yield value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for each in inner:
        yield from walked(each)


@cache
def templates() -> tuple[Template, ...]:
    """Return every Bicep file."""
    return tuple(Template(path) for path in sorted(INFRA.rglob("*.bicep")))


def template(name: str | Path) -> Template:
    """Return the file with a path below infra/; StopIteration when there is none."""
    wanted = (INFRA / name).resolve()
    return next(each for each in templates() if each.path == wanted)


def module_of(caller: Template, module: Mapping[str, Any]) -> Template:
    """Return the file that a module declaration calls."""
    return template(caller.path.parent / module["detail"]["path"])
