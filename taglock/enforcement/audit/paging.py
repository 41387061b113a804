"""Go through a list page by page, and notice when it never ends."""

from collections.abc import Awaitable, Callable

from taglock.domain.listing import Page
from taglock.enforcement.audit.asking import Asker
from taglock.errors import UntrustedAnswer


async def each_page[T](
    asker: Asker,
    about: tuple[str, str],
    page_after: Callable[[str], Awaitable[Page[T]]],
    take: Callable[[Page[T]], Awaitable[int]],
) -> None:
    """Hand over each page of a list; `take` returns how many entries of it are new.

    `about` names the repository and what is listed, for errors. Raises RegistryError, and UntrustedAnswer when the list
    goes round in circles.
    """
    after, passed = "", set[str]()
    while True:
        at = after
        page = await asker.ask(lambda: page_after(at))  # noqa: B023  # awaited before `at` changes
        new = await take(page) if page.items else 0
        if page.following is None:
            return
        if page.following in passed or (page.items and not new):
            raise UntrustedAnswer(
                f"the list goes round in circles at {page.following!r}, expected a last page",
                operation=f"list {about[1]}",
                target=about[0],
            )
        passed.add(page.following)
        after = page.following
