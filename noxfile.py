"""Every check of the project, each with what it needs installed by the project's own files.

`nox` alone runs what a change must pass: lint, typing, tests, package. `nox -l` lists the rest.
"""

import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_external_run = True
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "typing", "tests", "package"]

PYTHONS = [name.removeprefix("Programming Language :: Python :: ") for name in nox.project.load_toml()["project"][
    "classifiers"] if name.startswith("Programming Language :: Python :: 3.")]  # fmt: skip
LOCKED = "requirements/dev.txt"
DASHBOARD_ASSETS = "memguard/dashboard/static/"
BESIDE_THE_PACKAGE = (
    ".ci", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "docs", "example_apps", "noxfile.py", "pyproject.toml",
    "requirements", "tests",
)  # fmt: skip


def _install_checkout(session: nox.Session) -> None:
    session.install("-r", LOCKED)
    session.install("--no-deps", "-e", ".")


def _pytest(session: nox.Session, *arguments: str) -> None:
    session.run("python", "-X", "dev", "-m", "pytest", *arguments, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and the form the formatter gives."""
    session.install("-c", LOCKED, "ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def typing(session: nox.Session) -> None:
    """Strict types, of the package and of its tests."""
    _install_checkout(session)
    session.run("mypy")


@nox.session
def unit(session: nox.Session) -> None:
    """The tests of single modules, in seconds."""
    _install_checkout(session)
    _pytest(session, "tests/unit")


@nox.session
def tests(session: nox.Session) -> None:
    """Every test there is, on the Python that runs nox."""
    _install_checkout(session)
    _pytest(session)


@nox.session
def live(session: nox.Session) -> None:
    """Only the tests that start real servers and workers."""
    _install_checkout(session)
    _pytest(session, "-m", "live")


@nox.session
def versions(session: nox.Session) -> None:
    """All but the live tests, on every supported Python that is on this machine."""
    session.install("-c", LOCKED, "uv")
    failed = []
    for version in PYTHONS:
        interpreter = _interpreter(version)
        if interpreter is None:
            session.warn(f"Python {version} is not on this machine")
            continue
        home = Path(session.create_tmp()).resolve() / version
        session.run("uv", "venv", "--quiet", "--clear", "--python", interpreter, str(home))
        session.run("uv", "pip", "install", "--quiet", "--python", str(home), "-r", LOCKED)
        session.run("uv", "pip", "install", "--quiet", "--python", str(home), "--no-deps", "-e", ".")
        python = str(home / "bin" / "python")
        try:
            session.run(python, "-X", "dev", "-m", "pytest", "-m", "not live", *session.posargs, external=True)
        except CommandFailed:
            failed.append(version)
    if failed:
        session.error(f"failed on Python {', '.join(failed)}")


def _interpreter(version: str) -> str | None:
    # pyenv's shims are on PATH for versions that are not switched on; then the shim fails and the version itself works.
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [shutil.which(f"python{version}"), *map(str, pyenv.glob(f"versions/{version}.*/bin/python"))]
    for candidate in filter(None, candidates):
        told = subprocess.run([candidate, "-V"], capture_output=True, text=True, check=False)
        if told.stdout.startswith(f"Python {version}."):
            return candidate
    return None


@nox.session
def demo(session: nox.Session) -> None:
    """The demo as the README starts it, ending by itself: fails unless both leaks and nothing else are named."""
    session.install("-c", LOCKED, "-e", ".[demo]")
    session.run("python", "-m", "example_apps.demo", "--check", *session.posargs)


@nox.session
def package(session: nox.Session) -> None:
    """The wheel: what is in it, and the suite against it where no checkout can shadow it."""
    session.install("-r", LOCKED)
    out = Path(session.create_tmp()).resolve()
    shutil.rmtree(out)
    session.run("python", "-m", "build", "--outdir", str(out), silent=True)
    (wheel,) = out.glob("*.whl")
    _check_contents(session, wheel)
    session.install("--no-deps", "--reinstall" if session.venv_backend == "uv" else "--force-reinstall", str(wheel))

    with tempfile.TemporaryDirectory() as elsewhere:
        for name in BESIDE_THE_PACKAGE:
            copy = shutil.copytree if Path(name).is_dir() else shutil.copy
            copy(name, Path(elsewhere, name))
        with session.chdir(elsewhere):
            session.run("python", "-c", "import memguard, sys; sys.exit(not memguard.__file__.startswith(sys.prefix))")
            _pytest(session, "-m", "not live")


def _check_contents(session: nox.Session, wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    written = {path.as_posix() for path in Path("memguard").rglob("*") if path.is_file()}
    wanted = {name for name in written if "__pycache__" not in name}
    packed = {name for name in inside if ".dist-info/" not in name}
    if missing := sorted(wanted - packed):
        session.error(f"not in the wheel: {', '.join(missing)}")
    if surplus := sorted(packed - wanted):
        session.error(f"in the wheel, but not of the package: {', '.join(surplus)}")
    for name in ("memguard/py.typed", DASHBOARD_ASSETS):
        if not any(packed_name.startswith(name) for packed_name in packed):
            session.error(f"the wheel has no {name}")
    if not any(name.endswith("licenses/LICENSE") for name in inside):
        session.error("the wheel has no licence")


@nox.session
def lock(session: nox.Session) -> None:
    """Write the locked development environment anew, for all supported Pythons; it names no registry and no path."""
    session.install("uv")
    session.run(
        "uv", "pip", "compile", "pyproject.toml", "--all-extras", "--group", "dev",
        "--universal", "--python-version", PYTHONS[0], "--upgrade",
        "--no-emit-index-url", "--no-annotate", "--no-header", "--quiet", "--output-file", LOCKED,
    )  # fmt: skip
