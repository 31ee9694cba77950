"""Settings from defaults, a YAML file, HEADCOUNT_* variables and options; later sources win.

Only entry points (jobs/, serve/app.py) call `load_settings`; other code receives values. Variables
of other programs are in cluster/environment.py.
"""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit, urlunsplit

import yaml
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from cluster.core import defaults
from cluster.core.decisions.backups import BackupKind, BackupPolicy
from cluster.core.errors import BadRoot, BadSetting
from cluster.core.files.paths import is_url
from cluster.core.files.urls import normalise_url
from cluster.core.notices import check_channel
from cluster.core.progress import DEFAULT_WEIGHTS
from cluster.core.sessions import PhaseName
from cluster.environment import PROJECT_DIR
from cluster.setting_values import (
    ExpandedPath,
    Origin,
    split_list,
    split_roots,
    split_words,
)

ENV_PREFIX = "HEADCOUNT_"
LOCAL_CONFIG = PROJECT_DIR / "configs" / "local.yaml"


class Settings(BaseSettings):
    """All settings; docs/settings.md explains each of them."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, extra="forbid", frozen=True, validate_default=True
    )
    config_file: ClassVar[Path | None] = None

    config: ExpandedPath | None = None
    data_dir: ExpandedPath = Path("~/.local/share/headcount")
    database_url: SecretStr | None = None
    backups_enabled: bool = True
    backup_dir: ExpandedPath | None = None
    backup_kind: Literal["decisions", "everything"] = "decisions"
    backup_every_hours: float = Field(24.0, ge=0)
    backup_keep: int = Field(14, ge=1)

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    api_token: SecretStr | None = None
    allow_without_token: bool = False
    search_max_bytes: int = Field(25_000_000, ge=1)
    allowed_roots: Annotated[list[str], NoDecode, BeforeValidator(split_roots)] = ["~"]
    allowed_hosts: Annotated[list[str], NoDecode, BeforeValidator(split_list)] = []
    cors_origins: Annotated[list[Origin], NoDecode, BeforeValidator(split_list)] = []
    ray_address: str | None = None
    ray_dashboard: bool = True
    serve_enabled: bool = True
    main_bar: Literal["work", "time"] = "work"

    notify: Annotated[list[SecretStr], NoDecode, BeforeValidator(split_words)] = []
    notify_secret: SecretStr | None = None
    notify_private: bool = False

    pack: str = "auto"
    models_dir: ExpandedPath = Path(defaults.MODELS_DIR)
    provider: Literal["auto", "cpu", "cuda"] = "auto"

    detectors: int | None = Field(None, ge=1, le=1024)
    detectors_min: int = Field(1, ge=1, le=1024)
    detectors_max: int | None = Field(None, ge=1, le=1024)
    detector_resource: str | None = None
    detector_cpus: float = Field(1.0, gt=0)
    detector_gpus: float | None = Field(None, ge=0)
    detector_threads: int = Field(1, ge=1)
    detector_sizes: str = "auto"
    detector_precision: Literal["fp32", "fp16"] = "fp32"
    model_batch: int | None = Field(None, ge=1, le=256)
    decode_threads: int | None = Field(None, ge=0, le=64)
    decoded_copies_bytes: int = Field(2_000_000_000, ge=0)
    detection_batch: int = Field(defaults.DETECTION_BATCH, ge=1, le=1024)
    training_batch: int = Field(defaults.TRAINING_BATCH, ge=1, le=4096)
    batches_in_flight: int = Field(defaults.BATCHES_IN_FLIGHT, ge=1, le=16)
    min_score: float = Field(defaults.MIN_SCORE, ge=0, le=1)
    min_face_px: int = Field(defaults.MIN_FACE_PX, ge=1)
    max_pixels: int = Field(defaults.MAX_PIXELS, ge=1)
    max_file_bytes: int = Field(defaults.MAX_FILE_BYTES, ge=1)
    photo_timeout_s: float = Field(defaults.PHOTO_TIMEOUT_S, gt=0)

    films: bool = True
    film_frames: int = Field(defaults.FILM_FRAMES, ge=1, le=10_000)
    film_timeout_s: float = Field(defaults.FILM_TIMEOUT_S, gt=0)
    films_found_people: bool = False

    min_quality: float = Field(defaults.MIN_QUALITY, ge=0, le=1)
    min_cluster_size: int = Field(defaults.MIN_CLUSTER_SIZE, ge=2)
    min_samples: int = Field(defaults.MIN_SAMPLES, ge=1)

    history_days: int = Field(defaults.HISTORY_DAYS, ge=1, le=36_500)

    weight_training: float = Field(DEFAULT_WEIGHTS[PhaseName.TRAINING], ge=0, le=1)
    weight_face_detection: float = Field(DEFAULT_WEIGHTS[PhaseName.FACE_DETECTION], ge=0, le=1)
    weight_clustering: float = Field(DEFAULT_WEIGHTS[PhaseName.CLUSTERING], ge=0, le=1)

    @model_validator(mode="after")
    def _detectors_have_room(self) -> Settings:
        if self.detectors_max is not None and self.detectors_min > self.detectors_max:
            raise ValueError("detectors_min must not be above detectors_max")
        return self

    @model_validator(mode="after")
    def _weights_add_up(self) -> Settings:
        weights = self.weight_training + self.weight_face_detection + self.weight_clustering
        if abs(weights - 1) > 1e-9:
            raise ValueError(f"the three weights must add up to 1, not {weights:g}")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources in their order of precedence: options, environment, file."""
        sources = [init_settings, env_settings]
        if cls.config_file is not None:
            sources.append(YamlConfigSettingsSource(settings_cls, yaml_file=cls.config_file))
        return tuple(sources)


def load_settings(
    *, config: Path | None = None, options: Mapping[str, object] | None = None
) -> Settings:
    """Return the settings; raise BadSetting, naming the first unknown or invalid one.

    Without `config`, the file is the one that HEADCOUNT_CONFIG names, or else configs/local.yaml.
    """
    config = config or _config_from_environment()
    if config is not None and not os.path.isfile(config):
        raise BadSetting("--config", f"there is no file {config}.")
    _refuse_unknown_variables(os.environ)
    chosen = config or (LOCAL_CONFIG if LOCAL_CONFIG.is_file() else None)
    given = {name: value for name, value in (options or {}).items() if value is not None}
    given["config"] = None if config is None else config.absolute()
    reader = type("Settings", (Settings,), {"config_file": chosen, "__module__": __name__})
    try:
        settings = Settings.model_construct(**dict(reader(**given)))
    except ValidationError as error:
        raise _bad_setting(error) from None
    except (yaml.YAMLError, OSError, ValueError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise BadSetting("--config", f"{chosen} cannot be read as settings: {reason}.") from error
    _check_roots(settings)
    _check_notify(settings)
    return _check_token(settings)


def _check_roots(settings: Settings) -> None:
    """Raise BadSetting for a root whose URL has no normal form or contains a password."""
    for root in settings.allowed_roots:
        try:
            if is_url(root):
                normalise_url(root)
        except BadRoot as error:
            raise BadSetting("allowed_roots", str(error)) from None


def _check_notify(settings: Settings) -> None:
    """Raise BadSetting, without the URL, for a channel that cannot be used, or an empty key."""
    for url in settings.notify:
        wrong = check_channel(url.get_secret_value(), allows_private=settings.notify_private)
        if wrong is not None:
            raise BadSetting("notify", f"{wrong}.")
    if settings.notify_secret is not None and not settings.notify_secret.get_secret_value():
        raise BadSetting("notify_secret", "it is empty. Set a value, or unset it.")


def _check_token(settings: Settings) -> Settings:
    """Return the settings; an empty token becomes None if `allow_without_token` is set.

    Raises BadSetting for a token that cannot be sent in a header, or for an empty one.
    """
    if settings.api_token is None:
        return settings
    token = settings.api_token.get_secret_value()
    if token.strip() and token.isascii() and token.isprintable() and " " not in token:
        return settings
    if token.strip():
        raise BadSetting("api_token", "a token may contain visible ASCII characters only.")
    if not settings.allow_without_token:
        raise BadSetting(
            "api_token",
            "it is empty. Set a value, or unset it; to run without a token, set "
            "HEADCOUNT_ALLOW_WITHOUT_TOKEN=true.",
        )
    return settings.model_copy(update={"api_token": None})


def _config_from_environment() -> Path | None:
    named = os.environ.get(f"{ENV_PREFIX}CONFIG")
    return Path(named).expanduser() if named else None


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    for variable in environment:
        if not variable.startswith(ENV_PREFIX):
            continue
        name = variable.removeprefix(ENV_PREFIX).lower()
        if name not in Settings.model_fields and variable not in _OTHER_VARIABLES:
            close = difflib.get_close_matches(name, Settings.model_fields, n=1)
            hint = f" Did you mean {ENV_PREFIX}{close[0].upper()}?" if close else ""
            raise BadSetting(variable, f"there is no such setting.{hint}")


_OTHER_VARIABLES = frozenset({"HEADCOUNT_SHARED", "HEADCOUNT_CONFIG"})
"""The tests read the first variable, and `load_settings` the second one."""


SECRETS = frozenset({"database_url", "api_token", "notify", "notify_secret"})
"""Settings that must not be passed to Ray or written to a log."""


def _bad_setting(error: ValidationError) -> BadSetting:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"]) or "weight_*"
    if first["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, Settings.model_fields, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        return BadSetting(name, f"there is no such setting.{hint}")
    is_nameless_or_secret = not first["loc"] or str(first["loc"][0]) in SECRETS
    value = "" if is_nameless_or_secret else f" (it is {first.get('input')!r})"
    return BadSetting(name, f"{first['msg']}{value}.")


def settings_as_options(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain values for another process, without the secrets.

    Ray logs and shows all arguments. The other process reads the secrets from its environment, or
    from the file that `config` names.
    """
    return {name: value for name, value in settings.model_dump().items() if name not in SECRETS}


def settings_as_environment(settings: Settings) -> dict[str, str]:
    """Return the settings as HEADCOUNT_* variables, without the secrets.

    Another process reads the same settings from them. It reads the secrets from its own environment
    or from the file that HEADCOUNT_CONFIG names.
    """
    variables: dict[str, str] = {}
    for name, value in settings_as_options(settings).items():
        if isinstance(value, list | tuple):
            separator = ":" if name == "allowed_roots" else ","
            variables[ENV_PREFIX + name.upper()] = separator.join(value)
        elif value is not None:
            variables[ENV_PREFIX + name.upper()] = str(value)
    return variables


def settings_for_jobs(settings: Settings) -> dict[str, str]:
    """Return the variables that a Ray job needs to read the same settings on this cluster.

    Variables that already have the same value here are left out. Secrets are never included, so the
    nodes must have them in their own environment.
    """
    wanted = settings_as_environment(settings)
    return {name: value for name, value in wanted.items() if os.environ.get(name) != value}


def phase_weights(settings: Settings) -> dict[PhaseName, float]:
    """Return the weight of each phase in the overall percentage."""
    return {name: getattr(settings, f"weight_{name.value}") for name in PhaseName}


def backup_policy(settings: Settings) -> BackupPolicy:
    """Return where backups are kept, and when they are made."""
    return BackupPolicy(
        folder=settings.backup_dir or settings.data_dir / "backups",
        record=settings.data_dir / "last_backup.json",
        kind=BackupKind(settings.backup_kind),
        every_hours=settings.backup_every_hours,
        keep=settings.backup_keep,
        is_enabled=settings.backups_enabled,
    )


def name_namespace(database_url: str) -> str:
    """Return the Ray namespace of a database, which separates libraries on one cluster."""
    named = without_password(database_url)
    return "headcount-" + hashlib.sha256(named.encode()).hexdigest()[:12]


def without_password(url: str) -> str:
    """Return a URL without a password before its host or among its parameters."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    parameters = [p for p in parts.query.split("&") if not p.lower().startswith("password=")]
    netloc = user.partition(":")[0] + at + host
    return urlunsplit(parts._replace(netloc=netloc, query="&".join(parameters)))
