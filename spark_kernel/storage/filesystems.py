"""From a URL and the options to an fsspec file system and a path on it: the door to fsspec.

A location is found anew for each use and not kept: fsspec keeps its instances per process (and, where they are not
asynchronous, per thread), so that neither a fork nor a thread inherits a connection of another.
"""

from __future__ import annotations

import difflib
import re
from itertools import takewhile
from typing import Any, NamedTuple

import fsspec
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from spark_kernel.common.errors import StorageError
from spark_kernel.storage import s3
from spark_kernel.storage.failures import says_missing, storage_errors
from spark_kernel.storage.options import PROTOCOL_ALIASES, StorageOptions

__all__ = [
    "Location",
    "StorageOptions",
    "absolute_url",
    "caches_blocks",
    "can_seek",
    "exists",
    "has_folders",
    "is_local",
    "resolve",
    "url_of",
]

# What to install for a protocol whose package is missing.
_PACKAGES = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "az": "adlfs",
    "adl": "adlfs",
    "hdfs": "pyarrow",
    "arrow_hdfs": "pyarrow",
    "http": "aiohttp",
    "https": "aiohttp",
    "ssh": "paramiko",
    "sftp": "paramiko",
    "smb": "smbprotocol",
    "oci": "ocifs",
    "oss": "ossfs",
    "hf": "huggingface_hub",
    "webhdfs": "requests",
    "github": "requests",
}
# Storage where a folder is only a prefix of names: nothing to create, nothing to remove.
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "oci", "http", "https"}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(://|::)")


class Location(NamedTuple):
    """A path on a file system."""

    filesystem: Any
    """An fsspec file system that belongs to this process and thread."""
    path: str
    """The path as that file system names it."""


def resolve(url: str, options: StorageOptions) -> Location:
    """The file system that ``url`` lives on, without listings that it may remember, and the path there.

    ``url`` is any fsspec URL, chained ones included; ``s3a://`` and ``s3n://`` are ``s3://``; a plain path,
    ``file:/x`` and ``file:///x`` are local. Nothing is looked up at the path itself.

    >>> resolve("file:/data/a.txt", StorageOptions()).path
    '/data/a.txt'

    Raises StorageError for an unknown protocol, a missing package, options that the backend refuses, and an S3
    endpoint that does not answer.
    """
    local = _local_path(url)
    if local is not None:
        # Cheap to make, while fsspec would keep one for each thread that ever asked.
        filesystem = LocalFileSystem(skip_instance_cache=True, **options.of("file"))
        return Location(filesystem, filesystem._strip_protocol(local))
    links = [_with_known_protocol(link, url) for link in url.split("::")]
    protocols = {link.partition("://")[0] for link in links}
    with storage_errors(url, "open"):
        try:
            filesystem, path = url_to_fs("::".join(links), **{name: options.of(name) for name in protocols})
        except ImportError as error:
            raise StorageError(_what_to_install(url, protocols, error)) from error
        filesystem.invalidate_cache()
        if "s3" in _protocols(filesystem):
            s3.prepare(filesystem, path)
    return Location(filesystem, path)


def exists(filesystem: Any, path: str) -> bool:
    """Whether a file or a folder is at ``path``. fsspec's own ``exists`` takes any failure for a no; this raises it."""
    try:
        filesystem.info(path)
    except FileNotFoundError as error:
        if says_missing(error):
            return False
        raise
    return True


def is_local(filesystem: Any) -> bool:
    """Whether its files are those of this machine's operating system."""
    return isinstance(filesystem, LocalFileSystem)


def has_folders(filesystem: Any) -> bool:
    """Whether folders exist by themselves, as on a disk, and not only as prefixes of names, as on S3."""
    return _OBJECT_STORES.isdisjoint(_protocols(filesystem))


def can_seek(filesystem: Any) -> bool:
    """Whether its files can be read from any place. Many web servers send the whole file whatever is asked for."""
    return {"http", "https"}.isdisjoint(_protocols(filesystem))


def caches_blocks(filesystem: Any) -> bool:
    """Whether the user asked, by ``blockcache::``, for fsspec to keep blocks; it then chooses how files are read."""
    return not {"blockcache", "cached"}.isdisjoint(_protocols(filesystem))


def absolute_url(url: str) -> str:
    """``url`` so that it means the same in another process: local paths become absolute ``file:`` URLs.

    >>> absolute_url("file:///data/a.txt"), absolute_url("/data/../a"), absolute_url("s3a://bucket/k")
    ('file:/data/a.txt', 'file:/data/../a', 's3a://bucket/k')
    """
    local = _local_path(url)
    if local is not None:
        return f"file:{LocalFileSystem._strip_protocol(local)}"
    return "::".join(absolute_url(link) if _is_local_link(link) else link for link in url.split("::"))


def url_of(path: str, url: str, base: str) -> str:
    """The URL of ``path`` on the file system where ``url`` is ``base``, in the words of ``url``.

    >>> url_of("bucket/a/1.txt", "s3a://bucket/a/*", "bucket/a/*")
    's3a://bucket/a/1.txt'
    >>> url_of("in/1.txt", "zip://in/*::s3://bucket/x.zip", "in/*")
    'zip://in/1.txt::s3://bucket/x.zip'
    """
    # Host and user are in the URL and not in the path; the two end alike.
    links = url.split("::")
    roots = []
    for count in range(1, len(links) + 1):
        head = "::".join(links[:count]).rstrip("/")
        pairs = zip(reversed(head), reversed(base), strict=False)
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        tail = "".join("::" + link for link in links[count:])
        roots.append((alike, head[: len(head) - alike], base[: len(base) - alike], tail))
    _, head, root, tail = max(roots, key=lambda found: found[0])
    return head + path[len(root) :] + tail


def _protocols(filesystem: Any) -> tuple[str, ...]:
    names = filesystem.protocol
    return (names,) if isinstance(names, str) else tuple(names)


def _local_path(url: str) -> str | None:
    """The local path that ``url`` means, or None when it lives elsewhere."""
    if url.startswith(("file:", "local:")) and "::" not in url:
        path = url.partition(":")[2]
        return "/" + path.lstrip("/") if path.startswith("/") else path
    found = _SCHEME.match(url)
    if found is None:
        return url
    # A local name may contain "::"; a chain begins with a protocol.
    return url if found[2] == "::" and found[1] not in fsspec.available_protocols() else None


def _is_local_link(link: str) -> bool:
    """Whether a link of a chain is a local file, and neither a URL nor the bare name of a protocol."""
    return _local_path(link) is not None and link not in fsspec.available_protocols()


def _with_known_protocol(link: str, url: str) -> str:
    """One link of a URL under the name by which fsspec knows its protocol."""
    if _is_local_link(link):
        return f"file://{LocalFileSystem._strip_protocol(link)}"
    protocol, _, path = link.partition("://")
    protocol = PROTOCOL_ALIASES.get(protocol, protocol)
    known = fsspec.available_protocols()
    if protocol not in known:
        near = difflib.get_close_matches(protocol, known, n=1)
        hint = f"did you mean {near[0]}://?" if near else "known are file, s3a, gs, abfs, hdfs, http, memory and others"
        raise StorageError(f"unknown protocol {protocol}:// in {url}; {hint}")
    return f"{protocol}://{path}"


def _what_to_install(url: str, protocols: set[str], error: ImportError) -> str:
    packages = sorted({_PACKAGES[name] for name in protocols if name in _PACKAGES})
    advice = f"pip install {' '.join(packages)}" if packages else str(error)
    return f"{url} needs a package that is not installed ({error}); run: {advice} (on the workers too)"
