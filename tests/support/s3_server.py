"""A real S3 server on loopback, for tests: moto's, in a thread of the test process, on a free port.

It starts with the first test that asks for the fixture `s3_server` and stops with the last; if the test process dies,
it dies too. Worker processes reach it as well. Use it with ``pytest_plugins = ["tests.support.s3_server"]``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import fsspec
import moto.settings
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer


@dataclass
class S3Server:
    """Where the server listens, and what lets one in."""

    endpoint: str
    """``http://127.0.0.1:<port>``"""
    bucket: str = "spark-kernel-tests"
    """A bucket that is there."""
    access_key: str = "AKIATESTTESTTEST"
    secret_key: str = "not-a-secret"

    @property
    def settings(self) -> dict[str, str]:
        """What a user would put into the session's configuration."""
        return {
            "spark.hadoop.fs.s3a.endpoint": self.endpoint,
            "spark.hadoop.fs.s3a.access.key": self.access_key,
            "spark.hadoop.fs.s3a.secret.key": self.secret_key,
            "spark.hadoop.fs.s3a.path.style.access": "true",
        }

    @cached_property
    def filesystem(self) -> fsspec.AbstractFileSystem:
        """A client of the tests' own, which remembers no listing and shares nothing with the code under test."""
        return fsspec.filesystem(
            "s3",
            key=self.access_key,
            secret=self.secret_key,
            endpoint_url=self.endpoint,
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    def fill(self, keys: Iterable[str]) -> None:
        """Put many small objects into the bucket, without a request for each."""
        backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        for key in keys:
            backend.put_object(self.bucket, key, b"x")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """The server, with one empty bucket."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        found = S3Server(endpoint=f"http://{host}:{port}")
        found.filesystem.mkdir(found.bucket)
        yield found
    finally:
        server.stop()


@pytest.fixture
def s3_checks_credentials(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """From here to the end of the test the server knows no credentials, so that every request is refused."""
    monkeypatch.setattr(moto.settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
    return s3_server
