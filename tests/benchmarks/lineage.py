"""Long and wide lineages, many rounds, many partitions: what a job costs when there is a lot of it.

    python tests/benchmarks/lineage.py [--pyspark PYTHON] [--only TEXT] [--scale 1] [--patience 300]

Prints one line a case: name, ours, the peer's, ratio. The peers are PySpark, where its Python is given, and for empty
partitions as many bare Dask tasks. Of programs of many rounds it also prints what a round took at the beginning and at
the end. A peer that fails or takes longer than ``--patience`` seconds is reported as that. Each program has a process
of its own; starting it is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

CASES = [
    ("chained_maps", 10_000),
    ("wide_union", 5_000),
    ("chained_unions", 5_000),
    ("chained_shuffles", 1_000),
    ("rounds", 500),
    ("rounds_with_checkpoints", 500),
    ("rounds_in_cache", 500),
    ("empty_partitions", 1_000),
    ("empty_partitions", 10_000),
    ("empty_partitions", 100_000),
]
MOST_DASK_TASKS = 10_000


def run(engine: str, python: str, case: str, size: int, patience: float) -> dict:
    command = [python, str(Path(__file__).with_name("lineage_cases.py")), engine, case, str(size)]
    environment = dict(os.environ)
    if engine == "pyspark":
        environment.pop("PYTHONPATH", None)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience, env=environment)
    except subprocess.TimeoutExpired:
        return {"error": f"not within {patience:.0f} s"}
    answers = [line.removeprefix("ANSWER ") for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    return json.loads(answers[-1]) if answers else {"error": f"ended with {done.returncode}"}


def text_of(answer: dict, size: int, case: str) -> str:
    if "error" in answer:
        return answer["error"]
    text = f"{answer['seconds']:7.2f} s"
    if "first" in answer:
        first, last = answer["first"], answer["last"]
        text += f" ({first * 1e3:.1f} ms a round at first, {last * 1e3:.1f} ms at last: {last / first:.2f}x)"
    elif case == "empty_partitions":
        text += f" ({answer['seconds'] / size * 1e6:.0f} us each)"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pyspark", help="python of a virtual environment with pyspark; left out when not given")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--scale", type=float, default=1.0, help="fraction of the full sizes")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds that one program gets")
    arguments = parser.parse_args()
    for case, full_size in CASES:
        if arguments.only not in case:
            continue
        size = max(1, int(full_size * arguments.scale))
        engines = {"ours": sys.executable}
        if case == "empty_partitions" and size <= MOST_DASK_TASKS:
            engines["dask"] = sys.executable
        if arguments.pyspark:
            engines["pyspark"] = arguments.pyspark
        answers = {name: run(name, python, case, size, arguments.patience) for name, python in engines.items()}
        ours = answers["ours"].get("seconds")
        cells = [f"{case.replace('_', ' ')}, {size:,}"]
        for name, answer in answers.items():
            ratio = f", {answer['seconds'] / ours:.2f}x ours" if name != "ours" and ours and "seconds" in answer else ""
            cells.append(f"{name} {text_of(answer, size, case)}{ratio}")
        print("  |  ".join(cells), flush=True)


if __name__ == "__main__":
    main()
