"""The locked environment is complete, and says nothing about the machine it was made on."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def normal(requirement: str) -> str:
    """Return a requirement's project name as the lock writes it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0]).lower()


def test_every_dependency_is_pinned() -> None:
    """What pyproject.toml asks for, extras and groups included, has an exact version; else run `nox -s lock`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [*project["project"]["optional-dependencies"].values(), *project["dependency-groups"].values()]
    wanted = {normal(each) for group in groups for each in group if isinstance(each, str)}
    wanted |= {normal(each) for each in project["project"]["dependencies"]}

    assert wanted <= {normal(line) for line in (ROOT / "requirements" / "dev.txt").read_text().splitlines()}


def test_only_names_and_versions() -> None:
    """Every line is a name, an exact version and perhaps a marker: no registry, no path, no option."""
    lines = (ROOT / "requirements" / "dev.txt").read_text().splitlines()

    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; [\w .'<>=!]+)?", line)] == []
