"""Compression by the end of the name: round trips, concatenated streams, damage."""

from __future__ import annotations

import io
import random
import tracemalloc

import pytest

from spark_kernel.common.errors import PathNotFoundError, SettingsError, StorageError
from spark_kernel.storage.codecs import CODECS, Codec, codec_named, codec_of, read_decompressed

every_codec = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
RANDOM = random.Random(3).randbytes(300_000)


def compressed(codec: Codec, *chunks: bytes) -> bytes:
    return b"".join(codec.compress(chunks))


def content(codec: Codec, data: bytes) -> bytes:
    return b"".join(read_decompressed(io.BytesIO(data), codec, "file:/a"))


@every_codec
def test_what_is_compressed_comes_back(codec: Codec) -> None:
    assert content(codec, compressed(codec, b"one", b"", RANDOM)) == b"one" + RANDOM
    assert content(codec, compressed(codec)) == b""


@every_codec
def test_streams_one_after_the_other_are_one_content(codec: Codec) -> None:
    data = compressed(codec, b"a" * 1000) + compressed(codec, RANDOM) + compressed(codec, b"end")
    assert content(codec, data) == b"a" * 1000 + RANDOM + b"end"


@every_codec
@pytest.mark.parametrize("left", [-1, -50, 150_000, 3])
def test_a_file_that_ends_too_soon_is_an_error(codec: Codec, left: int) -> None:
    with pytest.raises(StorageError, match=rf"can't decompress file:/a as {codec.name}.*cut short"):
        content(codec, compressed(codec, RANDOM)[:left])


@every_codec
def test_a_later_stream_that_ends_too_soon_is_an_error(codec: Codec) -> None:
    with pytest.raises(StorageError, match="can't decompress"):
        content(codec, compressed(codec, b"a") + compressed(codec, RANDOM)[:100_000])


@every_codec
def test_what_is_not_compressed_is_an_error(codec: Codec) -> None:
    with pytest.raises(StorageError, match="can't decompress"):
        content(codec, b"plain text that goes on for a while\n" * 10)


@every_codec
def test_high_compression_does_not_fill_the_memory(codec: Codec) -> None:
    data = compressed(codec, *[bytes(2**20)] * 16) * 5
    tracemalloc.start()
    try:
        size = sum(map(len, read_decompressed(io.BytesIO(data), codec, "file:/a")))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 80 * 2**20
    assert peak < 40 * 2**20


@every_codec
def test_an_error_of_the_storage_passes_through(codec: Codec) -> None:
    class Gone:
        def read(self, size: int = -1, /) -> bytes:
            raise PathNotFoundError("gone")

    with pytest.raises(PathNotFoundError, match="gone"):
        list(read_decompressed(Gone(), codec, "file:/a"))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("file:/a.gz", "gzip"),
        ("file:/a.txt.BZ2", "bzip2"),
        ("s3a://b/a.xz", "xz"),
        ("file:/a.zst", "zstd"),
        ("file:/a.deflate", "deflate"),
        ("https://h/a.gz?signature=x.txt", "gzip"),
        ("zip://a.gz::file:/b.zip", "gzip"),
        ("zip://a.txt::file:/b.gz", None),
        ("file:/gz", None),
        ("file:/a.gz/b", None),
    ],
)
def test_the_end_of_the_name_says_the_codec(url: str, name: str | None) -> None:
    found = codec_of(url)
    assert (found and found.name) == name


def test_hadoops_class_names_and_plain_names_are_understood() -> None:
    assert codec_named("org.apache.hadoop.io.compress.BZip2Codec").extension == ".bz2"
    assert codec_named("org.apache.hadoop.io.compress.DefaultCodec").extension == ".deflate"
    assert codec_named("zstd").extension == ".zst"


def test_an_unknown_codec_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(SettingsError, match=r"'org\.foo\.Bar'; known are .*GzipCodec"):
        codec_named("org.foo.Bar")
