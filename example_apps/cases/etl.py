"""The ETL job whose one line holds the peak: `python -m example_apps.cases.etl FILE` sums up what each town has sold.

With `--mended` it does the same row by row. Without a file it makes one of its own first, in a temporary folder.
"""

import csv
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROWS = 200_000
TOWNS = ("Arena", "Basel", "Cork", "Delft")

Row = dict[str, str]


def make(path: Path, rows: int = ROWS) -> None:
    """Write a file of sales."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "town", "amount"])
        writer.writerows((number, TOWNS[number % len(TOWNS)], number % 100) for number in range(rows))


def total(path: Path) -> Counter[str]:
    """Return the sum of each town: of all rows, which are read first."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))  # the line that holds the peak
    sums: Counter[str] = Counter()
    for row in rows:
        sums[row["town"]] += int(row["amount"])
    return sums


def total_mended(path: Path) -> Counter[str]:
    """Return the same of one row at a time."""
    sums: Counter[str] = Counter()
    for row in read(path):
        sums[row["town"]] += int(row["amount"])
    return sums


def read(path: Path) -> Iterator[Row]:
    """Yield the rows of a file; none is kept."""
    with path.open(newline="") as file:
        yield from csv.DictReader(file)


def main(arguments: list[str]) -> None:
    """Sum up and print it."""
    work = total_mended if "--mended" in arguments else total
    files = [Path(each) for each in arguments if not each.startswith("--")]
    with tempfile.TemporaryDirectory() as folder:
        path = files[0] if files else Path(folder, "sales.csv")
        if not files:
            make(path)
        for town, amount in sorted(work(path).items()):
            print(town, amount)


if __name__ == "__main__":
    main(sys.argv[1:])
