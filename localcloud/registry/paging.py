"""Listings page by page, with the Link header as recorded: relative, encoded, and forgetful."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from urllib.parse import quote, urlencode

from localcloud.registry.call import Call
from localcloud.registry.options import RegistryOptions
from localcloud.registry.ordered import Dated, Order, Ordered
from localcloud.registry.refusals import Refusal, malformed


@dataclass(frozen=True, slots=True, kw_only=True)
class Page[T]:
    """The entries of one page and the position of the next one, if any."""

    items: list[T]
    size: int
    order: str
    last: str | None

    @property
    def next_query(self) -> str | None:
        """The query of the next page: always an `orderby`, never `digest` or `api-version`; None on the last page."""
        if self.last is None:
            return None
        return urlencode({"last": self.last, "n": self.size, "orderby": self.order})


def acr_page[T: Dated](call: Call, listed: Ordered[T], name: Callable[[T], str], shown: Callable[[T], bool]) -> Page[T]:
    """Return the page of the ACR API that a request asks for."""
    order = _order(call.asked("orderby"))
    size = _size(call.asked("n"), call.options)
    return _page(listed.after(call.asked("last"), order), size, order, (name, shown))


def oci_page[T: Dated](call: Call, listed: Ordered[T], name: Callable[[T], str], shown: Callable[[T], bool]) -> Page[T]:
    """Return the page of the OCI API that a request asks for; `n=0` is an empty page without a next one."""
    text = call.asked("n")
    if text == "0":
        return Page(items=[], size=0, order="", last=None)
    size = _size(text, call.options)
    return _page(listed.after(call.asked("last"), Order.LEXICAL), size, Order.LEXICAL, (name, shown))


def acr_link(page_query: str, *parts: str) -> Mapping[str, str]:
    """Return the Link header of a page of the ACR API; parts are path segments before encoding."""
    path = "/".join(quote(part, safe="") for part in parts)
    return {"Link": f'</acr/v1/{path}?{page_query}>; rel="next"'}


def oci_link(page: Page[object], path: str) -> Mapping[str, str]:
    """Return the Link header of a page of the OCI API."""
    query = urlencode({"last": page.last or "", "n": page.size})
    return {"Link": f'<{path}?{query}>; rel="next"'}


def _page[T](
    found: Iterator[T], size: int, order: Order, read: tuple[Callable[[T], str], Callable[[T], bool]]
) -> Page[T]:
    name, shown = read
    items = list(islice(filter(shown, found), size + 1))
    last = name(items[size - 1]) if len(items) > size else None
    return Page(items=items[:size], size=size, order=order.value, last=last)


def _order(text: str) -> Order:
    try:
        return Order(text)
    except ValueError as error:
        raise malformed(f"orderby is {text!r}, expected none, timeasc or timedesc") from error


def _size(text: str, options: RegistryOptions) -> int:
    if not text:
        return options.page_size_default
    try:
        size = int(text)
    except ValueError as error:
        raise _number_invalid(text) from error
    if size <= 0:
        if options.page_size_not_positive == "refused":
            raise _number_invalid(text)
        return options.page_size_default
    if size > options.page_size_maximum and options.page_size_above_maximum == "refused":
        raise _number_invalid(text)
    return min(size, options.page_size_maximum)


def _number_invalid(text: str) -> Refusal:
    return Refusal(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", {"n": text})
