"""One frame for all commands: an error of Headcount's is one line on stderr and an exit code."""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys

import pytest

import jobs
from cluster.core.errors import (
    BadSetting,
    DatabaseUnavailable,
    DatabaseUnusable,
    HeadcountError,
    NotFound,
    PackNotFound,
    RootEmpty,
    RootUnreachable,
    SessionBusy,
    SessionRunning,
)
from jobs import control, erase, library, regroup, status, train
from jobs.running.command import (
    BAD_ARGUMENTS,
    EXIT_CODES,
    FAILED,
    INTERRUPTED,
    as_command,
    run_command,
)

ERRORS: tuple[HeadcountError, ...] = (
    BadSetting("--root", "name it."),
    RootEmpty("/photos", "holds no photo."),
    RootUnreachable("/photos", 60.0),
    PackNotFound("x", "there is none."),
    NotFound("session", 7),
    SessionBusy(7),
    SessionRunning(7),
    DatabaseUnusable("The tables are damaged."),
)
CODES = {
    "train": (2, 2, 2, 2, 2, 2, 2, 1),
    "regroup": (2, 1, 1, 1, 2, 2, 2, 1),
    "control": (2, 1, 1, 1, 2, 1, 1, 1),
    "erase": (2, 1, 1, 1, 2, 1, 1, 1),
    "library": (2, 2, 1, 1, 2, 1, 1, 1),
    "status": (2, 2, 2, 2, 2, 2, 2, 2),
}
COMMANDS = {
    "train": (train, ["--root", "/photos"]),
    "regroup": (regroup, []),
    "control": (control, ["pause", "7"]),
    "erase": (erase, ["--session", "7", "--yes"]),
    "library": (library, []),
    "status": (status, ["7"]),
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_an_error_ends_a_command_with_its_code_and_one_line(
    name: str, number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ERRORS[number]

    command, arguments = COMMANDS[name]
    monkeypatch.setattr(command, "load_settings", fail)
    assert command.main(arguments) == CODES[name][number]
    assert capsys.readouterr().err == f"headcount: {ERRORS[number]}\n"


def test_a_job_that_comes_too_late_has_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(options: argparse.Namespace) -> int:
        raise SessionBusy(7)

    monkeypatch.setattr(train, "read_and_run", fail)
    assert train.main(["--resume", "7"]) == BAD_ARGUMENTS
    assert train.main(["--resume", "7", "--if-waiting"]) == 0


def test_an_error_that_is_not_listed_has_the_code_of_its_parent() -> None:
    assert SessionRunning not in EXIT_CODES

    def fail() -> int:
        raise SessionRunning(7)

    assert run_command(fail) == FAILED
    assert run_command(fail, exit_codes={SessionBusy: BAD_ARGUMENTS}) == BAD_ARGUMENTS
    assert run_command(fail, exit_codes={SessionBusy: BAD_ARGUMENTS, SessionRunning: 5}) == 5


def test_what_is_no_error_of_ours_is_not_handled_here() -> None:
    def fail() -> int:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        run_command(fail)


def test_an_error_that_ctrl_c_caused_ends_as_ctrl_c_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def work() -> int:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as interrupt:
            raise DatabaseUnavailable("no answer") from interrupt

    assert run_command(work) == INTERRUPTED
    assert capsys.readouterr().err == ""


def test_an_error_that_is_its_own_cause_is_told() -> None:
    error = RootEmpty("/photos", "no photo in it")

    def work() -> int:
        raise error from error

    assert run_command(work) == FAILED


@pytest.mark.parametrize("program", ["-m", "python -m pytest", ""])
def test_only_the_imports_of_a_command_are_without_garbage_collection(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [program])
    try:
        importlib.reload(jobs)
        assert gc.isenabled() == (program != "-m")
    finally:
        gc.enable()


def test_a_command_collects_garbage_although_its_imports_did_not() -> None:
    umask = os.umask(0)
    gc.disable()
    try:
        assert as_command(lambda: int(gc.isenabled())) == 1
    finally:
        gc.unfreeze()
        gc.enable()
        os.umask(umask)
