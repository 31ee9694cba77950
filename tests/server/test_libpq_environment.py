"""A user's environment variables for PostgreSQL never reach the embedded server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cluster.core.errors import DatabaseUnavailable
from cluster.store.database.engine import build_engine, check_database
from cluster.store.server.embedded import stop_embedded
from cluster.store.server.libpq import forget_libpq_environment
from tests.embedded import run_python
from tests.waiting import PATIENT_S

USE = """
import os, subprocess, sys
from pathlib import Path
from cluster.store.server.embedded import is_embedded_running, start_embedded
from cluster.store.database.engine import build_engine, check_database
url = start_embedded(Path(sys.argv[1]))
assert is_embedded_running(Path(sys.argv[1]))
engine = build_engine(url)
check_database(engine)
names = engine.connect().exec_driver_sql("SELECT current_user || current_database()").scalar()
left = [name for name in os.environ if name.startswith("PG")]
subprocess.run(["/bin/sh", "-c", "env | grep ^PG"], check=False)
print(names, left)
"""
CONNECT = """
import sys
from cluster.store.database.engine import build_engine, check_database
check_database(build_engine(sys.argv[1]))
print("connected")
"""

MOST_HARMFUL = [
    {"PGSERVICE": "elsewhere", "PGHOSTADDR": "127.0.0.1", "PGREQUIREAUTH": "scram-sha-256"},
]
FOREIGN = [
    {"PGSERVICE": "elsewhere"},
    {"PGSERVICE": "missing"},
    {"PGSERVICE": "elsewhere", "PGSERVICEFILE": "{folder}/services"},
    {"PGHOSTADDR": "127.0.0.1"},
    {"PGHOST": "127.0.0.1", "PGPORT": "1", "PGUSER": "me", "PGDATABASE": "mine"},
    {"PGPASSWORD": "secret", "PGPASSFILE": "{folder}/none"},
    {"PGOPTIONS": "-c statement_timeout=1 -c search_path=elsewhere"},
    {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": "{folder}/none"},
    {"PGREQUIREAUTH": "scram-sha-256"},
    {"PGCHANNELBINDING": "require"},
    {"PGGSSENCMODE": "require"},
    {"PGREQUIREPEER": "somebody"},
    {"PGTARGETSESSIONATTRS": "standby"},
    {"PGLOADBALANCEHOSTS": "random", "PGCONNECT_TIMEOUT": "0"},
    {"PGCLIENTENCODING": "SQL_ASCII"},
    {"PGMINPROTOCOLVERSION": "3.2", "PGMAXPROTOCOLVERSION": "3.0"},
]
SLOW = (pytest.mark.long, pytest.mark.drill)
ALL = [*MOST_HARMFUL, *(pytest.param(one, marks=SLOW) for one in FOREIGN)]
"""The drills try each variable alone; another test checks that all are ignored."""


def name_of(variables: dict[str, str]) -> str:
    return ",".join(variables)


def fill(variables: dict[str, str], folder: Path) -> dict[str, str]:
    return {name: value.format(folder=folder) for name, value in variables.items()}


@pytest.fixture
def services(folder: Path) -> Path:
    """A home with a service that leads elsewhere, in both files that libpq reads."""
    for name in ("services", ".pg_service.conf"):
        (folder / name).write_text("[elsewhere]\nhostaddr=127.0.0.1\nport=1\n")
    return folder


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of one embedded server for all tests; it need not be running."""
    return tmp_path_factory.mktemp("library") / "data"


@pytest.mark.long
@pytest.mark.parametrize("variables", ALL, ids=name_of)
def test_no_variable_leads_away_from_the_embedded_server(
    data_dir: Path, services: Path, variables: dict[str, str]
) -> None:
    environment = {"HOME": str(services), **fill(variables, services)}
    process = run_python(USE, data_dir, environment=environment)
    output = process.communicate(timeout=PATIENT_S)[0]
    assert output == "postgresheadcount []\n"
    stop_embedded(data_dir)


@pytest.mark.parametrize("variables", ALL, ids=name_of)
def test_a_process_that_is_only_given_the_url_forgets_them_too(
    database_url: str, services: Path, variables: dict[str, str]
) -> None:
    """Ray's workers and Serve's replicas on a cluster of somebody else are such processes."""
    environment = {"HOME": str(services), **fill(variables, services)}
    process = run_python(CONNECT, database_url, environment=environment)
    assert process.communicate(timeout=PATIENT_S)[0] == "connected\n"


def test_for_a_server_of_the_users_own_they_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.2")
    engine = build_engine("postgresql://me@somewhere.invalid:1/library")
    with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.2"):
        check_database(engine)
    assert os.environ["PGHOSTADDR"] == "127.0.0.2"


def test_every_variable_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    for variables in FOREIGN:
        for name in variables:
            monkeypatch.setenv(name, "anything")
    forget_libpq_environment()
    assert not [name for name in os.environ if name.startswith("PG")]


def test_other_variables_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGUSER", "me")
    monkeypatch.setenv("MY_PGUSER", "kept")
    forget_libpq_environment()
    assert "PGUSER" not in os.environ
    assert os.environ["MY_PGUSER"] == "kept"
