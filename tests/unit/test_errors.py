"""The tree of errors that core/errors.py draws is the tree of its classes."""

from __future__ import annotations

import inspect
import re

import pytest

from cluster import ray_internals
from cluster.core import errors
from cluster.core.errors import HeadcountError, RayChanged


def test_the_tree_that_is_drawn_equals_the_classes() -> None:
    drawn: dict[str, str] = {}
    above: list[str] = ["HeadcountError"]
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"((?:│   |    )*)[├└]── (\w+)", line)
        if found:
            depth = len(found[1]) // 4
            del above[depth + 1 :]
            drawn[found[2]] = above[-1]
            above.append(found[2])
    classes = {
        name: found.__bases__[0].__name__
        for name, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, HeadcountError) and found is not HeadcountError
    }
    assert drawn == classes


def test_a_private_name_that_ray_no_longer_has_is_told_with_its_version() -> None:
    with pytest.raises(RayChanged, match=r"Ray \d+\.\d+.*no no_such_name"):
        ray_internals.check_names(ray_internals, "no_such_name")
