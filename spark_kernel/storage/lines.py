"""Lines of text out of a split, and lines of text into bytes. Called by tasks.

A line ends at LF, CR or CR LF, or at the end of the file, and nowhere else (``str.splitlines`` knows more ends).
Which lines belong to a split follows from one function of a position: `after line end`, the place after the first
line end found from there on. The records of a split are the bytes from after-line-end of its start (or the file's
beginning) to after-line-end of its end (or the file's end). So every line is in exactly one split wherever the
cuts are, in the middle of a CR LF too: a split but the first drops its first, partial line, and reads one line past
its end, as Hadoop's LineRecordReader does.

No Python code runs for a single line: blocks are cut after a line end, decoded and split as a whole; where lines are
only counted, they are not even made.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from inspect import GEN_CREATED, getgeneratorstate
from itertools import chain, islice
from typing import Any, TypeVar, cast

from spark_kernel.common.errors import StorageError
from spark_kernel.storage.byte_sources import ByteSource
from spark_kernel.storage.codecs import Codec, codec_of, read_decompressed
from spark_kernel.storage.failures import decode_error
from spark_kernel.storage.filesystems import StorageOptions
from spark_kernel.storage.splits import FileSplit

_BOM = b"\xef\xbb\xbf"
_LF, _CR = 10, 13
_CHUNK_BYTES = 256 * 1024
_T = TypeVar("_T", str, bytes, int)


class Lines(chain):  # type: ignore[type-arg]
    """The lines of a split, as `read_lines` describes them."""

    _blocks: Generator[Any, None, None]
    _counts: Iterator[list[int]]

    def count_unread(self) -> int | None:
        """How many lines there are, without making them; None when some of them were read already.

        The file is read to its end. Raises what reading the lines would raise.
        """
        if getgeneratorstate(self._blocks) != GEN_CREATED:
            return None
        self._blocks.close()
        return sum(chain.from_iterable(self._counts))


def read_lines(
    split: FileSplit,
    options: StorageOptions,
    use_unicode: bool = True,
    count: Callable[[int], None] | None = None,
) -> Lines:
    """The lines of ``split`` without their ends, as ``str``, or as ``bytes`` when ``use_unicode`` is false.

    A byte order mark of UTF-8 at the beginning of the file is dropped. The file is opened by the first ``next`` and
    closed when the iterator is exhausted or forgotten. ``count`` is told the bytes of each request to the storage.

    Lines that began before the file's listed size are read whole when the file has grown since; later ones are
    another dataset's. Raises PathNotFoundError when the file is gone, StorageError when it is shorter than it was
    or its compression is damaged, and DecodeError, after the good lines before it, for bytes that are not UTF-8.
    """
    to_lines: Callable[[bytes], list[Any]] = _text_lines if use_unicode else _byte_lines
    blocks = _blocks_of_lines(split, options, count, to_lines)
    lines = cast(Lines, Lines.from_iterable(blocks))
    lines._blocks = blocks
    lines._counts = _blocks_of_lines(split, options, count, _count_text if use_unicode else _count_bytes)
    return lines


def encode_lines(records: Iterable[object]) -> Iterator[bytes]:
    """``records`` as lines, in chunks of about 256 KB: bytes as they are, all else as UTF-8 of ``str()``.

    >>> b"".join(encode_lines(["a", b"\\xff", 3]))
    b'a\\n\\xff\\n3\\n'
    """
    iterator = iter(records)
    # Records may be of any size, so the first chunk is one, and the next as many as would fill a chunk.
    batch = 1
    while lines := list(islice(iterator, batch)):
        chunk = _encoded(lines)
        yield chunk
        batch = min(2 * batch, max(1, batch * _CHUNK_BYTES // len(chunk)))


def _encoded(records: list[object]) -> bytes:
    try:
        return ("\n".join(records) + "\n").encode("utf-8")  # type: ignore[arg-type]
    except TypeError:
        encoded = (record if isinstance(record, bytes) else str(record).encode("utf-8") for record in records)
        return b"\n".join(encoded) + b"\n"


def _blocks_of_lines(
    split: FileSplit,
    options: StorageOptions,
    count: Callable[[int], None] | None,
    to_lines: Callable[[bytes], list[_T]],
) -> Generator[list[_T], None, None]:
    codec = codec_of(split.url)
    with ByteSource(split.url, options, split.start, split.end, count) as source:
        if codec is not None:
            pieces = read_decompressed(source, codec, source.url)
        else:
            if split.start > 0:
                _drop_line(source, split.end)
            pieces = _pieces_of_records(source, split)
        offset = source.position
        for block in _cut_after_lines(pieces):
            mark = len(_BOM) if offset == 0 and block.startswith(_BOM) else 0
            if len(block) > mark:
                yield from _converted(block[mark:], offset + mark, source.url, codec, to_lines)
            offset += len(block)


def _drop_line(source: ByteSource, end: int | None) -> None:
    """Move after the first line end; no further than is needed to see that there is none before ``end``."""
    for _ in _rest_of_line(source):
        if end is not None and source.position > end:
            return


def _pieces_of_records(source: ByteSource, split: FileSplit) -> Iterator[bytes]:
    """The bytes from where ``source`` is, after a line end, to after-line-end of the split's end."""
    if split.end is None:
        yield from iter(source.read, b"")
        return
    if source.position > split.end:
        return
    last = _LF
    while source.position < split.end:
        piece = source.read(split.end - source.position)
        if not piece:
            raise StorageError(
                f"{source.url} is shorter than when it was listed ({source.position:,} bytes now, at least"
                f" {split.end:,} then); define the dataset again to read what is there now"
            )
        last = piece[-1]
        yield piece
    if not (split.is_last and last in (_LF, _CR)):
        yield from _rest_of_line(source)


def _rest_of_line(source: ByteSource) -> Iterator[bytes]:
    """The bytes up to and with the first line end, or to the end of the file."""
    while piece := source.read():
        cut = _after_line_end(piece)
        if cut == len(piece) and piece[-1] == _CR:
            # The other half of a CR LF may be in the next block.
            following = source.read(1)
            if following == b"\n":
                piece += following
                cut += 1
            elif following:
                source.step_back(1)
        elif cut:
            source.step_back(len(piece) - cut)
        yield piece[: cut or None]
        if cut:
            return


def _after_line_end(piece: bytes) -> int:
    """The index after the first line end in ``piece``; 0 when there is none."""
    lf = piece.find(b"\n")
    cr = piece.find(b"\r", 0, lf if lf >= 0 else len(piece))
    if cr < 0:
        return lf + 1
    return lf + 1 if lf == cr + 1 else cr + 1


def _cut_after_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks that end after a line end, except the last one.

    A line longer than a piece is collected in a list, so that its cost stays linear.
    """
    held: list[bytes] = []
    for piece in pieces:
        # A CR at the very end may be half of a CR LF.
        cut = max(piece.rfind(b"\n"), piece.rfind(b"\r", 0, -1)) + 1
        if cut == 0:
            held.append(piece)
            continue
        held.append(piece[:cut])
        block = b"".join(held)
        # Let go of the pieces first: they may be a line of hundreds of megabytes.
        held = [piece[cut:]]
        yield block
    rest = b"".join(held)
    if rest:
        yield rest


def _converted(
    block: bytes, offset: int, url: str, codec: Codec | None, to_lines: Callable[[bytes], list[_T]]
) -> Iterator[list[_T]]:
    """The lines of ``block``; when some of it can't be decoded, the lines before, and then the error."""
    try:
        lines = to_lines(block)
    except UnicodeDecodeError as error:
        good = max(block.rfind(b"\n", 0, error.start), block.rfind(b"\r", 0, error.start)) + 1
        if good:
            yield to_lines(block[:good])
        raise decode_error(error, url, offset, compressed=codec is not None) from error
    yield lines


def _text_lines(block: bytes) -> list[str]:
    text = block.decode("utf-8")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _byte_lines(block: bytes) -> list[bytes]:
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = block.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _count_text(block: bytes) -> list[int]:
    # What can't be decoded is an error, however few the readers of the text.
    block.decode("utf-8")
    return _count_bytes(block)


def _count_bytes(block: bytes) -> list[int]:
    """One number: how many lines the block has."""
    if b"\r" in block:
        return [len(_byte_lines(block))]
    return [block.count(b"\n") + (not block.endswith(b"\n"))]
