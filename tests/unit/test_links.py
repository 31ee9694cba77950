"""The link that a run prints."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest

from serve.links import page_link

URL = "http://127.0.0.1:8000"


def test_the_token_stands_after_the_number_sign_where_no_request_carries_it() -> None:
    assert page_link(URL, "correct-horse") == f"{URL}/#token=correct-horse"
    assert page_link(f"{URL}/docs", "correct-horse") == f"{URL}/docs#token=correct-horse"


def test_without_a_token_the_link_is_the_address() -> None:
    assert page_link(URL, None) == URL


@pytest.mark.parametrize("token", ["a b", "#&=?/%", "[red]x[/red]", "ö日😀", "%41", "a\nb"])
def test_any_token_comes_back_from_its_link(token: str) -> None:
    parts = urlsplit(page_link(URL, token))
    assert (parts.path, parts.query) == ("/", "")
    assert unquote(parts.fragment.removeprefix("token=")) == token
    assert parts.fragment.isascii()
