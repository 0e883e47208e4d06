"""Comparisons that a busy machine does not spoil: variants in turn, round after round, each against its own round's base."""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PACKAGES = (
    "memguard-web", "flask", "starlette", "celery", "gunicorn", "uvicorn", "sqlalchemy", "objgraph", "pympler", "dozer", "memray",
)  # fmt: skip


def interleaved(
    names: Sequence[str], rounds: int, measure: Callable[[str], float], seconds: float
) -> dict[str, list[float]]:
    """Return what was measured of each: in every round all of them in turn, every other round backwards.

    No round begins after so many seconds.
    """
    samples: dict[str, list[float]] = {name: [] for name in names}
    deadline = time.monotonic() + seconds
    for number in range(rounds):
        if number and time.monotonic() > deadline:
            break
        for name in names if number % 2 == 0 else reversed(names):
            samples[name].append(measure(name))
    return samples


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return the median of values with their quartiles."""
    ordered = sorted(values)
    if len(ordered) < 2:
        return {"median": ordered[0], "low": ordered[0], "high": ordered[0], "rounds": len(ordered)}
    low, middle, high = statistics.quantiles(ordered, n=4, method="inclusive")
    return {"median": middle, "low": low, "high": high, "rounds": len(ordered)}


def compared(samples: dict[str, list[float]], base: str) -> dict[str, dict[str, float]]:
    """Return for each the spread of its ratios to the base of the same round, and as `all` that of the sums."""
    return {
        name: {
            **spread(value / other for value, other in zip(values, samples[base], strict=True) if other),
            "all": sum(values) / (sum(samples[base]) or 1.0),
        }
        for name, values in samples.items()
    }


def save(name: str, result: dict[str, Any]) -> None:
    """Keep a result with the machine it is from; the page and its charts are made of these files."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine(), **result}, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    """Return what a reader has to know of where the figures are from."""
    model = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": model[0] if model else platform.processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "at": time.strftime("%Y-%m-%d"),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def say(*words: object) -> None:
    """Tell how far it is."""
    print(*words, file=sys.stderr, flush=True)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, of all threads that are alive, exactly where the kernel tells it by nanoseconds."""
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    except OSError:
        import psutil

        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
