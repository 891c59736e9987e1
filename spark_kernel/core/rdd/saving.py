"""Writing datasets to storage, each partition as one file, all or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from operator import itemgetter

from spark_kernel.core.lineage.recipes import Recipe, Records, TaskScope
from spark_kernel.core.rdd.approximations import Approximations
from spark_kernel.core.rdd.handle import concatenated
from spark_kernel.core.rdd.operations import current_site, operation
from spark_kernel.core.rdd.spark_rdds import UNBATCHED, SparkView
from spark_kernel.storage.codecs import Codec, codec_named
from spark_kernel.storage.lines import encode_lines
from spark_kernel.storage.outputs import DirectoryOutput


@dataclass(frozen=True)
class WriteLines:
    """The partition as one file of lines; one record that says where it is."""

    output: DirectoryOutput
    codec_name: str | None

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """A `WrittenFile`. The driver chooses one for each partition."""
        lines = count()
        records = map(itemgetter(0), zip(next(inputs), lines, strict=False))
        chunks, extension = encode_lines(records), ""
        if self.codec_name is not None:
            codec = codec_named(self.codec_name)
            chunks, extension = codec.compress(chunks), codec.extension
        written = self.output.write_partition(partition, scope.task_id, chunks, extension)
        scope.counts.bytes_written += written.bytes
        scope.counts.records_written += next(lines)
        return iter((written,))


class Saving(Approximations):
    """saveAsTextFile."""

    @operation
    def saveAsTextFile(self, path: str, compressionCodecClass: str | None = None) -> None:
        """Write each record as a line to the folder ``path``: ``part-00000`` and so on, ``_SUCCESS`` at the end.

        Bytes are written as they are, everything else as UTF-8 of ``str(record)``. The codec may be Hadoop's class name
        or a plain one such as ``gzip``. Raises PathExistsError when something is at ``path``.
        """
        codec: Codec | None = codec_named(compressionCodecClass) if compressionCodecClass else None
        output = DirectoryOutput(path, self._session.storage_options)
        steps = self._steps_of_spark(self._python_step(), 2)
        self._save(output, WriteLines(output, None if codec is None else codec.name), steps)

    def _steps_of_spark(self, view: SparkView, steps: int) -> SparkView:
        """The RDDs that Spark makes on the way to a file. They take ids; nothing else is seen of them."""
        for _ in range(steps):
            view = view.derived("MapPartitionsRDD", current_site(), view.num_partitions, UNBATCHED)
        return view

    def _save(self, output: DirectoryOutput, recipe: Recipe, view: SparkView) -> None:
        """Have ``recipe`` write each partition. ``view`` is what Spark would make of that."""
        output.prepare()
        try:
            written = concatenated(self._narrow(recipe, view=view)._run(list, is_python_step=False))
            output.commit(dict(enumerate(written)))
        except BaseException:
            output.abort()
            raise
