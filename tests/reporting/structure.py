"""What a page is made of, as a parser of HTML sees it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br"}


@dataclass
class Structure(HTMLParser):
    """Elements with the names of their attributes, in order; texts; attributes with their values."""

    elements: list[tuple[str, ...]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    raw: dict[str, list[str]] = field(default_factory=lambda: {"script": [], "style": []})
    odd: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, *(name for name, _ in attrs)))
        self.attributes.extend((tag, name, value or "") for name, value in attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, *(name for name, _ in attrs)))
        self.attributes.extend((tag, name, value or "") for name, value in attrs)

    def handle_endtag(self, tag: str) -> None:
        self.elements.append((f"/{tag}",))
        if not self._open or self._open.pop() != tag:
            self.odd.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in self.raw:
            self.raw[self._open[-1]].append(data)
        elif data.strip():
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.odd.append(f"<!--{data}-->")


def structure_of(page: str) -> Structure:
    """Return what a page is made of."""
    parser = Structure()
    parser.feed(page)
    parser.close()
    return parser
