"""Record what real Spark answers to the parity programs.

    python tests/parity/record.py [parts of topics' or programs' names]

Needs a virtual environment with `pyspark` (not `pyspark-client`) and Java 17, and the repository's folder as the
working directory. Writes ``recorded/<topic>.json``: program -> ``repr`` of the answer. The tests replay them without
Java.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

TOPICS = (
    "layouts",
    "lineage",
    "choices",
    "values",
    "stages",
    "refusals",
    "chains",
    "shuffled",
    "joined",
    "kept",
    "shared",
    "files",
    "errors",
    "storage",
)


def main(*wanted: str) -> None:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark import SparkContext

    from tests.support.parity import PROGRAMS, plain

    for topic in TOPICS:
        known = set(PROGRAMS)
        importlib.import_module(f"tests.support.parity_{topic}")
        file = HERE / "recorded" / f"{topic}.json"
        answers = json.loads(file.read_text()) if file.exists() and wanted else {}
        for name in [name for name in PROGRAMS if name not in known]:
            if wanted and not any(part in name or part == topic for part in wanted):
                continue
            with SparkContext("local[4]", "parity") as sc:
                sc.setLogLevel("OFF")
                answers[name] = repr(plain(PROGRAMS[name](sc)))
            sys.stdout.write(f"{topic}: {name}\n")
            file.write_text(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Spark's driver wants the seed that its workers have, and a process gets one when it begins.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    main(*sys.argv[1:])
