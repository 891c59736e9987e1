"""Which of Hadoop's formats need no Java: SequenceFiles, under the names of both of Hadoop's interfaces.

Programs name them in `hadoopFile`, `newAPIHadoopRDD`, `saveAsNewAPIHadoopFile` and their kin. Every other format is a
Java class that would have to run; the errors name what to use instead.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.errors import IllegalArgumentException, PySparkNotImplementedError

INPUTS = (
    "org.apache.hadoop.mapred.SequenceFileInputFormat",
    "org.apache.hadoop.mapreduce.lib.input.SequenceFileInputFormat",
)
OUTPUTS = (
    "org.apache.hadoop.mapred.SequenceFileOutputFormat",
    "org.apache.hadoop.mapreduce.lib.output.SequenceFileOutputFormat",
)
INPUT_PATH = ("mapreduce.input.fileinputformat.inputdir", "mapred.input.dir")
OUTPUT_PATH = ("mapreduce.output.fileoutputformat.outputdir", "mapred.output.dir")
OUTPUT_FORMAT = ("mapreduce.job.outputformat.class", "mapred.output.format.class")
KEY_CLASS = ("mapreduce.job.output.key.class", "mapred.output.key.class")
VALUE_CLASS = ("mapreduce.job.output.value.class", "mapred.output.value.class")
_COMPRESS = ("mapreduce.output.fileoutputformat.compress", "mapred.output.compress")
_CODEC = ("mapreduce.output.fileoutputformat.compress.codec", "mapred.output.compression.codec")
_DEFAULT_CODEC = "org.apache.hadoop.io.compress.DefaultCodec"

_READ_INSTEAD = (
    "Read lines with textFile, pairs with sequenceFile, whole files with binaryFiles, or records of one length with "
    "binaryRecords"
)
_WRITE_INSTEAD = (
    "Write text with saveAsTextFile, pairs with saveAsSequenceFile, or files of your own in foreachPartition"
)


def needs_java(what: str, alternative: str) -> PySparkNotImplementedError:
    """The error of something that only Hadoop's Java classes could carry out."""
    return PySparkNotImplementedError(f"{what} runs Hadoop's Java classes, and there is no JVM here. {alternative}.")


def check_input(method: str, format_class: str | None) -> None:
    """Raises PySparkNotImplementedError for a format that can't be read."""
    if format_class not in INPUTS:
        raise needs_java(f"{method} with {format_class}", _READ_INSTEAD)


def check_output(method: str, format_class: str | None, *converters: str | None) -> None:
    """Raises PySparkNotImplementedError for a format that can't be written, or a converter."""
    if format_class not in OUTPUTS:
        raise needs_java(f"{method} with {format_class}", _WRITE_INSTEAD)
    for name in filter(None, converters):
        raise needs_java(f"the converter {name}", "Convert the pairs with map: they are written as Python values")


def named(conf: Mapping[str, str] | None, names: tuple[str, str]) -> str | None:
    """What a job's configuration has under a name of Hadoop's, or under the old name of the same; else None.

    >>> named({"mapred.output.dir": "/x"}, OUTPUT_PATH)
    '/x'
    """
    return next((conf[name] for name in names if name in conf), None) if conf else None


def path_of(conf: Mapping[str, str] | None, names: tuple[str, str]) -> str:
    """The folder that a job's configuration names. Raises IllegalArgumentException when it names none."""
    path = named(conf, names)
    if path is None:
        raise IllegalArgumentException(f"the configuration names no folder; expected {names[0]!r} in it")
    return path


def codec_of(conf: Mapping[str, str] | None) -> str | None:
    """The class of the codec that a job's configuration asks for, or None.

    >>> codec_of({"mapred.output.compress": "true"}), codec_of({})
    ('org.apache.hadoop.io.compress.DefaultCodec', None)
    """
    if (named(conf, _COMPRESS) or "false").lower() != "true":
        return None
    return named(conf, _CODEC) or _DEFAULT_CODEC
