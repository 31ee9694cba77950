"""What the doctor keeps to itself: secrets, names, and the paths of photos."""

from __future__ import annotations

import pytest

from jobs.doctor.checks import Section, ok, problem
from jobs.doctor.configuration import read_usable, show_value
from jobs.doctor.privacy import describe_error, find_secrets, hide, mask


@pytest.mark.parametrize(
    "error",
    [
        "/photos/Rosa 1999/a b.jpg: there is no such file",
        "/photos/Trip: Rosa/a.jpg: there is no such file",
        "Rosa/a.jpg: there is no such file",
        "Rosa 2.JPEG: there is no such file",
        "the file /photos/Rosa, Max/x: Rosa.heic: there is no such file",
        "s3://bucket/Rosa & co/x: there is no such file",
        "~/Rosa: there is no such file",
        "It failed ('Rosa'): there is no such file",
        'It failed ("x/Rosa"): there is no such file',
        "Person 3 is called Rosa: there is no such file",
        "C:\\Fotos\\Rosa 1999\\x: there is no such file",
    ],
)
def test_an_error_is_told_without_paths_and_names(error: str) -> None:
    said = hide(error, names=["Rosa"])
    assert "Rosa" not in said
    assert said.endswith(": there is no such file")


def test_an_error_without_a_path_is_told_whole() -> None:
    said = "driver lost: the process that ran this session ended unexpectedly."
    assert hide(said, names=["Rosa"]) == said


def test_a_traceback_is_told_by_its_last_line_and_our_own_place() -> None:
    error = (
        "Traceback (most recent call last):\n"
        '  File "/srv/rosa/headcount/cluster/tasks/ingest.py", line 12, in ingest\n'
        '    open("/photos/Rosa/a.jpg")\n'
        "FileNotFoundError: [Errno 2] No such file or directory: '/photos/Rosa/a.jpg'\n"
    )
    said = describe_error(error, names=[], shows_paths=False)
    assert said == (
        "FileNotFoundError: [Errno 2] No such file or directory: (hidden)"
        " (cluster/tasks/ingest.py:12 in ingest)"
    )
    assert "/photos/Rosa/a.jpg" in describe_error(error, names=[], shows_paths=True)


def test_the_row_that_a_database_complains_of_is_not_told() -> None:
    error = (
        "Traceback (most recent call last):\n"
        '  File "/x/cluster/store/people/groups.py", line 3, in name\n'
        "    db.execute(statement)\n"
        "    ~~~~~~~~~~^^^^^^^^^^^\n"
        'IntegrityError: null value in column "name" of relation "person"\n'
        "DETAIL:  Failing row contains (1, Rosalinde, f).\n"
        "[parameters: {'name': 'Rosalinde'}]\n"
        "(Background on this error at: https://example.org/e)\n"
    )
    said = describe_error(error, names=[], shows_paths=True)
    assert said.startswith("IntegrityError: null value")
    assert said.endswith("(cluster/store/people/groups.py:3 in name)")
    assert "Rosalinde" not in said


def test_secrets_are_masked_wherever_they_stand() -> None:
    environment = {
        "HEADCOUNT_API_TOKEN": "t0ken/with-slash",
        "HEADCOUNT_DATABASE_URL": "postgresql://me:pa%24s@w0rd@db/x?password=other1",
        "RAY_AUTH_TOKEN_PATH": "/not/a/secret",
        "http_proxy": "http://u:pr0xy-secret@proxy:1",
    }
    config = 'port: 8000\n  api_token: "in-the-file"\ndatabase_url: postgres://a:filepass@b/c\n'
    secrets = find_secrets(environment, config)
    said = "t0ken/with-slash pa%24s@w0rd pa%24s w0rd pa$s other1 pr0xy-secret in-the-file filepass"
    section = Section("here", (problem(said, said, said), ok("path", "/not/a/secret")))
    first, second = mask(section, secrets=secrets, home="/srv/rosa").findings
    for text in (first.subject, first.says, first.cure):
        assert set((text or "").split()) == {"***"}
    assert second.says == "/not/a/secret"


@pytest.mark.parametrize(
    "config",
    [
        "notify: https://h/T0KEN\n",
        "notify:\n  - https://h/T0KEN\n  - 'mailto://a:T1KEN@b'\nport: 1\n",
        "notify: ['https://h/T0KEN', \"mailto://a:T1KEN@b\"]\nallowed_roots:\n  - s3://kept\n",
    ],
)
def test_the_urls_of_channels_are_masked_and_those_of_roots_are_not(config: str) -> None:
    secrets = find_secrets({"HEADCOUNT_NOTIFY": "tgram://T2KEN/1 json://x"}, config)
    section = Section("here", (ok("x", "https://h/T0KEN mailto://a:T1KEN@b tgram://T2KEN/1"),))
    (found,) = mask(section, secrets=secrets, home="").findings
    assert not [one for one in ("T0KEN", "T2KEN") if one in found.says]
    assert ("T1KEN" in found.says) is ("T1KEN" not in config)
    assert "s3://kept" not in secrets


def test_a_short_secret_is_masked_as_a_word_only() -> None:
    section = Section("here", (ok("x", "a port, port 5432, ports"),))
    (found,) = mask(section, secrets={"port"}, home="").findings
    assert found.says == "a ***, *** 5432, ports"


def test_the_home_directory_is_written_as_a_tilde() -> None:
    section = Section("here", (ok("x", "/srv/rosa/data, /srv/rosa, /srv/rosalinde"),))
    (found,) = mask(section, secrets=(), home="/srv/rosa").findings
    assert found.says == "~/data, ~, /srv/rosalinde"


def test_roots_and_secrets_are_counted_and_not_shown() -> None:
    settings, _ = read_usable(
        {"allowed_roots": ["/photos/Rosa", "/x"], "api_token": "t", "ray_address": "ray://u:p@h:1"}
    )
    assert show_value("allowed_roots", settings, shows_paths=False) == "2 folders (hidden)"
    assert "/photos/Rosa" in show_value("allowed_roots", settings, shows_paths=True)
    assert show_value("api_token", settings, shows_paths=True) == "set (not shown)"
    assert show_value("ray_address", settings, shows_paths=True) == "ray://u@h:1"
