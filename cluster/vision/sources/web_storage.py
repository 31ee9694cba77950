"""fsspec's driver for http:// and https://, which refuses redirects to other places.

A server may redirect to a machine behind the firewall, or to another folder, which a user who may
index one folder of one server must not reach. So a redirect is followed only to https, or to the
same path with a slash at its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import aiohttp
import yarl
from fsspec.implementations.http import HTTPFileSystem

from cluster.core.files.urls import leads_to_itself
from cluster.vision.sources.storage import LeadsElsewhere

_FORBIDDEN = frozenset({401, 403})


class WebFileSystem(HTTPFileSystem):
    """An HTTP file system that raises LeadsElsewhere for a redirect to another place.

    It raises PermissionError for 401 and 403. All options, among them `client_kwargs`, are those of
    fsspec's own driver.
    """

    def __init__(
        self, *arguments: Any, client_kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> None:
        checked = dict(client_kwargs or {})
        checked["trace_configs"] = [*checked.get("trace_configs", []), _watch_redirects()]
        super().__init__(*arguments, client_kwargs=checked, **options)

    async def _info(self, url: str, **options: Any) -> dict[str, Any]:
        try:
            info: dict[str, Any] = await super()._info(url, **options)
        except FileNotFoundError as error:
            # fsspec raises FileNotFoundError for every failure.
            cause = error.__cause__
            if isinstance(cause, LeadsElsewhere):
                raise cause from None
            if isinstance(cause, aiohttp.ClientResponseError) and cause.status in _FORBIDDEN:
                raise PermissionError(f"{url}: the server answers {cause.status}") from None
            raise
        return info

    def _raise_not_found_for_status(self, response: aiohttp.ClientResponse, url: str) -> None:
        if response.status in _FORBIDDEN:
            raise PermissionError(f"{url}: the server answers {response.status}")
        super()._raise_not_found_for_status(response, url)


def _watch_redirects() -> aiohttp.TraceConfig:
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_refuse_other_places)
    return trace


async def _refuse_other_places(
    session: aiohttp.ClientSession,
    context: SimpleNamespace,
    redirect: aiohttp.TraceRequestRedirectParams,
) -> None:
    location = redirect.response.headers.get("Location", "")
    target = redirect.url.join(yarl.URL(location))
    if not leads_to_itself(str(redirect.url), str(target)):
        raise LeadsElsewhere(f"the server redirects to another place, on {target.host}")
