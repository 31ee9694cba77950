"""Checks the settings: where they come from, their values, and their errors.

Invalid values are left out, so that the other checks run with the valid ones.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from cluster.core.errors import BadSetting
from cluster.settings import (
    ENV_PREFIX,
    SECRETS,
    Settings,
    load_settings,
    without_password,
)
from jobs.doctor.checks import Finding, Inquiry, note, ok, problem, warning
from jobs.doctor.privacy import HIDDEN

_TOGETHER = ("weight_", "detectors_")
"""Prefixes of settings that are validated together."""

_CHANNELS = frozenset({"notify", "notify_secret"})

SENDING = {"ORT_DISABLE_TELEMETRY": "1", "RAY_USAGE_STATS_ENABLED": "0"}
"""The variables that stop packages from sending usage data, with their values."""

NAMED = ("RAY_", "PG", "CUDA_", "OMP_", "LD_", "PYTHON", "MALLOC_", "OPENBLAS_", "MKL_")
"""Prefixes of other programs' variables that change how Headcount runs."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The settings, with defaults for those in `left_out`; `error` is the first error in them."""

    settings: Settings
    given: Mapping[str, object]
    error: BadSetting | None = None
    left_out: tuple[str, ...] = ()


class GivenSettings(Settings):
    """Settings from arguments alone."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the arguments as the only source; the environment and files are ignored."""
        return (init_settings,)


@cache
def read_settings(inquiry: Inquiry) -> Reading:
    """Return the settings as the other commands read them, or the valid part of them."""
    given = {**_from_file(inquiry.config_file), **_from_environment(inquiry.environment)}
    try:
        return Reading(load_settings(config=inquiry.config), given)
    except BadSetting as error:
        # A channel is valid text. Whether it can be used depends on other settings.
        wrong = {error.setting} & _CHANNELS & given.keys()
        settings, others = read_usable({k: v for k, v in given.items() if k not in wrong})
        return Reading(settings, given, error, (*wrong, *others))


def read_usable(given: Mapping[str, object]) -> tuple[Settings, tuple[str, ...]]:
    """Return settings from the valid values, and the names of the invalid ones."""
    kept, left_out = dict(given), []
    if not str(kept.get("api_token", "x")).strip():
        left_out.append("api_token")
        del kept["api_token"]
    while True:
        try:
            return GivenSettings(**kept), tuple(left_out)  # type: ignore[arg-type]
        except ValidationError as error:
            wrong = {str(part["loc"][0]) for part in error.errors() if part["loc"]} & set(kept)
            wrong = wrong or {name for name in kept if name.startswith(_TOGETHER)} or set(kept)
            if not wrong:
                raise
            left_out += sorted(wrong)
            kept = {name: value for name, value in kept.items() if name not in wrong}


def _from_file(file: Path | None) -> dict[str, object]:
    try:
        content = None if file is None else yaml.safe_load(file.read_text())
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return {str(k): v for k, v in content.items()} if isinstance(content, dict) else {}


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    fields = {ENV_PREFIX + name.upper(): name for name in Settings.model_fields}
    return {fields[name]: value for name, value in environment.items() if name in fields}


def check(inquiry: Inquiry) -> Iterator[Finding]:
    """Report the file, the settings that differ from the defaults, and errors."""
    reading = read_settings(inquiry)
    yield from check_file(inquiry.config_file, reading)
    if reading.error is not None:
        cure = "Correct or remove it; docs/settings.md lists all settings."
        yield problem(reading.error.setting, str(reading.error), cure)
        left_out = ", ".join(reading.left_out) or "none of the settings could be read"
        yield note("left out", f"in the checks below: {left_out}")
    for name in sorted(reading.given):
        if name in Settings.model_fields and name not in reading.left_out:
            yield ok(name, show_value(name, reading.settings, shows_paths=inquiry.shows_paths))
    if not reading.given:
        yield ok("settings", "all are the defaults")
    yield from check_variables(inquiry.environment)


def check_file(file: Path | None, reading: Reading) -> Iterator[Finding]:
    """Report which file is read, and whether other users can read secrets in it."""
    if file is None:
        yield ok("file", "none; configs/local.yaml would be read")
        return
    yield ok("file", str(file))
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError:
        return  # The error of the settings already says what is wrong with the file.
    holds_secret = SECRETS & set(_from_file(file))
    if mode & 0o077 and holds_secret:
        says = f"others may read it (mode {mode:04o}), and it has {', '.join(sorted(holds_secret))}"
        yield warning("file", says, f"chmod 600 {file}")


def show_value(name: str, settings: Settings, *, shows_paths: bool) -> str:
    """Return a setting's value without secrets, and without folders unless `shows_paths`."""
    value = vars(settings)[name]
    if name in SECRETS:
        return "set (not shown)"
    if name == "allowed_roots" and not shows_paths:
        return f"{len(value)} folders {HIDDEN}" if len(value) != 1 else f"1 folder {HIDDEN}"
    if name == "ray_address" and value is not None:
        return without_password(value)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def check_variables(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Report the variables of other programs that affect Headcount, without their values."""
    for name, value in SENDING.items():
        if environment.get(name, value) != value:
            says = f"{name}={environment[name]} in your environment; Headcount sets it to {value}."
            cure = f"unset {name}: other programs that you start would send usage data."
            yield warning("telemetry", says, cure)
    others = sorted(n for n in environment if n.startswith(NAMED) or n.lower().endswith("_proxy"))
    if others:
        yield note("variables", f"also set: {', '.join(others)}")
