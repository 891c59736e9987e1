"""Whatever a storage backend raises becomes an error that a user understands.

Each backend has its own exceptions (OSError, botocore's, aiohttp's, zlib's). Every call into one stands inside
`storage_errors`; the user's own code (a generator whose chunks are written) must stand outside of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spark_kernel.common.errors import DecodeError, PathExistsError, PathNotFoundError, SparkKernelError, StorageError

# By name, since the packages that define them are imported only where their storage is used.
_UNREACHABLE = frozenset(
    {
        "EndpointConnectionError",
        "ConnectTimeoutError",
        "ConnectionClosedError",
        "ReadTimeoutError",
        "ProxyConnectionError",
        "ClientConnectorError",
        "ServerDisconnectedError",
        "ConnectionError",
        "FSTimeoutError",
        "TimeoutError",
        "gaierror",
    }
)
_NO_CREDENTIALS = frozenset({"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"})

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_FORBIDDEN = (401, 403, 407)
_S3_CREDENTIALS = "spark.hadoop.fs.s3a.access.key and spark.hadoop.fs.s3a.secret.key"


@contextmanager
def storage_errors(url: str, doing: str) -> Iterator[None]:
    """Turn what a backend raises while ``doing`` something ("read", "list", "write") with ``url`` into a StorageError.

    Errors of this package pass unchanged; the backend's own error is kept as the cause.

    >>> with storage_errors("file:/data/a.txt", "read"):
    ...     raise FileNotFoundError(2, "No such file", "/data/a.txt")
    Traceback (most recent call last):
    ...
    spark_kernel.common.errors.PathNotFoundError: can't read file:/data/a.txt: nothing is there
    """
    try:
        yield
    except (SparkKernelError, MemoryError):
        raise
    except Exception as error:
        raise as_storage_error(error, url, doing) from error


def as_storage_error(error: Exception, url: str, doing: str) -> StorageError:
    """The StorageError that says what ``error`` means for someone who was ``doing`` something with ``url``.

    >>> as_storage_error(PermissionError(13, "Permission denied"), "file:/etc/shadow", "read")
    StorageError("can't read file:/etc/shadow: permission denied; check who owns it and what its mode allows")
    """
    start = f"can't {doing} {url}: "
    names = _class_names(error)
    if names & _UNREACHABLE:
        return StorageError(start + f"the storage can't be reached ({_detail(error)}); {_where_it_is_named(url)}")
    if isinstance(error, FileNotFoundError) and says_missing(error):
        return PathNotFoundError(start + _what_is_missing(error, url))
    if isinstance(error, FileExistsError):
        return PathExistsError(start + "something is there already; choose another path or remove it")
    if isinstance(error, PermissionError) or getattr(error.__cause__, "status", None) in _FORBIDDEN:
        return StorageError(start + _what_is_forbidden(error, url))
    if isinstance(error, IsADirectoryError):
        return StorageError(start + "it is a folder, expected a file")
    if isinstance(error, NotADirectoryError):
        return StorageError(start + "a part of the path is a file, expected a folder")
    if isinstance(error, NotImplementedError):
        return StorageError(start + "this kind of storage doesn't offer that")
    if names & _NO_CREDENTIALS:
        return StorageError(start + f"there are no credentials for it; {_where_credentials_go(url)}")
    return StorageError(start + _detail(error))


def says_missing(error: OSError) -> bool:
    """Whether ``error`` means that nothing is there.

    fsspec's web client raises FileNotFoundError for whatever went wrong, and keeps that as the cause.
    """
    status = getattr(error.__cause__, "status", None)
    return status in (None, 404, 410) and not _class_names(error) & _UNREACHABLE


def decode_error(error: UnicodeDecodeError, url: str, offset: int = 0, compressed: bool = False) -> DecodeError:
    """The DecodeError for text of ``url``, of which ``error`` saw a part that began at byte ``offset``.

    >>> try:
    ...     b"ab\\xff".decode("utf-8")
    ... except UnicodeDecodeError as error:
    ...     print(decode_error(error, "file:/a.txt", offset=100))
    file:/a.txt is not UTF-8 at byte 102: b'\\xff' in b'ab\\xff' (invalid start byte); to get bytes ...
    """
    around = bytes(error.object[max(0, error.start - 20) : error.end + 20])
    wrong = bytes(error.object[error.start : error.end])
    place = f"byte {offset + error.start}" + (" of its decompressed content" if compressed else "")
    start = bytes(error.object[:2]) if offset == 0 else b""
    guess = "; it begins like UTF-16" if start in _UTF16 else ""
    return DecodeError(
        f"{url} is not UTF-8 at {place}: {wrong!r} in {around!r} ({error.reason}){guess};"
        " to get bytes instead of text, read it with use_unicode=False"
    )


def is_s3(url: str) -> bool:
    """Whether the storage behind ``url``, in the end, is S3."""
    return any(link.partition("://")[0] in ("s3", "s3a", "s3n") for link in url.split("::"))


def _class_names(error: Exception) -> set[str]:
    return {kind.__name__ for cause in (error, error.__cause__) for kind in type(cause).__mro__}


def _detail(error: BaseException) -> str:
    # A FileNotFoundError that hides another error says nothing by itself.
    if isinstance(error, FileNotFoundError) and error.__cause__ is not None:
        error = error.__cause__
    text = (getattr(error, "strerror", None) or str(error)).strip().rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _what_is_missing(error: FileNotFoundError, url: str) -> str:
    if url.startswith("memory:"):
        return (
            "nothing is there; memory:// is private to one process, so that workers don't see what the driver wrote:"
            " use a storage that all of them share, or the master `inline`"
        )
    text = str(error)
    return f"nothing is there ({text.rstrip('.')})" if "bucket" in text.lower() and " " in text else "nothing is there"


def _what_is_forbidden(error: Exception, url: str) -> str:
    if is_s3(url):
        return f"access denied ({error}); check {_S3_CREDENTIALS}, and what they are allowed to do"
    if url.startswith("file:"):
        return "permission denied; check who owns it and what its mode allows"
    return f"permission denied ({_detail(error)}); check the credentials in the storage options"


def _where_credentials_go(url: str) -> str:
    if is_s3(url):
        return f"set {_S3_CREDENTIALS} (or spark.kernel.storage.s3.anon=true for a public bucket)"
    return "set them as spark.kernel.storage.<protocol>.<option>"


def _where_it_is_named(url: str) -> str:
    if is_s3(url):
        return "check spark.hadoop.fs.s3a.endpoint and the network"
    return "check its address and the network"
