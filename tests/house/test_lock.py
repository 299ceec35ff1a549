"""One lock for everybody: it fits pyproject.toml, it names no index, and this environment was made from it."""

from __future__ import annotations

import re
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import lock

PINS = {
    canonicalize_name(pinned.name): pinned
    for pinned in (
        Requirement(line.removesuffix("\\").strip())
        for line in lock.LOCK.read_text().splitlines()
        if line and not line.startswith((" ", "#"))
    )
}


def asked_for() -> list[Requirement]:
    """Return what pyproject.toml asks for, with its references to its own extras resolved."""
    table = lock.project()
    lines = [*table["build-system"]["requires"], *table["project"]["dependencies"]]
    lines += [line for extra in table["project"]["optional-dependencies"].values() for line in extra]
    requirements = [Requirement(line) for line in lines]
    return [requirement for requirement in requirements if requirement.name != "print-fabric"]


def test_the_lock_was_made_for_the_present_pyproject():
    assert lock.is_current(), "pyproject.toml asks for other packages than the lock has: run `make lock`"


@pytest.mark.parametrize("requirement", asked_for(), ids=str)
def test_each_requirement_is_met_by_its_locked_version(requirement: Requirement):
    pinned = PINS[canonicalize_name(requirement.name)]
    version = str(pinned.specifier).removeprefix("==")

    assert requirement.specifier.contains(version, prereleases=True)


def test_each_package_is_pinned_exactly_and_has_hashes():
    assert [str(pinned) for pinned in PINS.values() if not str(pinned.specifier).startswith("==")] == []
    assert [name for name in PINS if not lock.pin(name).sha256] == []


def test_the_lock_names_no_index_and_no_host():
    text = lock.LOCK.read_text()

    assert (
        re.findall(r"https?:|--index|--extra-index|--find-links|--trusted-host|\S+\.(?:org|com|io)\b", text)
        == []
    )


def test_this_environment_has_the_locked_versions():
    wrong = {}
    for name, pinned in PINS.items():
        if pinned.marker is None or pinned.marker.evaluate():
            installed = metadata.version(name)
            if not pinned.specifier.contains(installed, prereleases=True):
                wrong[name] = f"{installed} instead of {pinned.specifier}"

    assert wrong == {}, "run `make setup`"
