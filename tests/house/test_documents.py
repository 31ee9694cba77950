"""What the documents say is there, and what is there the documents say."""

from __future__ import annotations

import re

import pytest

from cluster.settings import ENV_PREFIX, Settings
from tests.house.sources import PROJECT_DIR, code_sources, project_files, python_sources, read_text

DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
FAULTS = range(1, 19)

RATIO = re.compile(
    r"\b\d+(\.\d+)? (times|x)\b|\b\d+(\.\d+)?x\b|\b(photos|images|faces) (per|a) second\b"
)
BENCH_SCRIPT = re.compile(r"bench/\w+\.py")
PATH = re.compile(
    r"`((?:cluster|serve|jobs|configs|tests|bench|requirements|docs|\.ci)/[\w./-]*\w)`"
)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def test_the_readme_explains_every_setting_and_no_other() -> None:
    section = read_text("README.md").partition("## Settings")[2].partition("\n## ")[0]
    explained = set(re.findall(r"^\| `(\w+)` +\|", section, re.MULTILINE))
    assert explained == set(Settings.model_fields)


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
    """A line that claims a speed or a ratio names its bench script, and the script exists."""
    claims = [line for line in read_text("README.md").splitlines() if RATIO.search(line)]
    assert not [line for line in claims if not BENCH_SCRIPT.search(line)]


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
    named = set(PATH.findall(text)) | set(LINK.findall(text))
    assert not sorted(path for path in named if not (PROJECT_DIR / path).exists())


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", read_text("Makefile"), re.MULTILINE))
    named = {
        target
        for document in DOCUMENTS
        for target in re.findall(r"(?:^|`)make ([a-z]+)", read_text(document), re.MULTILINE)
    }
    assert named <= targets


def test_every_fault_of_the_earlier_application_has_its_test() -> None:
    """A test says which fault it answers by its number in brackets: `[7]`."""
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
