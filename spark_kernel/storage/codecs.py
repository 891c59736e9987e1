"""Compression, known by the extension of a file's name, as Hadoop does. Called by `lines`, `whole_files`, `outputs`.

Readers deliver the content in pieces of bounded size, whatever the ratio of compression, go on through concatenated
streams, and raise on a file that ends too soon. Two formats that Hadoop reads are refused by name (its own framing
of Snappy and LZ4), so that nobody takes their bytes for text.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from spark_kernel.common.errors import SettingsError, SparkKernelError, StorageError
from spark_kernel.storage.byte_sources import PIECE_BYTES

FEED_BYTES = 1024
"""Compressed bytes given to a decompressor at a time where it can't bound its own output; of zstd, 32 MB at most."""
_UNREADABLE = (".snappy", ".lz4", ".lzo")


class Readable(Protocol):
    """Something with ``read``, which may return less than was asked for and returns nothing at the end."""

    def read(self, size: int = -1, /) -> bytes: ...


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


@dataclass(frozen=True)
class Codec:
    """One way to compress."""

    name: str
    """As users of Python call it."""
    extension: str
    """With its dot."""
    hadoop_classes: tuple[str, ...]
    """The classes that stand for it in ``saveAsTextFile``, without their package."""
    open: Callable[[Any], Readable]
    """From the compressed stream to the content."""
    compressor: Callable[[], _Compressor]

    def compress(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """``chunks`` as one compressed stream, in chunks.

        >>> gzip.decompress(b"".join(codec_named("gzip").compress([b"a", b"b"])))
        b'ab'
        """
        compressor = self.compressor()
        for chunk in chunks:
            if compressed := compressor.compress(chunk):
                yield compressed
        yield compressor.flush()

    def decompress(self, data: bytes) -> bytes:
        """What one compressed stream holds, whole. Raises what the library of this format raises.

        >>> codec_named("deflate").decompress(b"".join(codec_named("deflate").compress([b"a" * 99]))) == b"a" * 99
        True
        """
        return b"".join(iter(partial(self.open(io.BytesIO(data)).read, PIECE_BYTES), b""))


def codec_of(url: str) -> Codec | None:
    """The codec that the name says, or None for a name that says nothing; case doesn't matter.

    >>> codec_of("s3a://logs/2026.GZ").name
    'gzip'

    Raises StorageError for a compression that can't be read.
    """
    name = url.split("::")[0].lower()
    if name.startswith(("http://", "https://")):
        name = name.partition("?")[0]
    if name.endswith(_UNREADABLE):
        readable = ", ".join(codec.extension for codec in CODECS)
        raise StorageError(f"{url}: this compression can't be read; compress it as one of {readable}, or not at all")
    return next((codec for codec in CODECS if name.endswith(codec.extension)), None)


def codec_named(name: str) -> Codec:
    """The codec of a Hadoop class name, as ``saveAsTextFile`` takes it, or of a plain name such as ``gzip``.

    >>> codec_named("org.apache.hadoop.io.compress.GzipCodec").extension
    '.gz'

    Raises SettingsError for one that can't be written.
    """
    short = name.rpartition(".")[2]
    for codec in CODECS:
        if short in codec.hadoop_classes or short == codec.name:
            return codec
    known = ", ".join(f"org.apache.hadoop.io.compress.{kind}" for codec in CODECS for kind in codec.hadoop_classes)
    raise SettingsError(f"unknown compression codec {name!r}; known are {known} and xz")


def read_decompressed(source: Readable, codec: Codec, url: str) -> Iterator[bytes]:
    """The content of the compressed ``source``, in pieces. Raises StorageError naming ``url`` when it is damaged."""
    try:
        content = codec.open(source)
        yield from iter(lambda: content.read(PIECE_BYTES), b"")
    except (SparkKernelError, MemoryError):
        raise
    except Exception as error:
        raise StorageError(
            f"can't decompress {url} as {codec.name} ({type(error).__name__}: {error});"
            " it is damaged, cut short, or not what the end of its name says"
        ) from error


class _Fed:
    """Reads through decompressors that can't bound their output, by giving them little at a time.

    A stream that ends goes on with the next one, if bytes are left.
    """

    def __init__(self, source: Readable, start: Callable[[], Any]) -> None:
        self._source = source
        self._start = start
        self._decompressor: Any = None
        self._left = b""
        self._ready = io.BytesIO()

    def read(self, size: int = -1, /) -> bytes:
        while not (piece := self._ready.read(size)):
            fed = self._left or self._source.read(FEED_BYTES)
            if not fed:
                if self._decompressor is not None:
                    raise EOFError("the file ends in the middle of a compressed stream")
                return b""
            if self._decompressor is None:
                self._decompressor = self._start()
            self._ready = io.BytesIO(self._decompressor.decompress(fed))
            self._left = b""
            if self._decompressor.eof:
                self._left = self._decompressor.unused_data
                self._decompressor = None
        return piece


def _zstd_reader(source: Readable) -> Readable:
    # Imported where it is used: it takes as long as all of this layer.
    import zstandard

    return _Fed(source, lambda: zstandard.ZstdDecompressor().decompressobj())


def _zstd_compressor() -> _Compressor:
    import zstandard

    return zstandard.ZstdCompressor().compressobj()


CODECS = (
    Codec(
        name="gzip",
        extension=".gz",
        hadoop_classes=("GzipCodec",),
        open=lambda source: gzip.GzipFile(fileobj=source, mode="rb"),
        # Level 6 is Hadoop's; 31 asks for gzip's header, and writes no time into it.
        compressor=lambda: zlib.compressobj(6, zlib.DEFLATED, 31),
    ),
    Codec(
        name="bzip2",
        extension=".bz2",
        hadoop_classes=("BZip2Codec",),
        open=bz2.BZ2File,
        compressor=bz2.BZ2Compressor,
    ),
    Codec(
        name="xz",
        extension=".xz",
        hadoop_classes=(),
        open=lzma.LZMAFile,
        compressor=lzma.LZMACompressor,
    ),
    Codec(
        name="zstd",
        extension=".zst",
        hadoop_classes=("ZStandardCodec",),
        open=_zstd_reader,
        compressor=_zstd_compressor,
    ),
    Codec(
        name="deflate",
        extension=".deflate",
        hadoop_classes=("DefaultCodec", "DeflateCodec"),
        open=lambda source: _Fed(source, zlib.decompressobj),
        compressor=lambda: zlib.compressobj(6),
    ),
)
