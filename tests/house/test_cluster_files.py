"""The files for running on a cluster agree with the code: settings, ports, commands, schemas."""

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
from packaging.version import Version
from ray.serve.schema import ServeDeploySchema

from cluster.settings import ENV_PREFIX, Settings, load_settings
from jobs.train import build_parser
from tests.house.sources import PROJECT_DIR, project_files, read_text

KUBERAY = ("raycluster", "rayjob", "rayservice")
KINDS = {"raycluster": "RayCluster", "rayjob": "RayJob", "rayservice": "RayService"}
PORTS = {"gcs": 6379, "dashboard": 8265, "client": 10001, "serve": 8000, "metrics": 8080}
FOLDER_OF_IMAGE = "/opt/headcount/"
SENDS_NOTHING = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # With statistics off, `ray start` still reports that; the report reaches nobody.
    "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9/",
    "ORT_DISABLE_TELEMETRY": "1",
}
OURS = {"app.kubernetes.io/part-of": "headcount"}
SECRET_WORDS = ("token", "password", "secret", "credential", "database_url", "access_key")


def load(path: str) -> Any:
    return yaml.safe_load(read_text(path))


def manifest(name: str) -> dict[str, Any]:
    found: dict[str, Any] = load(path_of(name))
    return found


def cluster_of(name: str) -> dict[str, Any]:
    spec = manifest(name)["spec"]
    found: dict[str, Any] = spec.get("rayClusterSpec") or spec.get("rayClusterConfig") or spec
    return found


def pod_templates(name: str) -> Iterator[dict[str, Any]]:
    """The templates of a cluster's pods, and of the pod that submits its job."""
    cluster = cluster_of(name)
    for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
        yield group["template"]
    if manifest(name)["kind"] == "RayJob":
        yield manifest(name)["spec"]["submitterPodTemplate"]


def containers(name: str) -> Iterator[dict[str, Any]]:
    for template in pod_templates(name):
        yield from template["spec"]["containers"]


def variables_of_image() -> dict[str, str]:
    (assigned,) = re.findall(r"^ENV ((?:.*\\\n)*.*)$", read_text("configs/ray/Dockerfile"), re.M)
    return dict(word.split("=", 1) for word in shlex.split(assigned.replace("\\\n", " ")))


def docker_variables() -> dict[str, str]:
    options = load("configs/ray/launcher.yaml")["docker"]["run_options"]
    found = [option.removeprefix("--env=") for option in options if option.startswith("--env")]
    return dict(one.split("=", 1) for one in found)


def scalars(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in a file, with its name."""
    if isinstance(value, dict):
        named = value.get("name") if "value" in value else None
        for key, one in value.items():
            yield from scalars(one, str(named or key))
    elif isinstance(value, list):
        for one in value:
            yield from scalars(one, name)
    else:
        yield name, value


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
        port["name"]: port["containerPort"]
        for one in containers(name)
        for port in one.get("ports", [])
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


@pytest.mark.parametrize("name", KUBERAY)
def test_ray_asks_for_a_token_in_every_manifest(name: str) -> None:
    """KubeRay makes the token, and gives it to every pod and to the submitter of a RayJob."""
    assert cluster_of(name)["authOptions"] == {"mode": "token"}
    assert Version(cluster_of(name)["rayVersion"]) >= Version("2.52")
    own_secrets = re.findall(r"secretKeyRef: {name: ([\w-]+)", read_text(path_of(name)))
    assert manifest(name)["metadata"]["name"] not in own_secrets, "KubeRay's secret has that name"


def test_ray_asks_for_a_token_in_the_image_and_under_the_launcher() -> None:
    assert variables_of_image()["RAY_AUTH_MODE"] == "token"
    assert docker_variables()["RAY_AUTH_MODE"] == "token"


def test_the_launcher_carries_its_secrets_as_files() -> None:
    """The launcher calls `rsync --archive`, which keeps the modes of the files."""
    (mounted,) = load("configs/ray/launcher.yaml")["file_mounts"]
    for variable in ("RAY_AUTH_TOKEN_PATH", "HEADCOUNT_CONFIG"):
        assert Path(docker_variables()[variable]).is_relative_to(mounted)
    assert "umask 077" in read_text("configs/ray/launcher.yaml")
    assert "--env-file" not in read_text("configs/ray/launcher.yaml")


@pytest.mark.parametrize("name", KUBERAY)
def test_nothing_is_sent_from_a_pod(name: str) -> None:
    for container in containers(name):
        given = {one["name"]: one.get("value") for one in container["env"]}
        assert SENDS_NOTHING.items() <= given.items(), container["name"]


def test_nothing_is_sent_from_the_image_or_from_the_launchers_nodes() -> None:
    assert SENDS_NOTHING.items() <= variables_of_image().items()
    assert SENDS_NOTHING.items() <= docker_variables().items()


def test_no_file_of_the_cluster_holds_a_secret_as_a_value() -> None:
    files = [path for path in project_files() if re.match(r"configs/(?!grafana/).*\.yaml$", path)]
    held = [
        f"{path}: {name} is {value}"
        for path in files
        for name, value in scalars(load(path))
        if isinstance(value, str)
        if looks_secret(name, value)
    ]
    assert not held
    named = {*variables_of_image(), *docker_variables()}
    assert not [name for name in named if looks_secret(name, "a value")]


def looks_secret(name: str, value: str) -> bool:
    """Tell a secret by its name, or a password in a URL; a path to a secret is not one."""
    is_named = any(word in name.lower() for word in SECRET_WORDS)
    return (is_named and not name.endswith("_PATH")) or bool(
        re.search(r"://[^/\s]*:[^/\s]*@", value)
    )


@pytest.mark.parametrize("name", KUBERAY)
def test_the_application_gets_its_token_and_its_database_from_a_secret(name: str) -> None:
    for group in ("headGroupSpec", "workerGroupSpecs"):
        specs = cluster_of(name)[group]
        for spec in specs if isinstance(specs, list) else [specs]:
            (container,) = spec["template"]["spec"]["containers"]
            given = {one["name"]: one.get("valueFrom") for one in container["env"]}
            assert given["HEADCOUNT_API_TOKEN"]["secretKeyRef"]["key"] == "api-token"
            assert given["HEADCOUNT_DATABASE_URL"]["secretKeyRef"]["key"] == "database-url"


@pytest.mark.parametrize("name", KUBERAY)
def test_the_network_policy_holds_for_every_pod(name: str) -> None:
    policy = load("configs/ray/kuberay/networkpolicy.yaml")
    assert (policy["apiVersion"], policy["kind"]) == ("networking.k8s.io/v1", "NetworkPolicy")
    assert policy["spec"]["podSelector"] == {"matchLabels": OURS}
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    for template in pod_templates(name):
        assert OURS.items() <= template["metadata"]["labels"].items()
    assert "networkpolicy.yaml" in read_text(path_of(name)).partition("apiVersion")[0]


def test_the_network_policy_lets_others_in_to_the_application_only() -> None:
    rules = load("configs/ray/kuberay/networkpolicy.yaml")["spec"]["ingress"]
    among_us = {"podSelector": {"matchLabels": OURS}}
    open_to: dict[str, set[int]] = {}
    for rule in rules:
        ports = {port["port"] for port in rule.get("ports", [])}
        for source in rule.get("from", ["everybody"]):
            if source != among_us:
                assert ports, f"all ports are open to {source}"
                open_to.setdefault(str(source), set()).update(ports)
    assert open_to.pop("everybody") == {PORTS["serve"]}
    operator = {PORTS["dashboard"], PORTS["serve"]}
    assert sorted(open_to.values(), key=len) == [{PORTS["metrics"]}, operator]


def path_of(name: str) -> str:
    return f"configs/ray/kuberay/{name}.yaml"
