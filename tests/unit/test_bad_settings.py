"""An invalid setting is reported in one sentence, before anything is started."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.core.errors import BadSetting
from cluster.server_settings import check_exposure
from cluster.settings import (
    load_settings,
    name_namespace,
    settings_as_environment,
    settings_as_options,
)
from jobs.running.command import BAD_ARGUMENTS
from jobs.train import main

Make = Callable[[Path], dict[str, str]]


def write_config(content: bytes) -> Make:
    def make(folder: Path) -> dict[str, str]:
        file = folder / "settings.yaml"
        file.write_bytes(content)
        return {"HEADCOUNT_CONFIG": str(file)}

    return make


def give(**variables: str) -> Make:
    return lambda folder: {k: v.replace("FOLDER", str(folder)) for k, v in variables.items()}


TABLE: dict[str, tuple[Make, str]] = {
    "an empty token": (give(HEADCOUNT_API_TOKEN=""), "api_token: it is empty"),
    "a blank token": (give(HEADCOUNT_API_TOKEN="  "), "api_token: it is empty"),
    "a token with a space": (give(HEADCOUNT_API_TOKEN="a b"), "visible ASCII"),
    "all interfaces without a token": (
        give(HEADCOUNT_HOST="0.0.0.0"),
        "HEADCOUNT_ALLOW_WITHOUT_TOKEN",
    ),
    "all interfaces, IPv6, without a token": (
        give(HEADCOUNT_HOST="::"),
        "HEADCOUNT_ALLOW_WITHOUT_TOKEN",
    ),
    "a page without Ray's dashboard": (
        give(HEADCOUNT_RAY_DASHBOARD="false"),
        "HEADCOUNT_SERVE_ENABLED=false",
    ),
    "no such file of settings": (give(HEADCOUNT_CONFIG="FOLDER/none"), "there is no file"),
    "settings that are a folder": (give(HEADCOUNT_CONFIG="FOLDER"), "there is no file"),
    "settings that are no YAML": (write_config(b"a: [1"), "cannot be read as settings"),
    "settings that are a list": (write_config(b"- a\n- b\n"), "cannot be read as settings"),
    "settings that are no text": (write_config(b"\xff\xfe\x00"), "cannot be read as settings"),
    "an unknown setting in a file": (write_config(b"prot: 1\n"), "Did you mean port"),
    "an unknown setting": (give(HEADCOUNT_PROT="1"), "Did you mean HEADCOUNT_PORT"),
    "a pack that is not there": (give(HEADCOUNT_PACK="none"), "make models PACK=none"),
    "a root over HTTP with a password": (
        give(HEADCOUNT_ALLOWED_ROOTS="https://me:secret@host/photos"),
        "would be stored and shown",
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_bad_setting_is_told_in_one_sentence(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make, said = TABLE[name]
    for variable in [v for v in os.environ if v.startswith(("HEADCOUNT_", "RAY_"))]:
        monkeypatch.delenv(variable)
    for variable, value in make(tmp_path).items():
        monkeypatch.setenv(variable, value)
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "one.jpg").touch()
    assert main(["--root", str(photos)]) == BAD_ARGUMENTS
    printed = capsys.readouterr()
    assert said in printed.err
    assert "secret" not in printed.err
    assert len(printed.err.splitlines()) == 1
    assert printed.out == ""


def test_all_interfaces_may_be_opened_without_a_token_when_that_is_said_outright(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HEADCOUNT_HOST", "0.0.0.0")
    with pytest.raises(BadSetting):
        check_exposure(load_settings())
    monkeypatch.setenv("HEADCOUNT_ALLOW_WITHOUT_TOKEN", "true")
    monkeypatch.setenv("HEADCOUNT_API_TOKEN", "")
    settings = load_settings()
    check_exposure(settings)
    check_exposure(settings, is_cluster=True)
    assert settings.api_token is None


def test_a_cluster_serves_nothing_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSetting, match="a cluster"):
        check_exposure(load_settings(), is_cluster=True)
    monkeypatch.setenv("HEADCOUNT_API_TOKEN", "a-token")
    check_exposure(load_settings(), is_cluster=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_an_address_on_loopback_needs_no_token(host: str) -> None:
    check_exposure(load_settings(options={"host": host}))


def test_what_crosses_a_process_border_holds_no_secret() -> None:
    options = {"api_token": "a-token", "database_url": "postgresql://me:word@host/db"}
    settings = load_settings(options=options)
    for between in (settings_as_options(settings), settings_as_environment(settings)):
        assert "a-token" not in str(between)
        assert "word@" not in str(between)


def test_roots_are_parted_where_a_path_or_a_url_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    roots = ["/srv/a b", "http://host:8080/photos", "s3://bucket/x", "/srv/c:d", "~/Pictures"]
    monkeypatch.setenv("HEADCOUNT_ALLOWED_ROOTS", ":".join(roots))
    home = os.path.expanduser("~")
    assert load_settings().allowed_roots == [*roots[:-1], f"{home}/Pictures"]


def test_the_namespace_of_a_library_does_not_depend_on_its_password() -> None:
    urls = ["postgresql://me:one@host/db", "postgresql://me@host/db?password=two"]
    assert len({name_namespace(url) for url in urls}) == 1
    assert name_namespace(urls[0]) != name_namespace("postgresql://me@host/other")
