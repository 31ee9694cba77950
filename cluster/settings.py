"""Settings, from one place: defaults, a YAML file, HEADCOUNT_* variables, options; later ones win.

Only entry points (jobs/, serve/app.py) call `load_settings`; everything else is given values. This
is also the only module that reads the environment.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from cluster.core.errors import BadSetting
from cluster.core.sessions import PhaseName

ENV_PREFIX = "HEADCOUNT_"
PROJECT_DIR = Path(__file__).resolve().parent.parent
KEPT_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": 32 << 20,
    "MALLOC_TRIM_THRESHOLD_": 128 << 20,
    "MALLOC_ARENA_MAX": 1,
}
"""glibc's: blocks up to 32 MiB come from memory of which up to 128 MiB is kept when it is free, and
which all threads share: an arena of their own goes back to the kernel with each photo."""

LOCAL_CONFIG = PROJECT_DIR / "configs" / "local.yaml"


def _split_roots(value: object) -> object:
    """Let HEADCOUNT_ALLOWED_ROOTS be written as a PATH is: folders and URLs with colons between."""
    parts = re.split(r":(?!//)", value) if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        return value
    return [os.path.expanduser(part) for part in parts if part]


def _split_list(value: object) -> object:
    """Let a list be written with commas between."""
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


def _expand(value: object) -> object:
    return os.path.expanduser(value) if isinstance(value, str | Path) else value


ExpandedPath = Annotated[Path, BeforeValidator(_expand)]
Origin = Annotated[str, Field(pattern=r"^https?://[^/*]+$")]


class Settings(BaseSettings):
    """Everything that can be set. README lists each with its meaning."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, extra="forbid", frozen=True, validate_default=True
    )
    config_file: ClassVar[Path | None] = None

    data_dir: ExpandedPath = Path("~/.local/share/headcount")
    database_url: SecretStr | None = None
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    api_token: SecretStr | None = None
    search_max_bytes: int = Field(25_000_000, ge=1)
    allowed_roots: Annotated[list[str], NoDecode, BeforeValidator(_split_roots)] = ["~"]
    allowed_hosts: Annotated[list[str], NoDecode, BeforeValidator(_split_list)] = []
    cors_origins: Annotated[list[Origin], NoDecode, BeforeValidator(_split_list)] = []
    ray_address: str | None = None
    serve_enabled: bool = True

    pack: str = "auto"
    models_dir: ExpandedPath = Path("~/.insightface/models")
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
    detection_batch: int = Field(16, ge=1, le=1024)
    training_batch: int = Field(32, ge=1, le=4096)
    batches_in_flight: int = Field(2, ge=1, le=16)
    min_score: float = Field(0.5, ge=0, le=1)
    min_face_px: int = Field(20, ge=1)
    max_pixels: int = Field(200_000_000, ge=1)
    max_file_bytes: int = Field(1_000_000_000, ge=1)
    photo_timeout_s: float = Field(60.0, gt=0)

    min_quality: float = Field(0.3, ge=0, le=1)
    min_cluster_size: int = Field(3, ge=2)
    min_samples: int = Field(3, ge=1)

    weight_training: float = Field(0.30, ge=0, le=1)
    weight_face_detection: float = Field(0.65, ge=0, le=1)
    weight_clustering: float = Field(0.05, ge=0, le=1)

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
        """Fix the order of the sources, strongest first."""
        sources = [init_settings, env_settings]
        if cls.config_file is not None:
            sources.append(YamlConfigSettingsSource(settings_cls, yaml_file=cls.config_file))
        return tuple(sources)


def load_settings(
    *, config: Path | None = None, options: Mapping[str, object] | None = None
) -> Settings:
    """Return the settings; raise BadSetting naming the first one that is unknown or wrong.

    Without `config`, HEADCOUNT_CONFIG names the file, else it is configs/local.yaml.
    """
    config = config or _config_from_environment()
    if config is not None and not config.is_file():
        raise BadSetting("--config", f"there is no file {config}.")
    _refuse_unknown_variables(os.environ)
    chosen = config or (LOCAL_CONFIG if LOCAL_CONFIG.is_file() else None)
    given = {name: value for name, value in (options or {}).items() if value is not None}
    reader = type("Settings", (Settings,), {"config_file": chosen, "__module__": __name__})
    try:
        return Settings.model_construct(**dict(reader(**given)))
    except ValidationError as error:
        raise _bad_setting(error) from None


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
"""Read by the tests, and by `load_settings` to find its file."""


_SECRETS = frozenset({"database_url", "api_token"})


def _bad_setting(error: ValidationError) -> BadSetting:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"]) or "weight_*"
    if first["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, Settings.model_fields, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        return BadSetting(name, f"there is no such setting.{hint}")
    is_nameless_or_secret = not first["loc"] or name in _SECRETS
    value = "" if is_nameless_or_secret else f" (it is {first.get('input')!r})"
    return BadSetting(name, f"{first['msg']}{value}.")


def settings_as_options(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain values that cross a process border, secrets in the clear.

    The result must not be logged or stored.
    """
    plain: dict[str, Any] = {}
    for name, value in settings.model_dump().items():
        plain[name] = value.get_secret_value() if isinstance(value, SecretStr) else value
    return plain


def settings_as_environment(settings: Settings) -> dict[str, str]:
    """Return the settings as HEADCOUNT_* variables, so that another process reads the same.

    The result holds secrets and must not be logged.
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

    Those that the nodes have in their own environment are left out, secrets above all: what is
    given to a job can be seen in Ray's dashboard.
    """
    wanted = settings_as_environment(settings)
    return {name: value for name, value in wanted.items() if os.environ.get(name) != value}


def ray_address_from_environment() -> str | None:
    """Return the cluster that Ray itself was told of, as inside `ray job submit`."""
    return os.environ.get("RAY_ADDRESS")


def submission_id_from_environment() -> str | None:
    """Return the id of the submitted Ray job that this process drives; None when it drives none."""
    config = json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}"))
    submission_id = config.get("metadata", {}).get("job_submission_id")
    return None if submission_id is None else str(submission_id)


def prepare_environment(settings: Settings) -> None:
    """Set what Ray and its workers read from the environment, before Ray starts.

    No usage statistics leave the machine; workers start at the usual priority and lower theirs when
    they work on photos (cluster/priority.py); they find this project's packages; a worker's BLAS
    takes one thread, because Headcount runs one worker a core, and a worker keeps the memory of one
    photo for the next: a tenth of the time went into pages that the kernel cleared again. Ray asks
    for a token where Headcount does: without `api_token`, on loopback, the dashboard and `ray job
    submit` are open as the API is.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name, value in KEPT_MEMORY.items():
        os.environ.setdefault(name, str(value))
    if settings.api_token is None:
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    paths = [str(PROJECT_DIR), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(path for path in paths if path))


def prepare_loopback_environment() -> None:
    """Set what a Ray that is for this machine alone reads besides: it listens on loopback.

    There Ray Serve may speak gRPC to its replicas, which takes a third off a request's time; on a
    network that would be one more way in. `python` in a job is the Python that started it.
    """
    bin_dir, path = str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)
    if path.split(os.pathsep)[0] != bin_dir:
        os.environ["PATH"] = f"{bin_dir}{os.pathsep}{path}"
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ.setdefault("RAY_SERVE_USE_GRPC_BY_DEFAULT", "1")


def phase_weights(settings: Settings) -> dict[PhaseName, float]:
    """Return the weight of each phase in the overall percentage."""
    return {name: getattr(settings, f"weight_{name.value}") for name in PhaseName}


def name_namespace(database_url: str) -> str:
    """Return the Ray namespace of a library: two libraries on one cluster do not meet."""
    return "headcount-" + hashlib.sha256(database_url.encode()).hexdigest()[:12]
