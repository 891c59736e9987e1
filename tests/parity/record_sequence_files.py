"""Record SequenceFiles that real Spark writes, and what it reads in them. Run by hand.

    python tests/parity/record_sequence_files.py [part of a case's name]

Needs a virtual environment with `pyspark` (not `pyspark-client`) and Java 17. Writes ``recorded/sequence_files/``: a
file for each case, and ``read.json``, case -> ``repr`` of what Spark reads. `test_sequence_files.py` reads them without
Java. The cases named ``java_*`` hold classes that PySpark does not write; what it can't read either is null.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "recorded" / "sequence_files"

CODECS = {name: f"org.apache.hadoop.io.compress.{name}Codec" for name in ("Default", "Gzip", "BZip2")}

WRITTEN: dict[str, tuple[list[Any], str | None]] = {
    "text": ([("a", "é"), ("", "x" * 200), ("zz", "\U0001f600\x00")], None),
    "int": ([(1, 2), (-5, 2**31 - 1), (3, -(2**31))], None),
    "long": ([(2**31, 2**40), (-(2**31) - 1, -(2**63))], None),
    "double": ([(1.5, float("inf")), (-0.0, 1e-300)], None),
    "boolean": ([(True, False), (False, True)], None),
    "bytes": ([(b"k", b"v" * 3), (b"", bytearray(b"\xff\x00"))], None),
    "null": ([(None, 1), (None, 2)], None),
    "map": ([(1, {"a": 1, "b": 2.5, "c": {"x": None, "y": b"1"}, 3: True}), (2, {})], None),
    **{f"blocks_{name}": ([(i, "abc" * i) for i in range(30)], codec) for name, codec in CODECS.items()},
    "blocks_map": ([(None, {"k": i}) for i in range(3)], CODECS["Default"]),
}
PICKLED: dict[str, tuple[list[Any], int]] = {
    "pickle_10": (list(range(35)), 10),
    "pickle_3": ([("key", {"n": i, "deep": [i, None, b"raw"]}) for i in range(40)], 3),
    "pickle_auto": (["x" * i for i in range(20)], 0),
    "pickle_function": ([(lambda x: x + 1)], 10),
}


def main(wanted: str = "") -> None:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark import SparkContext

    FOLDER.mkdir(parents=True, exist_ok=True)
    answers_file = FOLDER / "read.json"
    answers = json.loads(answers_file.read_text()) if answers_file.exists() and wanted else {}
    with SparkContext("local[2]", "record") as sc, tempfile.TemporaryDirectory() as folder:
        sc.setLogLevel("OFF")
        for name, record in cases(sc):
            if wanted in name:
                kept = FOLDER / f"{name}.seq"
                record(f"{folder}/{name}")
                shutil.copy(next(Path(folder).glob(f"{name}/part-*"), Path(folder) / name), kept)
                answers[name] = read(sc, name, str(kept))
                sys.stdout.write(f"{name}: {kept.stat().st_size} bytes\n")
        answers_file.write_text(json.dumps(answers, indent=1) + "\n")


def read(sc: Any, name: str, file: str) -> str | None:
    """``repr`` of what Spark reads in the file; None when it can't."""
    if name == "pickle_function":
        return repr([function(1) for function in sc.pickleFile(file).collect()])
    try:
        return repr((sc.pickleFile if name in PICKLED else sc.sequenceFile)(file).collect())
    except Exception:
        return None


def cases(sc: Any) -> list[tuple[str, Callable[[str], None]]]:
    """Case -> what writes it to a path."""
    found: list[tuple[str, Callable[[str], None]]] = []
    for name, (pairs, codec) in WRITTEN.items():
        found.append((name, lambda path, p=pairs, c=codec: sc.parallelize(p, 1).saveAsSequenceFile(path, c)))
    for name, (records, size) in PICKLED.items():
        found.append((name, lambda path, r=records, s=size: sc.parallelize(r, 1).saveAsPickleFile(path, s)))
    io = sc._jvm.org.apache.hadoop.io
    sorted_map = io.SortedMapWritable()
    sorted_map.put(io.IntWritable(7), io.Text("seven"))
    numbers = (-1, 0, 127, 128, -112, -113, 1 << 20)
    texts = [(io.IntWritable(i), io.Text("abc" * 20)) for i in range(4)]
    for name, pairs, kind, codec in (
        ("java_vint", [(io.VIntWritable(i), io.VLongWritable(i << 33)) for i in numbers], "NONE", None),
        ("java_float", [(io.FloatWritable(1.5), io.FloatWritable(0.1))], "NONE", None),
        ("java_small", [(small(sc, "Byte", b"\xf9"), small(sc, "Short", b"\xfe\xd4"))], "NONE", None),
        ("java_sorted_map", [(io.IntWritable(1), sorted_map)], "NONE", None),
        ("java_records", texts, "RECORD", CODECS["Default"]),
        ("java_records_gzip", texts, "RECORD", CODECS["Gzip"]),
    ):
        found.append((name, lambda path, *, p=pairs, k=kind, c=codec: java_write(sc, path, p, k, c)))
    return found


def small(sc: Any, kind: str, data: bytes) -> Any:
    """A ByteWritable or ShortWritable, from its bytes: Py4J would not find their constructors for Python's int."""
    jvm = sc._jvm
    found = getattr(jvm.org.apache.hadoop.io, f"{kind}Writable")()
    found.readFields(jvm.java.io.DataInputStream(jvm.java.io.ByteArrayInputStream(data)))
    return found


def java_write(sc: Any, path: str, pairs: list[tuple[Any, Any]], kind: str, codec: str | None) -> None:
    """Write pairs of Writables with Hadoop's own writer."""
    jvm, conf = sc._jvm, sc._jsc.hadoopConfiguration()
    io = jvm.org.apache.hadoop.io
    target = jvm.org.apache.hadoop.fs.Path(path)
    compression = getattr(io, "SequenceFile$CompressionType").valueOf(kind)
    arguments = [target.getFileSystem(conf), conf, target, pairs[0][0].getClass(), pairs[0][1].getClass(), compression]
    if codec is not None:
        codec_class = jvm.java.lang.Class.forName(codec)
        arguments.append(jvm.org.apache.hadoop.util.ReflectionUtils.newInstance(codec_class, conf))
    writer = io.SequenceFile.createWriter(*arguments)
    for pair in pairs:
        writer.append(*pair)
    writer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
