"""The beginning of a sequence file: what its keys and values are, how they are compressed, and its sync marker. Pure.

    "SEQ" version  key class  value class  compressed?  in blocks?  [codec class]  metadata  16 bytes of sync marker

Versions 4 and 5 lack the metadata, version 4 the codec's name. Files of before 2008 have other texts and are refused.
Source of the format: org.apache.hadoop.io.SequenceFile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spark_kernel.common.errors import SettingsError, StorageError
from spark_kernel.storage.codecs import Codec, codec_named
from spark_kernel.storage.sequence_files.vints import read_text, write_text

MAGIC = b"SEQ"
SYNC_BYTES = 16
_OLDEST, _WITH_CODEC, _WITH_METADATA = 4, 5, 6
_METADATA_AT_MOST = 1 << 16


@dataclass(frozen=True)
class Header:
    """What every reader of a file has to know."""

    key_class: str
    value_class: str
    sync: bytes
    """Random; stands in the file wherever a reader may begin."""
    codec: Codec | None = None
    in_blocks: bool = False
    """Whether many records are compressed together, and not each value by itself."""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The bytes, in version 6.

        >>> Header("K", "V", bytes(16)).encode()[:10]
        b'SEQ\\x06\\x01K\\x01V\\x00\\x00'
        """
        parts = [MAGIC, bytes([_WITH_METADATA]), write_text(self.key_class), write_text(self.value_class)]
        parts += [bytes([self.codec is not None, self.in_blocks])]
        if self.codec is not None:
            parts.append(write_text(f"{HADOOP_CODECS}.{self.codec.hadoop_classes[0]}"))
        parts.append(len(self.metadata).to_bytes(4, "big"))
        parts += [write_text(text) for pair in self.metadata.items() for text in pair]
        return b"".join([*parts, self.sync])


HADOOP_CODECS = "org.apache.hadoop.io.compress"


def read_header(data: bytes, url: str) -> tuple[Header, int]:
    """The header at the beginning of ``data``, and its length in bytes.

    Raises IndexError when ``data`` holds only a part of it, StorageError naming ``url`` when it is no sequence file,
    is too old, or is compressed in a way that can't be read.
    """
    if data[:3] != MAGIC[: len(data)]:
        raise StorageError(f"{url} not a SequenceFile: it begins with {bytes(data[:8])!r}, expected b'SEQ'")
    version = data[3]
    if not _OLDEST <= version <= _WITH_METADATA:
        raise StorageError(f"{url} is a SequenceFile of version {version}; readable are {_OLDEST} to {_WITH_METADATA}")
    key_class, at = read_text(data, 4)
    value_class, at = read_text(data, at)
    compressed, in_blocks = bool(data[at]), bool(data[at + 1])
    at += 2
    codec = None
    if compressed:
        name = f"{HADOOP_CODECS}.DefaultCodec"
        if version >= _WITH_CODEC:
            name, at = read_text(data, at)
        codec = _codec_of_file(name, url)
    metadata: dict[str, str] = {}
    if version >= _WITH_METADATA:
        metadata, at = _read_metadata(data, at, url)
    end = at + SYNC_BYTES
    if end > len(data):
        raise IndexError("the data ends within the header")
    return Header(key_class, value_class, bytes(data[at:end]), codec, in_blocks, metadata), end


def hadoop_codec(name: str) -> Codec:
    """The codec of a Hadoop class name, or of a plain one such as ``gzip``.

    Raises SettingsError for one that can't be read and written here, or that Hadoop does not have.
    """
    codec = codec_named(name)
    if not codec.hadoop_classes:
        raise SettingsError(f"Hadoop has no codec for {codec.name}, so no other program could read the file: use gzip")
    return codec


def _codec_of_file(name: str, url: str) -> Codec:
    try:
        return hadoop_codec(name)
    except SettingsError as error:
        raise StorageError(f"{url} can't be decompressed: {error}") from error


def _read_metadata(data: bytes, at: int, url: str) -> tuple[dict[str, str], int]:
    count = int.from_bytes(data[at : at + 4], "big", signed=True)
    if at + 4 > len(data):
        raise IndexError("the data ends within the header")
    if not 0 <= count <= _METADATA_AT_MOST:
        raise StorageError(f"{url} is damaged: its header promises {count} pairs of metadata")
    at += 4
    metadata = {}
    for _ in range(count):
        key, at = read_text(data, at)
        metadata[key], at = read_text(data, at)
    return metadata, at
