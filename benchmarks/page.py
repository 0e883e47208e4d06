"""Write docs/overhead.md and its pictures from what the benchmarks have kept in `benchmarks/results`.

    python benchmarks/page.py

Each section is of one script's last run. A section whose script has not run is left out, and said so at the end.
"""

import json
import sys
from collections.abc import Iterator

from page_sections import DOCS, PICTURES, SECTIONS
from page_targets import TARGETS
from page_words import CLOSING, INTRODUCTION, Result, table
from rounds import RESULTS


def main() -> None:
    """Write the page."""
    results = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))}
    if not results:
        sys.exit(f"nothing is in {RESULTS.name}/: run `nox -s bench` first")
    PICTURES.mkdir(exist_ok=True)
    (DOCS / "overhead.md").write_text("\n".join(_lines(results)) + "\n", encoding="utf-8")


def _lines(results: dict[str, Result]) -> Iterator[str]:
    yield INTRODUCTION
    yield from _machine(results)
    yield "## Targets\n"
    targets = [target for name, judge in TARGETS.items() if name in results for target in judge(results)]
    rows = ((each.what, each.wanted, each.got, "reached" if each.reached else "**missed**") for each in targets)
    yield from table(("target", "wanted", "got", ""), rows)
    reasons = dict.fromkeys(each.why for each in targets if each.why and not each.reached)
    if reasons:
        yield "\nWhat stands in the way of those that were missed:\n"
        yield from (f"- {why}" for why in reasons)
    missing = []
    for name, section in SECTIONS.items():
        if any(found.startswith(name) for found in results):
            yield ""
            yield from section(results)
        else:
            missing.append(name)
    if missing:
        yield f"\nNot run for this page: {', '.join(missing)}."
    yield CLOSING


def _machine(results: dict[str, Result]) -> Iterator[str]:
    machine = next(iter(results.values()))["machine"]
    versions = {name: found for each in results.values() for name, found in each["machine"]["versions"].items()}
    loads = [each["machine"]["load"] for each in results.values()]
    yield (
        f"This page: {machine['processor']}, {machine['cores']} cores, {machine['system']}, CPython {machine['python']}, "
        f"{max(each['machine']['at'] for each in results.values())}; load as each script ended {min(loads)} to {max(loads)}, "
        f"its own included. {', '.join(f'{name} {found}' for name, found in sorted(versions.items()))}.\n"
    )


if __name__ == "__main__":
    main()
