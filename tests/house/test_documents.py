"""The documents describe what exists, and everything that exists is described."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from cluster.core.metrics import METRICS
from cluster.settings import ENV_PREFIX, Settings
from tests.house.sources import PROJECT_DIR, code_sources, project_files, python_sources, read_text

ROOT_DOCUMENTS = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "bench/RESULTS.md",
)
REFERENCE = tuple(
    path for path in project_files() if path.startswith("docs/") and path.endswith(".md")
)
DOCUMENTS = (*ROOT_DOCUMENTS, *REFERENCE)
FAULTS = range(1, 19)
MOST_README_LINES = 250

RATIO = re.compile(
    r"\b\d+(\.\d+)? (times|x)\b|\b\d+(\.\d+)?x\b|\b(photos|images|faces) (per|a) second\b"
)
BENCH_SCRIPT = re.compile(r"bench/\w+\.py")
FOLDERS = r"cluster|serve|jobs|configs|tests|bench|requirements|docs|\.ci"
PATH = re.compile(rf"`((?:{FOLDERS})/[\w./-]*\w)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE_BLOCK = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
TARGET = re.compile(r"(?:^|`)make ([a-z]+(?:-[a-z]+)*)", re.MULTILINE)
TARGET_IN_HELP = re.compile(r"@echo 'make ([a-z]+(?:-[a-z]+)*)")


def read_statements(document: str) -> Iterator[str]:
    """Yield the rows, list entries and paragraphs of a document, each as one line.

    Each line of a block of code is a statement of its own.
    """
    text = read_text(document)
    for block in CODE_BLOCK.findall(text):
        yield from block.splitlines()
    for paragraph in re.split(
        r"\n\s*\n|\n(?=\|)|\n(?= *(?:[*-]|\d+\.) )", CODE_BLOCK.sub("", text)
    ):
        yield " ".join(paragraph.split())


def make_anchor(heading: str) -> str:
    """Return the anchor of a heading: lower case, hyphens for spaces, no punctuation."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_the_readme_is_one_page() -> None:
    assert len(read_text("README.md").splitlines()) <= MOST_README_LINES


def test_the_readme_links_every_page_of_the_reference() -> None:
    linked = {path for path, _ in LINK.findall(read_text("README.md"))}
    assert REFERENCE
    assert not sorted(set(REFERENCE) - linked)


def test_the_reference_explains_every_setting_once_and_no_other() -> None:
    explained = re.findall(r"^\| `(\w+)` +\|", read_text("docs/settings.md"), re.MULTILINE)
    assert sorted(explained) == sorted(Settings.model_fields)


def test_the_reference_gives_the_default_of_every_setting() -> None:
    """Numbers, words and paths are written as in the code, other defaults in words."""
    rows = re.findall(r"^\| `(\w+)` +\| `([^`]*)` +\|", read_text("docs/settings.md"), re.MULTILINE)
    told = dict(rows)
    wrong = {
        name: told.get(name)
        for name, field in Settings.model_fields.items()
        if isinstance(field.default, bool | int | float | str | Path)
        and not is_default(told.get(name, ""), field.default)
    }
    assert not wrong


def is_default(told: str, default: object) -> bool:
    """Tell whether a table's `0.30`, `true` or `~/photos` is this default."""
    if isinstance(default, float):
        return bool(told) and float(told) == default
    return told == (str(default).lower() if isinstance(default, bool) else str(default))


def test_the_reference_explains_every_metric_once_and_no_other() -> None:
    explained = re.findall(
        r"^\| `ray_(\w+)(?:{([\w,]+)})?` +\|", read_text("docs/metrics.md"), re.M
    )
    assert sorted(explained) == sorted((metric.name, ",".join(metric.labels)) for metric in METRICS)


def test_the_reference_names_every_command() -> None:
    text = read_text("docs/commands.md")
    commands = {
        source.path.removeprefix("jobs/").removesuffix(".py").removesuffix("/__main__")
        for source in python_sources()
        if source.path.startswith("jobs/") and "__main__" in source.text
    }
    assert not sorted(name for name in commands if not re.search(rf"\bjobs\.{name}\b", text))


def test_the_reference_names_every_make_target_that_help_lists() -> None:
    listed = set(TARGET_IN_HELP.findall(read_text("Makefile")))
    assert listed
    assert not sorted(listed - set(TARGET.findall(read_text("docs/commands.md"))))


def test_every_variable_in_the_documents_is_a_setting() -> None:
    others = {"HEADCOUNT_SHARED", "HEADCOUNT_CONFIG"}
    known = {ENV_PREFIX + name.upper() for name in Settings.model_fields} | others
    named = {
        variable
        for document in DOCUMENTS
        for variable in re.findall(rf"\b{ENV_PREFIX}[A-Z_]+\b", read_text(document))
    }
    assert named <= known


def test_every_number_in_the_readme_names_the_script_that_prints_it() -> None:
    """A line that claims a speed or a ratio names its bench script."""
    claims = [line for line in read_text("README.md").splitlines() if RATIO.search(line)]
    assert claims
    assert not [line for line in claims if not BENCH_SCRIPT.search(line)]


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name != "bench/RESULTS.md"])
def test_every_number_in_a_document_names_the_script_that_prints_it(document: str) -> None:
    """A row, a paragraph or an entry of a list that claims a speed or a ratio names its script."""
    claims = [statement for statement in read_statements(document) if RATIO.search(statement)]
    assert not [claim for claim in claims if not BENCH_SCRIPT.search(claim)]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_bench_script_that_a_document_names_exists(document: str) -> None:
    named = set(BENCH_SCRIPT.findall(read_text(document)))
    assert not sorted(path for path in named if not (PROJECT_DIR / path).is_file())


def test_every_bench_script_prints_json_when_asked() -> None:
    silent = [
        source.path
        for source in code_sources()
        if re.fullmatch(r"bench/[a-z]\w*\.py", source.path)
        and "__main__" in source.text
        and "--json" not in source.text
    ]
    assert not silent


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_a_document_names_exists(document: str) -> None:
    text = read_text(document)
    assert text, f"{document} is missing"
    assert not sorted(path for path in set(PATH.findall(text)) if not (PROJECT_DIR / path).exists())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_in_a_document_leads_somewhere(document: str) -> None:
    """A link is relative to its document; after a `#` comes a heading of the linked one."""
    folder = PurePosixPath(document).parent
    broken = []
    for path, anchor in LINK.findall(read_text(document)):
        target = (PROJECT_DIR / folder / path).resolve() if path else PROJECT_DIR / document
        headings = HEADING.findall(target.read_text()) if anchor and target.is_file() else []
        if not target.exists() or (anchor and anchor not in map(make_anchor, headings)):
            broken.append(f"{path}#{anchor}")
    assert not broken


@pytest.mark.parametrize(
    ("document", "heading"),
    [("CONTRIBUTING.md", "Promises and their tests"), ("SECURITY.md", "Who is kept out")],
)
def test_every_promise_names_a_test_that_attacks_it(document: str, heading: str) -> None:
    section = read_text(document).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    promises = re.findall(r"^\|.*\|$", section, re.MULTILINE)[2:]
    assert promises
    assert not [promise for promise in promises if "`tests/" not in promise]


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z]+(?:-[a-z]+)*):", read_text("Makefile"), re.MULTILINE))
    named = {target for document in DOCUMENTS for target in TARGET.findall(read_text(document))}
    assert not sorted(named - targets)


def test_every_fault_of_the_earlier_application_has_its_test() -> None:
    """A test names the fault that it answers by its number in brackets: `[7]`."""
    listed = re.findall(r"^\| (\d+) \|", read_text("ARCHITECTURE.md"), re.MULTILINE)
    assert [int(number) for number in listed] == list(FAULTS)
    answered = {
        int(number)
        for source in python_sources()
        if source.path.startswith("tests/")
        for numbers in re.findall(r'"""\[([\d, ]+)\]', source.text)
        for number in numbers.split(",")
    }
    assert not sorted(set(FAULTS) - answered)


def test_comments_refer_to_documents_that_the_reader_has() -> None:
    absent = re.compile(r"\b(DESIGN|STYLE)\b")
    referring = [
        f"{path}:{number}"
        for path in project_files()
        if path.endswith((".py", ".md", ".yaml", ".toml")) and not path.startswith("tests/house/")
        for number, line in enumerate(read_text(path).splitlines(), start=1)
        if absent.search(line)
    ]
    assert not referring
