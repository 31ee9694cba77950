"""Files and functions stay small enough to be read in one sitting."""

from __future__ import annotations

from tests.house.sources import FunctionNode, code_sources, python_sources

MAX_FUNCTION_LINES = 50
MAX_FILE_LINES = 350
LONG_FUNCTIONS = ("cluster/numerics/", "cluster/store/database/migrations/versions/")


def test_no_function_is_longer_than_fifty_lines() -> None:
    """Kernels in cluster/numerics may be longer: their arithmetic is easiest to read in one piece.

    Migrations are lists of tables.
    """
    long = [
        f"{source.path}:{function.lineno} {function.name} has {lines_of(function)} lines"
        for source in python_sources()
        if not source.path.startswith(LONG_FUNCTIONS)
        for function in source.functions()
        if lines_of(function) > MAX_FUNCTION_LINES
    ]
    assert not long


def test_the_median_function_is_about_ten_lines() -> None:
    sizes = sorted(
        lines_of(function) for source in code_sources() for function in source.functions()
    )
    assert sizes[len(sizes) // 2] <= 12


def test_no_file_is_longer_than_350_lines() -> None:
    """Test files may be longer: a file of rules is read rule by rule."""
    long = [
        f"{source.path} has {length} lines"
        for source in code_sources()
        if (length := source.text.count("\n")) > MAX_FILE_LINES
    ]
    assert not long


def lines_of(function: FunctionNode) -> int:
    """The number of lines from `def` to the end, without decorators."""
    return (function.end_lineno or function.lineno) - function.lineno + 1
