"""Run a workflow definition as far as the notifications need it: compose, post, and the expressions between.

The functions are those of https://learn.microsoft.com/azure/logic-apps/workflow-definition-language-functions-reference;
what is not here fails, so a definition cannot use what nobody looked up.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>\d+)|(?P<name>\w+)|(?P<sign>\?\[|[\[\](),]))")
WHOLE = re.compile(r"@(?!\{)(.*)", re.DOTALL)


def text_of(value: Any) -> str:
    """Return a value as it stands within a text: null is nothing, what is no text is JSON."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64ToString": lambda text: b64decode(text).decode(),
    "coalesce": lambda *values: next((value for value in values if value is not None), None),
    "concat": lambda *values: "".join(text_of(value) for value in values),
    "json": json.loads,
    "length": len,
    "min": min,
    "replace": lambda text, old, new: text_of(text).replace(old, new),
    "string": text_of,
    "substring": lambda text, start, length: text[start : start + length],
}


@dataclass
class Run:
    """One run of a workflow: its trigger's body, its parameters, and what its actions gave."""

    body: Any
    parameters: Mapping[str, Any]
    outputs: dict[str, Any] = field(default_factory=dict)

    def of(self, definition: Mapping[str, Any]) -> Any:
        """Run the actions in their order and return the inputs of the last one, expressions filled in."""
        for name, action in definition["actions"].items():
            assert set(action["runAfter"]) <= set(self.outputs), f"{name} runs after what did not run"
            self.outputs[name] = self.filled(action["inputs"])
        return self.outputs[name]

    def filled(self, value: Any) -> Any:
        """Return a value with its expressions evaluated."""
        if isinstance(value, Mapping):
            return {key: self.filled(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.filled(inner) for inner in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> Any:
        if whole := WHOLE.fullmatch(text):
            return self._evaluated(whole[1])
        pieces = re.split(r"@\{(.*?)\}", text)
        return "".join(text_of(self._evaluated(each)) if odd % 2 else each for odd, each in enumerate(pieces))

    def _evaluated(self, expression: str) -> Any:
        tokens = [(str(each.lastgroup), each[0].strip()) for each in TOKEN.finditer(expression)]
        assert "".join(text for _, text in tokens) == re.sub(r"\s+(?=(?:[^']*'[^']*')*[^']*$)", "", expression)
        value = self._term(tokens)
        assert not tokens, f"{expression}: what is {tokens}?"
        return value

    def _term(self, tokens: list[tuple[str, str]]) -> Any:
        kind, text = tokens.pop(0)
        value: Any = int(text) if kind == "number" else text[1:-1].replace("''", "'") if kind == "text" else None
        if kind == "name":
            value = self._called(text, self._arguments(tokens))
        while tokens and tokens[0][1] in ("?[", "["):
            _, bracket = tokens.pop(0)
            key = self._term(tokens)
            assert tokens.pop(0)[1] == "]"
            value = value[key] if bracket == "[" else value.get(key) if value is not None else None
        return value

    def _arguments(self, tokens: list[tuple[str, str]]) -> list[Any]:
        assert tokens.pop(0)[1] == "("
        found = []
        while tokens[0][1] != ")":
            found.append(self._term(tokens))
            if tokens[0][1] == ",":
                tokens.pop(0)
        tokens.pop(0)
        return found

    def _called(self, name: str, arguments: list[Any]) -> Any:
        if name == "triggerBody":
            return self.body
        if name in ("parameters", "outputs"):
            return (self.parameters if name == "parameters" else self.outputs)[arguments[0]]
        return FUNCTIONS[name](*arguments)
