"""What the pages say is true: their code runs, their settings exist, their links lead somewhere.

The Python blocks of a page run in order, in one new interpreter with a folder of its own. A block that begins with a
comment like `# shop/settings.py` is written to that file and imported; any other block runs as it stands. Line
numbers in tracebacks are those of the page.
"""

import ast
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from memguard.residue import criteria
from memguard.settings import Ceiling, Settings

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SECONDS_FOR_A_PAGE = 120

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([\w/]+\.py)\n")
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]+)?(?:#([^)\s]+))?\)")


def name_of(page: Path) -> str:
    """Return the page's path in the repository."""
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> Iterator[tuple[str | None, str]]:
    """Yield file name (or None) and source of each Python block, moved down to the line it has in the page."""
    text = page.read_text()
    for found in _BLOCK.finditer(text):
        source = found[1]
        file = _FILE.match(source)
        yield (file[1] if file else None), "\n" * text[: found.start(1)].count("\n") + source


def program(page: Path) -> str:
    """Return a Python program that writes and runs the page's blocks."""
    lines = ["import importlib, pathlib", "space = {'__name__': 'page'}"]
    for file, source in blocks(page):
        if file is None:
            lines.append(f"exec(compile({source!r}, {str(page)!r}, 'exec'), space)")
        else:
            module = file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
            lines.append(f"path = pathlib.Path({file!r})")
            lines.append("path.parent.mkdir(parents=True, exist_ok=True)")
            lines.append(f"path.write_text({source!r})")
            lines.append("importlib.invalidate_caches()")
            lines.append(f"importlib.import_module({module!r})")
    return "\n".join(lines)


@pytest.mark.parametrize("page", [page for page in PAGES if "```python" in page.read_text()], ids=name_of)
def test_code_runs(page: Path, tmp_path: Path) -> None:
    """Every Python block of a page runs as written, without a warning."""
    script = tmp_path / "run_the_page.py"
    script.write_text(program(page))
    done = subprocess.run(
        [sys.executable, "-W", "error", script.name],
        capture_output=True, text=True, cwd=tmp_path, timeout=SECONDS_FOR_A_PAGE, check=False,
        env={**os.environ, "MEMGUARD_STORE": str(tmp_path / "store.sqlite")},
    )  # fmt: skip

    assert done.returncode == 0, f"{name_of(page)}:\n{done.stderr}"
    assert "memguard failed" not in done.stderr


def settings_table() -> str:
    """Return the table of all settings as docs/configuration.md has it, made from `Settings` itself."""
    described = _descriptions()
    rows = ["| setting | default | what it does |", "| --- | --- | --- |"]
    for spec in fields(Settings):
        names = f"`{spec.name}`"
        rows.append(f"| {names} | {_default(spec.default)} | {described[spec.name]} |")
    return "\n".join(rows)


def _default(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ", ".join(f"`{each}`" for each in value) or "none"
    return f"`{value}`"


def _descriptions() -> dict[str, str]:
    text = inspect.cleandoc(Settings.__doc__ or "").split("Attributes:\n")[1]
    entries = re.split(r"^ {4}(?=\w)", text, flags=re.MULTILINE)[1:]
    described = {}
    for entry in entries:
        names, description = entry.split(":", 1)
        for name in names.split(", "):
            described[name] = " ".join(description.split())
    return described


def test_the_settings_table() -> None:
    """The page on configuration has every setting, its default and its contract as the code has them."""
    assert settings_table() in (ROOT / "docs" / "configuration.md").read_text()


def test_ceilings_are_documented() -> None:
    """Every form a ceiling can be written in stands on the page on configuration."""
    page = (ROOT / "docs" / "configuration.md").read_text()
    forms = {"512MB": Ceiling(bytes=512_000_000), "80%": Ceiling(share=0.8), "150%": Ceiling(of_baseline=1.5)}

    for written, ceiling in forms.items():
        assert Settings.load(rss_ceiling=written).rss_ceiling == ceiling
        assert f'"{written}"' in page


def test_the_figures_of_verdicts() -> None:
    """The page on verdicts names the thresholds that the rules use."""
    page = (ROOT / "docs" / "verdicts.md").read_text()

    assert f"fewer than {criteria.WINDOWS_LEAST};" in page
    assert f"still alive {criteria.LASTING_UNITS} units later" in page
    assert f"after {criteria.LASTING_UNITS} more units" in page
    assert (criteria.SURE, criteria.LOOKS_LEAST) == (4, 6), "the page says them in words: four, six"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links(page: Path) -> None:
    """A link to a file of the repository, or to a heading, leads there."""
    for target, anchor in _LINK.findall(page.read_text()):
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{name_of(page)} links to {target}"
        if anchor:
            assert anchor in _anchors(file), f"{name_of(page)} links to #{anchor} of {file.name}"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_every_page_is_listed() -> None:
    """Every page of docs/ can be reached from its index."""
    linked = {target for target, _ in _LINK.findall((ROOT / "docs" / "index.md").read_text())}

    assert {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"} <= linked


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_name_on_the_index_is_not_ours(page: Path) -> None:
    """No page tells anyone to install `memguard` from the package index: that name belongs to something else."""
    assert not re.search(
        r"(?:pip|uv|pipx|poetry)\b[^\n`]*\b(?:install|add)\b[^\n`]*\bmemguard(?!-web)\b", page.read_text()
    )


def test_the_readme_commands() -> None:
    """The two commands are single lines, in the README's first screen, and CI runs the one of the tests as it is."""
    first_screen = (ROOT / "README.md").read_text().splitlines()[:30]
    commands = [line for line in first_screen if line.startswith("python3 -m venv .venv && ")]
    demo, tests = commands

    assert demo.endswith("-m example_apps.demo")
    assert tests in (ROOT / ".ci" / "run").read_text().splitlines()


def test_blocks_keep_their_place(tmp_path: Path) -> None:
    """A block is found with its file name and at its own line, so that a traceback points into the page."""
    page = tmp_path / "page.md"
    page.write_text(
        "# Title\n\n```python\n# shop/tasks.py\nx = 1\n```\n\n```console\n$ no\n```\n\n```python\ny = 2\n```\n"
    )

    assert list(blocks(page)) == [
        ("shop/tasks.py", "\n\n\n# shop/tasks.py\nx = 1\n"),
        (None, "\n" * 12 + "y = 2\n"),
    ]
    assert len(ast.parse(program(page)).body) == 8
