"""What is needed to run on a cluster agrees with the code: settings, ports, commands, schemas."""

from __future__ import annotations

import importlib
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray
import yaml
from ray.serve.schema import ServeDeploySchema

from cluster.settings import ENV_PREFIX, Settings, load_settings
from jobs.train import build_parser
from tests.house.sources import PROJECT_DIR, project_files, read_text

KUBERAY = ("raycluster", "rayjob", "rayservice")
KINDS = {"raycluster": "RayCluster", "rayjob": "RayJob", "rayservice": "RayService"}
PORTS = {"gcs": 6379, "dashboard": 8265, "client": 10001, "serve": 8000, "metrics": 8080}
FOLDER_OF_IMAGE = "/opt/headcount/"


def load(path: str) -> Any:
    return yaml.safe_load(read_text(path))


def manifest(name: str) -> dict[str, Any]:
    found: dict[str, Any] = load(f"configs/ray/kuberay/{name}.yaml")
    return found


def cluster_of(name: str) -> dict[str, Any]:
    spec = manifest(name)["spec"]
    found: dict[str, Any] = spec.get("rayClusterSpec") or spec.get("rayClusterConfig") or spec
    return found


def containers(name: str) -> Iterator[dict[str, Any]]:
    cluster = cluster_of(name)
    for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
        yield from group["template"]["spec"]["containers"]


@pytest.mark.parametrize("name", ["local", "cluster"])
def test_a_file_of_settings_holds_settings_only(name: str) -> None:
    load_settings(config=PROJECT_DIR / f"configs/{name}.yaml")


def test_the_serve_file_is_what_serve_deploy_takes() -> None:
    config = ServeDeploySchema.model_validate(load("configs/serve.yaml"))
    (application,) = config.applications
    module, _, function = application.import_path.partition(":")
    assert callable(getattr(importlib.import_module(module), function))
    assert set(application.args) <= {*Settings.model_fields, "config"}
    assert config.http_options.port == Settings.model_fields["port"].default
    assert [deployment.name for deployment in application.deployments] == ["http"]


def test_the_launcher_file_is_what_ray_up_takes() -> None:
    schema = Path(ray.__file__).parent / "autoscaler" / "ray-schema.json"
    launcher = load("configs/ray/launcher.yaml")
    jsonschema.validate(launcher, json.loads(schema.read_text()))
    assert launcher["head_node_type"] in launcher["available_node_types"]


@pytest.mark.parametrize("name", KUBERAY)
def test_a_manifest_is_of_the_kind_that_its_file_says(name: str) -> None:
    found = manifest(name)
    assert (found["apiVersion"], found["kind"]) == ("ray.io/v1", KINDS[name])
    assert cluster_of(name)["rayVersion"] == ray.__version__


@pytest.mark.parametrize("name", KUBERAY)
def test_the_ports_of_a_manifest_are_those_of_ray_and_of_the_settings(name: str) -> None:
    found = {
        port["name"]: port["containerPort"] for one in containers(name) for port in one["ports"]
    }
    assert found == PORTS
    groups = [cluster_of(name)["headGroupSpec"], *cluster_of(name)["workerGroupSpecs"]]
    metrics = {group["rayStartParams"]["metrics-export-port"] for group in groups}
    assert metrics == {str(PORTS["metrics"])}


@pytest.mark.parametrize("name", KUBERAY)
def test_the_three_manifests_describe_the_same_cluster(name: str) -> None:
    assert cluster_of(name) == cluster_of("raycluster") or name == "raycluster"
    images = {container["image"] for container in containers(name)}
    assert images == {"headcount:cpu", "headcount:gpu"}


def test_the_service_runs_what_the_serve_file_says() -> None:
    assert yaml.safe_load(manifest("rayservice")["spec"]["serveConfigV2"]) == load(
        "configs/serve.yaml"
    )


def test_jobs_in_the_files_are_commands_that_exist() -> None:
    texts = [manifest("rayjob")["spec"]["entrypoint"]]
    texts += re.findall(r"python -m jobs\.train --root \S+", read_text("configs/ray/launcher.yaml"))
    assert len(texts) == 2
    for text in texts:
        _, _, module, *arguments = shlex.split(text)
        assert module == "jobs.train"
        build_parser().parse_args(arguments)


def test_every_variable_in_the_files_is_a_setting() -> None:
    known = {ENV_PREFIX + name.upper() for name in Settings.model_fields} | {"HEADCOUNT_CONFIG"}
    files = [path for path in project_files() if path.startswith("configs/")]
    named = {
        variable
        for path in files
        for variable in re.findall(rf"\b{ENV_PREFIX}[A-Z_]+\b", read_text(path))
    }
    assert named <= known
    assert "HEADCOUNT_DATABASE_URL" in named


def test_the_image_installs_both_locks_and_copies_what_exists() -> None:
    text = read_text("configs/ray/Dockerfile")
    assert "requirements/${LOCK}.txt" in text
    for lock in ("cpu", "gpu", "build"):
        assert (PROJECT_DIR / f"requirements/{lock}.txt").is_file()
    for path in re.findall(rf"{FOLDER_OF_IMAGE}([\w./-]+)", text):
        assert (PROJECT_DIR / path).exists(), path
    exposed = {int(port) for port in re.findall(r"^EXPOSE (.*)$", text, re.M)[0].split()}
    assert exposed == set(PORTS.values())


def test_the_launcher_names_ports_and_files_that_exist() -> None:
    text = read_text("configs/ray/launcher.yaml")
    for path in re.findall(rf"{FOLDER_OF_IMAGE}([\w./-]+)", text):
        assert (PROJECT_DIR / path).exists(), path
    for option, port in re.findall(r"--([\w-]*port)=(\d+)", text):
        assert int(port) in PORTS.values(), option
