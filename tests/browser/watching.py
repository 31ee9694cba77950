"""What a page asked for and complained of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page

from tests.waiting import wait_until


@dataclass
class Watcher:
    """Collects requests and complaints; `check` holds that none was foreign and none unexpected."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    expected: list[str] = field(default_factory=list)

    def watch(self, page: Page, *, home: str) -> None:
        """Listen to `page`, whose own host is that of `home`."""
        self.hosts.add(urlsplit(home).netloc)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._take)

    def expect(self, pattern: str) -> None:
        """Allow complaints that match: a browser writes every answer above 399 to its console."""
        self.expected.append(pattern)

    def api_requests(self) -> list[str]:
        """The paths below /api that were asked for, in their order."""
        paths = [urlsplit(url).path for url in self.requests]
        return [path for path in paths if path.startswith("/api/")]

    def wait_for_silence(self, page: Page) -> None:
        """Wait until `page` asks for nothing during five seconds."""

        def is_silent() -> bool:
            asked = len(self.requests)
            page.wait_for_timeout(5_000)
            return len(self.requests) == asked

        wait_until(is_silent, "the page asks for nothing any more")

    def check(self) -> None:
        """No request went to another host, and nobody complained."""
        foreign = [u for u in self.requests if urlsplit(u).netloc not in self.hosts | {""}]
        unexpected = [
            text for text in self.complaints if not any(re.search(e, text) for e in self.expected)
        ]
        assert not foreign, foreign
        assert not unexpected, unexpected

    def _take(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)
