#!/usr/bin/env python3
"""Everything that is known to go wrong, done to a node on this machine: the long rows of the fault matrix, as a table.

    faults.py [--rows K01,K05] [--quick] [--no-tests] [--soak MINUTES] [--seed N] [--list]

Rows that `cargo test` proves are run by it; the others run here. Results are kept in target/faults.tsv, so that a run
that was interrupted goes on with --resume. Exit code 1 when a row failed.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import fault_disks
import fault_load
import fault_memory
import fault_names
import fault_points
from fault_rows import CELLS, ROWS, Failed, Row, Run, Unable
from kill_loop import Source
from running import ROOT, machine, scratch, target_folder
from wire import Broken

MODULES = (fault_points, fault_disks, fault_load, fault_memory, fault_names)
WANTED_KILLS = 1000
PASSED, FAILED, UNABLE = "passed", "FAILED", "not run"


def register() -> dict[str, tuple[str, str]]:
    """Row → what happens, and how it is proven."""
    lines = (ROOT / "tests" / "faults" / "rows.tsv").read_text().splitlines()[1:]
    return {cells[0]: (cells[1], cells[2]) for cells in (line.split("\t") for line in lines)}


def tests_of(rows: list[str]) -> dict[str, tuple[bool, int]]:
    """Runs the tests whose names begin with these rows. Row → whether all passed, and how many there are."""
    filters = [f"{row.lower()}_" for row in rows]
    command = ["cargo", "test", "--locked", "--no-fail-fast", "--lib", "--tests", "--", *filters]
    found: dict[str, tuple[bool, int]] = {}
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    tail: list[str] = []
    for line in process.stdout:
        tail = [*tail[-40:], line.rstrip()]
        match = re.match(r"test (?:\S*::)?((?:[ndcfkp]\d\d_)+)\S* \.\.\. (ok|FAILED)", line)
        for row in match[1].upper().strip("_").split("_") if match else []:
            passed, count = found.get(row, (True, 0))
            found[row] = (passed and match[2] == "ok", count + 1)
    if process.wait() and not any(not passed for passed, _ in found.values()):
        raise SystemExit("\n".join(["cargo test failed:", *tail]))
    return found


class Table:
    """Row → result and figures, on the disk after each row."""

    def __init__(self, resume: bool):
        self.path = target_folder() / "faults.tsv"
        self.rows: dict[str, tuple[str, str]] = {}
        if resume and self.path.exists():
            self.rows = {cells[0]: (cells[1], cells[2]) for cells in (line.split("\t") for line in self.path.read_text().splitlines())}

    def put(self, ids: list[str], result: str, text: str) -> None:
        for row in ids:
            old = self.rows.get(row)
            both = old and f"{old[1]}; {text}" if old else text
            self.rows[row] = (FAILED if old and old[0] == FAILED else result, both)
        self.path.write_text("".join(f"{row}\t{result}\t{text}\n" for row, (result, text) in self.rows.items()))
        print(f"{' '.join(ids):12} {result:8} {text}", flush=True)


def run_row(row: Row, run: Run, table: Table) -> None:
    start = time.monotonic()
    try:
        text = row.work(run)
    except Unable as missing:
        table.put(row.ids, UNABLE, f"needs {missing}")
        return
    except (Failed, Broken, OSError, RuntimeError, subprocess.SubprocessError) as error:
        table.put(row.ids, FAILED, f"{row.title}: {type(error).__name__}: {error}".replace("\n", " | "))
        return
    table.put(row.ids, PASSED, f"{text} [{time.monotonic() - start:.0f} s]")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", help="only these, as K01,K05")
    parser.add_argument("--quick", action="store_true", help="fewer points, smaller instances, shorter runs")
    parser.add_argument("--no-tests", action="store_true", help="leave out what cargo test proves")
    parser.add_argument("--resume", action="store_true", help="leave out what passed in the run before")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="full load for so long, and nothing else")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="show the rows and how each is proven")
    arguments = parser.parse_args()
    matrix = register()
    if arguments.list:
        for name, (title, proof) in matrix.items():
            print(f"{name}  {title}: {proof}")
        return 0
    wanted = [name.strip().upper() for name in arguments.rows.split(",")] if arguments.rows else list(matrix)
    unknown = [name for name in wanted if name not in matrix]
    if unknown:
        parser.error(f"there is no row {', '.join(unknown)}")
    if arguments.soak:
        wanted, arguments.no_tests = ["P19"], True
    table = Table(arguments.resume)
    wanted = [name for name in wanted if table.rows.get(name, ("", ""))[0] != PASSED]
    print(machine(), flush=True)
    tested = [name for name in wanted if "test" in matrix[name][1].split("needs:")[0].split()]
    if tested and not arguments.no_tests:
        for name, (passed, count) in tests_of(tested).items():
            if name in wanted:
                table.put([name], PASSED if passed else FAILED, f"{count} test{'s' * (count > 1)}")
    with scratch() as work:
        os.chmod(work, 0o755)
        run = Run(work, Source(work / "slices", CELLS), arguments.quick, arguments.seed, arguments.soak)
        for row in ROWS:
            if any(name in wanted for name in row.ids):
                run_row(row, run, table)
    for name in wanted:
        if "needs:" in matrix[name][1]:
            table.put([name], UNABLE, f"needs {matrix[name][1].split('needs:')[1].strip()}")
    return report(matrix, wanted, table, run, whole=not arguments.rows and not arguments.soak and not arguments.quick)


def report(matrix, wanted: list[str], table: Table, run: Run, whole: bool) -> int:
    print()
    print("| row | what happens | result | |\n|---|---|---|---|")
    for name in matrix:
        if name in table.rows:
            result, text = table.rows[name]
            print(f"| {name} | {matrix[name][0]} | {result} | {text} |")
    counts = {result: sum(1 for found, _ in table.rows.values() if found == result) for result in (PASSED, FAILED, UNABLE)}
    print(f"\n{counts[PASSED]} rows passed, {counts[FAILED]} failed, {counts[UNABLE]} not run; {run.kills} times kill -9.")
    if whole and run.kills < WANTED_KILLS and counts[UNABLE] == 0:
        print(f"FAILED: fewer than {WANTED_KILLS} kills")
        return 1
    return 1 if counts[FAILED] else 0


if __name__ == "__main__":
    sys.exit(main())
