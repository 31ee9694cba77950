"""uv installs exactly the locked packages, whatever a user's settings; pip does if uv cannot."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence

import pytest

from jobs.install import environment_for_uv, install, parse_pip_settings
from tests.house.sources import read_text

LOCKS = ("build.txt", "cpu.txt")


class FakeMachine:
    """Records the commands that are run; a command that contains `fails` fails."""

    def __init__(self, *, fails: str = "nothing") -> None:
        self.fails = fails
        self.ran: list[str] = []

    def __call__(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        line = " ".join(command).replace(f"{sys.executable} -m ", "", 1)
        self.ran.append(line)
        return 1 if self.fails in line else 0

    def programs(self) -> list[str]:
        return [line.split()[0] for line in self.ran]


def test_uv_installs_one_lock_after_the_other_into_this_environment() -> None:
    machine = FakeMachine()
    assert install(LOCKS, {}, pip_settings={}, run=machine) == (True, 0)
    assert machine.programs() == ["pip", "uv", "uv"]
    for line, lock in zip(machine.ran[1:], LOCKS, strict=True):
        assert f"--python {sys.executable} " in line
        assert line.endswith(f"-r {lock}")


def test_uv_and_pip_are_asked_for_the_same() -> None:
    options = {"--no-deps", "--require-hashes", "--no-build-isolation"}
    for machine in (FakeMachine(), FakeMachine(fails="uv pip")):
        install(LOCKS, {}, pip_settings={}, run=machine)
        assert options <= set(machine.ran[-1].split())


def test_uv_itself_is_installed_by_its_hash_and_never_built() -> None:
    machine = FakeMachine()
    install(LOCKS, {}, pip_settings={}, run=machine)
    assert "--require-hashes --only-binary :all: -r " in machine.ran[0]
    assert re.search(r"^uv==[\d.]+ \\\n +--hash=sha256:", read_text("requirements/uv.txt"), re.M)


@pytest.mark.parametrize(
    ("fails", "said"), [("uv.txt", "uv is not available"), ("uv pip", "uv could not install")]
)
def test_pip_installs_where_uv_does_not_and_it_is_said(
    fails: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = FakeMachine(fails=fails)
    assert install(LOCKS, {}, pip_settings={}, run=machine) == (False, 0)
    assert machine.programs()[-2:] == ["pip", "pip"]
    assert said in capsys.readouterr().err


def test_what_pip_cannot_install_either_is_an_error() -> None:
    machine = FakeMachine(fails=" install ")
    assert install(LOCKS, {}, pip_settings={}, run=machine) == (False, 1)


def test_a_pip_that_may_ask_no_index_is_not_gone_around() -> None:
    machine = FakeMachine()
    assert install(LOCKS, {}, pip_settings={"no-index": "true"}, run=machine) == (False, 0)
    assert machine.programs() == ["pip", "pip"]


@pytest.mark.parametrize(
    "name",
    [
        *("VIRTUAL_ENV", "CONDA_PREFIX", "UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_PROJECT"),
        *("UV_NO_VERIFY_HASHES", "UV_CONSTRAINT", "UV_OVERRIDE", "UV_WORKING_DIR", "UV_TARGET"),
    ],
)
def test_no_setting_says_what_uv_installs_or_whereto(name: str) -> None:
    assert name not in environment_for_uv({name: "elsewhere"}, pip_settings={})


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "HTTPS_PROXY", "SSL_CERT_FILE", "UV_CACHE_DIR", "UV_INDEX_OURS_PASSWORD"),
        *("UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_HTTP_TIMEOUT", "UV_INDEX_STRATEGY"),
    ],
)
def test_a_users_setting_of_the_way_holds(name: str) -> None:
    settings = {"cert": "pip.pem", "timeout": "9", "index-url": "https://pip.example/simple"}
    assert environment_for_uv({name: "mine"}, pip_settings=settings)[name] == "mine"


def test_uv_goes_where_pip_was_told_to_go() -> None:
    settings = {
        "index-url": "https://mirror.example/simple",
        "extra-index-url": "\nfile:///srv/one\nfile:///srv/two",
        "find-links": "/srv/wheels /srv/more",
        "cert": "/etc/ours.pem",
        "proxy": "http://proxy.example:3128",
    }
    found = environment_for_uv({}, pip_settings=settings)
    assert found["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert found["UV_INDEX"] == "file:///srv/one file:///srv/two"
    assert found["UV_FIND_LINKS"] == "/srv/wheels,/srv/more"
    assert found["SSL_CERT_FILE"] == "/etc/ours.pem"
    assert found["ALL_PROXY"] == "http://proxy.example:3128"


def test_an_index_that_uv_was_told_of_goes_before_those_of_pip() -> None:
    settings = {"index-url": "https://pip.example/simple", "extra-index-url": "file:///srv/one"}
    found = environment_for_uv(
        {"UV_DEFAULT_INDEX": "https://uv.example/simple"}, pip_settings=settings
    )
    assert found["UV_DEFAULT_INDEX"] == "https://uv.example/simple"
    assert "UV_INDEX" not in found


def test_settings_of_pip_are_read_as_pip_ranks_them() -> None:
    listed = "\n".join(
        [
            ":env:.index-url='https://environment.example/simple'",
            "download.timeout='1'",
            "global.index-url='https://file.example/simple'",
            "global.timeout='60'",
            "global.extra-index-url='\\nfile:///srv/one\\nfile:///srv/two'",
            "install.timeout='90'",
        ]
    )
    assert parse_pip_settings(listed) == {
        "index-url": "https://environment.example/simple",
        "extra-index-url": "\nfile:///srv/one\nfile:///srv/two",
        "timeout": "90",
    }
