"""In a browser: the page and everything it needs come from this machine."""

import asyncio
import re
from urllib.parse import urljoin

from tests.conftest import Project
from tests.tui.serve.served import Served, browser, served

LINK = re.compile(r"""(?:href|src)\s*=\s*["']([^"']+)|url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")


async def _everything(server: Served) -> dict[str, tuple[str, str]]:
    """The page and all it links, by address: the headers' policy and the text."""
    found: dict[str, tuple[str, str]] = {}
    waiting = [server.url]
    async with browser(server) as session:
        while waiting:
            url = waiting.pop()
            if url in found or url.startswith("data:"):
                continue
            assert url.startswith(server.url), f"{url} is not on this machine"
            async with session.get(url) as answer:
                assert answer.status == 200, url
                text = (await answer.read()).decode(errors="replace")
                found[url] = (answer.headers["Content-Security-Policy"], text)
            if url.endswith((".css", "/")):
                waiting += [urljoin(url, next(filter(None, link))) for link in LINK.findall(text)]
    return found


def test_the_page_and_everything_it_links_come_from_this_machine(project: Project) -> None:
    with served(project) as server:
        found = asyncio.run(_everything(server))
    kinds = {url.rpartition(".")[2] for url in found if not url.endswith("/")}
    assert kinds >= {"js", "css", "ttf"}
    for url, (policy, text) in found.items():
        assert "default-src 'none'" in policy
        own = server.url.removeprefix("http://").rstrip("/")
        hosts = set(re.findall(r"(?:https?|wss?)://([^\s;'\"/]+)", policy))
        assert hosts <= {own}, policy
        if "/page/" in url or url == server.url:
            assert not re.findall(r"(?:https?:)?//[\w.]+\.\w+", text), url


def test_other_sites_in_the_same_browser_are_kept_out(project: Project) -> None:
    """A page elsewhere may connect to this machine; a name elsewhere may be made to resolve to it."""

    async def answers(server: Served) -> list[int]:
        async with browser(server) as session:
            asked = [
                session.get(server.url, headers={"Host": "example.org"}),
                session.get(f"{server.url}ws", headers={"Origin": "http://example.org"}),
                session.get(f"{server.url}ws", headers={"Origin": "null"}),
                session.get(f"{server.url}page/../server.py"),
                session.get(server.url, headers={"Origin": server.url.rstrip("/")}),
            ]
            return [(await one).status for one in asked]

    with served(project) as server:
        assert asyncio.run(answers(server)) == [403, 403, 403, 404, 200]
