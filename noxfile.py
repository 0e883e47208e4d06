"""Every check of the project, each with what it needs installed by the project's own files.

`nox` alone runs what a change must pass: lint, typing, package, which runs the suite against the built wheel, and live,
against real servers. `nox -l` lists the rest.
"""

import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_external_run = True
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "typing", "package", "live"]

PYTHONS = [name.removeprefix("Programming Language :: Python :: ") for name in nox.project.load_toml()["project"][
    "classifiers"] if name.startswith("Programming Language :: Python :: 3.")]  # fmt: skip
LOCKED = "requirements/dev.txt"
WRITE_BYTECODE = {"PYTHONDONTWRITEBYTECODE": None}
"""Some hundred tests start a fresh Python each; without bytecode they compile all that they import, every time."""
CORES = os.cpu_count() or 1
LIVE_AT_ONCE = CORES + 1
"""Live tests wait more than they work: a verdict takes at least fifteen seconds, and servers start and end slowly."""
COMPARED_WITH = ("api-memory-watch", "dozer", "leakyspanner", "memray", "objgraph", "pympler")
DRAWN_WITH = "matplotlib"
FOR_ALL_PYTHONS = ("gc_neutrality",)
BENCHMARKS = (
    "boundary", "instructions", "window", "gc_neutrality", "footprint", "own_memory", "store", "object_pause", "snapshot_pause",
    "detection", "others", "servers",
)  # fmt: skip
DASHBOARD_ASSETS = "memguard/dashboard/static/"
BESIDE_THE_PACKAGE = (
    ".ci", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "docs", "example_apps", "noxfile.py", "pyproject.toml",
    "requirements", "tests",
)  # fmt: skip


def _install_checkout(session: nox.Session) -> None:
    session.install("-r", LOCKED)
    session.install("--no-deps", "-e", ".")


def _pytest(session: nox.Session, *arguments: str, python: str = "python", at_once: int = CORES) -> None:
    """Run tests in parallel; what is passed on has the last word, such as `-n 0` for one process."""
    session.run(
        python, "-X", "dev", "-m", "pytest", "--tx", f"{at_once}*popen//python={python} -X dev", "--dist", "loadgroup",
        "--max-worker-restart", "0", *arguments, *session.posargs, env=WRITE_BYTECODE, external=python != "python",
    )  # fmt: skip


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
    """All but the live tests, of the checkout, on the Python that runs nox."""
    _install_checkout(session)
    _pytest(session, "-m", "not live")


@nox.session
def live(session: nox.Session) -> None:
    """Only the tests that start real servers and workers."""
    _install_checkout(session)
    _pytest(session, "-m", "live", at_once=LIVE_AT_ONCE)


@nox.session
def browser(session: nox.Session) -> None:
    """Only the tests that drive the page of real servers in Chromium, which they install by apt where it is missing."""
    _install_checkout(session)
    _pytest(session, "tests/browser")


@nox.session
def screenshots(session: nox.Session) -> None:
    """Pictures of every screen into docs/screens/, taken of real workers with a real leak, in about five minutes."""
    _install_checkout(session)
    session.run("python", "-m", "tests.browser.screenshots", *session.posargs)


@nox.session
def zoo(session: nox.Session) -> None:
    """How right memguard is: real servers with known leaks, about a quarter of an hour; fails when a target is missed."""
    _install_checkout(session)
    session.run("python", "-m", "tests.zoo", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """The example applications with clean routes only, five minutes, or as many as `--minutes` says: no accusation."""
    _install_checkout(session)
    session.run("python", "-m", "tests.soak", *session.posargs)


@nox.session
def flakes(session: nox.Session) -> None:
    """How often the pytest plugin judges wrongly: 1,000 judgements of a leaking and a clean sample; fails if one is wrong."""
    _install_checkout(session)
    session.run("python", "-m", "tests.flakes", *session.posargs)


@nox.session
def recycle(session: nox.Session) -> None:
    """Recycling under a large load, hours of it, beside what others do on the same; fails when anything is lost.

    `nox -s recycle -- web …` and `nox -s recycle -- celery …` run one half; all other words are options of what runs.
    """
    _install_checkout(session)
    halves = {"web": _recycle_web, "celery": _recycle_celery}
    chosen = [name for name in halves if [name] == session.posargs[:1]]
    options = session.posargs[len(chosen) :]
    failed = []
    for name in chosen or halves:
        try:
            halves[name](session, options)
        except CommandFailed:
            failed.append(name)
    if failed:
        session.error(f"failed: {', '.join(failed)}")


def _recycle_web(session: nox.Session, arguments: list[str]) -> None:
    # The gthread worker of gunicorn's before version 24 is built otherwise; it has to run without a second gunicorn.
    old = Path(session.create_tmp()).resolve() / "old-gunicorn"
    if not old.exists():
        session.run("uv", "venv", "--quiet", "--python", str(Path(session.bin, "python")), str(old))
        session.run("uv", "pip", "install", "--quiet", "--python", str(old), "gunicorn==23.0.0", "-e", ".")
    python = str(old / "bin" / "python")
    session.run("python", "-m", "tests.recycle", "--own", "--old-gunicorn", python, *arguments)


def _recycle_celery(session: nox.Session, arguments: list[str]) -> None:
    # Debian's RabbitMQ, started by the session itself on loopback and ended by it. Elsewhere it has to be there already.
    if not shutil.which("rabbitmq-server") and shutil.which("apt-get"):
        for command in ("update", "install"):
            options = ("--yes", "--no-install-recommends", "rabbitmq-server") if command == "install" else ()
            session.run("apt-get", command, "-qq", *options, external=True, silent=True)
    session.run("python", "-m", "tests.recycle.celery_table", *arguments)


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
            _pytest(session, "-m", "not live", python=python)
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
def bench(session: nox.Session) -> None:
    """What memguard costs, and what others cost, about an hour; keeps it in benchmarks/results, writes docs/overhead.md.

    With names of scripts only these; the page is made of what all of them have kept.
    """
    _install_checkout(session)
    session.install("-c", LOCKED, *COMPARED_WITH, DRAWN_WITH, "uv")
    for name in session.posargs or BENCHMARKS:
        for python in _interpreters_of(session) if name in FOR_ALL_PYTHONS else ("python",):
            script = f"benchmarks/{name}.py"
            session.run(python, script, env={"PYTHONPATH": "."}, external=python != "python")
    session.run("python", "benchmarks/page.py")


def _interpreters_of(session: nox.Session) -> Iterator[str]:
    """Yield an interpreter of each supported version on this machine, with the package alone installed."""
    for version in PYTHONS:
        interpreter = _interpreter(version)
        if interpreter is not None:
            home = Path(session.create_tmp()).resolve() / version
            session.run("uv", "venv", "--quiet", "--clear", "--python", interpreter, str(home))
            session.run("uv", "pip", "install", "--quiet", "--python", str(home), "-c", LOCKED, "-e", ".")
            yield str(home / "bin" / "python")


@nox.session
def demo(session: nox.Session) -> None:
    """The demo as the README starts it, ending by itself: fails unless both leaks and nothing else are named."""
    session.install("-c", LOCKED, "-e", ".[demo]")
    session.run("python", "-m", "example_apps.demo", "--check", *session.posargs)


@nox.session
def package(session: nox.Session) -> None:
    """The wheel: what is in it, and the suite against it where no checkout can shadow it."""
    session.install("-r", LOCKED)
    with tempfile.TemporaryDirectory() as out:
        session.run("python", "-m", "build", "--outdir", out, silent=True)
        (wheel,) = Path(out).glob("*.whl")
        _check_contents(session, wheel)
        session.install("--no-deps", "--reinstall" if session.venv_backend == "uv" else "--force-reinstall", str(wheel))

    with tempfile.TemporaryDirectory() as elsewhere:
        for name in BESIDE_THE_PACKAGE:
            if Path(name).is_dir():
                # Bytecode names the files of the checkout, and every site in a test would be looked for there.
                shutil.copytree(name, Path(elsewhere, name), ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(name, Path(elsewhere, name))
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
