"""Records how real Spark cuts files into lines: run by hand with a Python that has PySpark and Java.

    python tests/parity/record_line_splits.py tests/unit/storage/spark_line_splits.json

Each record: the files' contents in hexadecimal, the minimum number of partitions, the lines of each partition as
textFile gives them, and the sizes of the groups that wholeTextFiles makes. Read by tests/unit/storage.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path


def contents(choose: random.Random) -> list[bytes]:
    parts = [b"a", b"bc", b"d" * 9, "é".encode(), b" ", b"\x0b\x1c", b"\n", b"\n", b"\r", b"\r\n"]
    sizes = [choose.choice([0, 1, 3, 10, 40, 120]) for _ in range(choose.choice([1, 1, 1, 2, 4]))]
    mark = choose.choice([b"", b"", b"", b"\xef\xbb\xbf"])
    return [mark + b"".join(choose.choices(parts, k=size)) for size in sizes]


def main(target: str) -> None:
    from pyspark import SparkConf, SparkContext

    context = SparkContext("local[2]", "record", conf=SparkConf().set("spark.ui.enabled", "false"))
    choose = random.Random(20)
    records = []
    for case in range(80):
        files, partitions = contents(choose), choose.choice([1, 2, 3, 5, 8, 30])
        with tempfile.TemporaryDirectory() as folder:
            names = [Path(folder) / f"{number}.txt" for number in range(len(files))]
            for name, content in zip(names, files, strict=True):
                name.write_bytes(content)
            # By name, since the order of a folder is the operating system's.
            paths = ",".join(map(str, names))
            whole = context.wholeTextFiles(paths, partitions).glom().collect()
            records.append(
                {
                    "files": [content.hex() for content in files],
                    "min_partitions": partitions,
                    "lines": context.textFile(paths, partitions).glom().collect(),
                    "whole_files": [[len(text.encode()) for _, text in group] for group in whole],
                }
            )
        print(case, file=sys.stderr)  # noqa: T201
    Path(target).write_text(json.dumps(records, indent=0, ensure_ascii=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
