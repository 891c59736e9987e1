"""Programs that write and read files: names, bytes, layouts."""

from __future__ import annotations

import bz2
import gzip
import os
import tempfile
from pathlib import Path

from tests.support.parity import jobs_since, lineage, program, refusal, told


def written(folder):
    """Name -> content of what a save wrote, without checksums."""
    names = sorted(name for name in os.listdir(folder) if not name.endswith(".crc"))
    return {name: Path(folder, name).read_bytes() for name in names}


def without_folder(text, folder):
    return text.replace(f"file:{folder}", "FOLDER").replace(folder, "FOLDER")


def fresh():
    return tempfile.TemporaryDirectory()


@program
def text_of_every_type(sc):
    with fresh() as folder:
        path = os.path.join(folder, "out")
        things = ["a", "é", b"raw", None, 1, 1.5, (1, "x"), [1], "", "two\nlines", "end\r"]
        sc.parallelize(things, 3).saveAsTextFile(path)
        back = sc.textFile(path, 2)
        return written(path), sorted(back.collect()), jobs_since(sc)


@program
def text_in_every_number_of_partitions(sc):
    with fresh() as folder:
        path = os.path.join(folder, "lines.txt")
        Path(path).write_text("".join(f"line {i}\n" for i in range(30)))
        return [sc.textFile(path, n).glom().collect() for n in (1, 2, 3, 5, 8, 40)]


@program
def text_files_and_lineage(sc):
    with fresh() as folder:
        path = os.path.join(folder, "lines.txt")
        Path(path).write_text("a b\nc\n")
        rdd = sc.textFile(path, 2)
        words = rdd.flatMap(str.split)
        return (
            [without_folder(line, folder) for line in lineage(words)],
            without_folder(rdd.name(), folder),
            rdd.id(),
            words.id(),
            rdd.getNumPartitions(),
            rdd.partitioner,
            words.collect(),
            sc.textFile(path, use_unicode=False).collect(),
        )


@program
def text_and_other_things_united(sc):
    with fresh() as folder:
        path = os.path.join(folder, "lines.txt")
        Path(path).write_text("one\ntwo\nthree\n")
        lines = sc.textFile(path, 2)
        both = lines.union(sc.parallelize([1, 2], 2))
        return (
            [without_folder(line, folder) for line in lineage(both)],
            both.glom().collect(),
            lines.union(lines).glom().collect(),
            [without_folder(line, folder) for line in lineage(lines.union(lines))],
            lines.zip(lines).collect(),
            [without_folder(line, folder) for line in lineage(lines.zip(lines.map(str)))],
            lines.repartition(3).glom().collect(),
            lines.cartesian(lines).collect(),
        )


@program
def compressed_text(sc):
    with fresh() as folder:
        codecs = {"Gzip": gzip.decompress, "BZip2": bz2.decompress}
        seen = []
        for name, open_it in codecs.items():
            path = os.path.join(folder, name)
            sc.parallelize(["a", "b", "c"], 2).saveAsTextFile(path, f"org.apache.hadoop.io.compress.{name}Codec")
            files = written(path)
            seen.append([(key, open_it(value) if value else value) for key, value in files.items()])
            # In no order: a folder's is that of the operating system.
            seen.append(sorted(sc.textFile(path).glom().collect()))
        return seen


@program
def folders_globs_and_lists(sc):
    with fresh() as folder:
        for name in ("a.txt", "b.txt", "_hidden", ".hidden", "c.log"):
            Path(os.path.join(folder, name)).write_text(f"{name}\n")
        return [
            sorted(sc.textFile(pattern).collect())
            for pattern in (
                folder,
                f"{folder}/*.txt",
                f"{folder}/a.txt,{folder}/c.log",
                f"{folder}/{{a,b}}.txt",
                f"{folder}/[ab].txt",
                f"{folder}/?.log",
                f"file://{folder}/a.txt",
            )
        ]


@program
def whole_text_files(sc):
    with fresh() as folder:
        for name, text in (("a", "x\ny"), ("b", ""), ("c", "é")):
            Path(os.path.join(folder, name)).write_text(text)
        rdd = sc.wholeTextFiles(folder)
        return (
            [(without_folder(path, folder), text) for path, text in sorted(rdd.collect())],
            [without_folder(line, folder) for line in lineage(rdd)],
            without_folder(rdd.name() or "", folder),
            sc.wholeTextFiles(folder, use_unicode=False)
            .values()
            .map(type)
            .map(lambda t: t.__name__)
            .distinct()
            .collect(),
        )


@program
def binary_files_and_records(sc):
    with fresh() as folder:
        path = os.path.join(folder, "bytes")
        Path(path).write_bytes(bytes(range(12)))
        files, records = sc.binaryFiles(folder), sc.binaryRecords(path, 4)
        return (
            [(without_folder(name, folder), content) for name, content in files.collect()],
            records.collect(),
            [without_folder(line, folder) for line in lineage(files)],
            [without_folder(line, folder) for line in lineage(records)],
            records.map(len).sum(),
        )


@program
def names_of_many_parts(sc):
    with fresh() as folder:
        path = os.path.join(folder, "out")
        sc.parallelize(range(3), 12).map(lambda x: (x, str(x))).saveAsTextFile(path)
        return list(written(path))


@program
def saving_where_something_is(sc):
    with fresh() as folder:
        said = refusal(lambda: sc.parallelize([1], 1).saveAsTextFile(folder))
        return "already exists" in said


@program
def a_round_trip_through_text(sc):
    with fresh() as folder:
        path = os.path.join(folder, "out")
        sc.parallelize(range(20), 4).map(lambda x: (x % 3, x)).groupByKey(3).mapValues(list).saveAsTextFile(path)
        back = sc.textFile(path, 1).map(lambda line: eval(line)).sortByKey(numPartitions=1)
        layout = told(back)["layout"]
        return layout, jobs_since(sc)


@program
def pickles_in_files(sc):
    with fresh() as folder:
        path = os.path.join(folder, "out")
        rdd = sc.parallelize([1, "a", None, (2.5, [3])] * 6, 2)
        rdd.saveAsPickleFile(path)
        rdd.map(str).saveAsPickleFile(path + "2", 3)
        rdd.saveAsPickleFile(path + "3", 0)
        back = sc.pickleFile(path, 1)
        return (
            list(written(path)),
            back.collect(),
            sc.pickleFile(path + "2", 1).count(),
            sc.pickleFile(path + "3").collect() == rdd.collect(),
            [without_folder(line, folder) for line in lineage(back)],
            jobs_since(sc),
        )


@program
def numbers_and_texts_in_sequence_files(sc):
    with fresh() as folder:
        path = os.path.join(folder, "out")
        rdd = sc.parallelize([(1, "a"), (2, "é"), (3, "")], 2)
        rdd.saveAsSequenceFile(path)
        back = sc.sequenceFile(path, minSplits=1)
        # Spark runs jobs on the first record to learn its types, which ours learns while it writes: no jobs are told.
        return list(written(path)), sorted(back.collect())
