"""Which master URLs are understood, and what a person is told about the others."""

from __future__ import annotations

import pytest

from spark_kernel.common.errors import MasterUrlError
from spark_kernel.resource_managers.master_url import FORMS, DaskUrl, LocalClusterUrl, LocalUrl, nearest_form, scheme_of
from spark_kernel.resource_managers.registry import resource_manager


@pytest.mark.parametrize(
    ("url", "workers", "failures"),
    [
        ("local", 1, None),
        ("local[1]", 1, None),
        ("local[16]", 16, None),
        ("local[*]", None, None),
        ("local[2,3]", 2, 3),
        ("local[2, 3]", 2, 3),
        ("local[*,4]", None, 4),
    ],
)
def test_local_urls_say_workers_and_attempts(url: str, workers: int | None, failures: int | None) -> None:
    assert LocalUrl.parse(url) == LocalUrl(workers, failures)


@pytest.mark.parametrize("url", ["local-cluster[2,3,1024]", "local-cluster[ 2 , 3 , 1024 ]"])
def test_local_cluster_urls_say_nodes_cores_and_mebibytes(url: str) -> None:
    assert LocalClusterUrl.parse(url) == LocalClusterUrl(2, 3, 1024**3)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("dask://node7:9000", "tcp://node7:9000"),
        ("dask://node7", "tcp://node7:8786"),
        ("dask://10.0.0.1:1/", "tcp://10.0.0.1:1"),
        ("tcp://node7:9000", "tcp://node7:9000"),
        ("tls://node7:9000", "tls://node7:9000"),
        ("dask://[::1]:9000", "tcp://[::1]:9000"),
    ],
)
def test_dask_urls_say_the_schedulers_address(url: str, address: str) -> None:
    assert DaskUrl.parse(url).address == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "local[]",
        "local[2",
        "local[-1]",
        "local[2.5]",
        "local[2,*]",
        "local[1,2,3]",
        " local[2]",
        "Local[2]",
        "local-cluster",
        "local-cluster[2,1]",
        "local-cluster[*,1,1024]",
        "dask:node7:8786",
        "dask://",
        "dask://:8786",
        "dask://node7:port",
        "dask://node7:0",
        "dask://node7:99999",
        "dask://node7:8786/path",
        "dask://user@node7:8786",
        "inline[2]",
        "master",
        "*",
        "node7:8786",
    ],
)
def test_a_wrong_url_is_an_error_that_lists_the_valid_forms(url: str) -> None:
    with pytest.raises(MasterUrlError) as caught:
        resource_manager(url)
    for form in FORMS:
        assert form in str(caught.value)


@pytest.mark.parametrize("url", [None, 7, ["local"]])
def test_what_is_no_text_is_no_url(url: object) -> None:
    with pytest.raises(MasterUrlError, match="is no master URL"):
        resource_manager(url)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "nearest"),
    [
        ("local(4)", "local[4]"),
        ("Local[4]", "local[4]"),
        ("locl[2,3]", "local[2,3]"),
        ("loca[*]", "local[*]"),
        ("local[2", "local[2]"),
        ("local[2,*]", "local[N,F]"),
        ("locale", "local"),
        ("inlin", "inline"),
        ("localcluster[2,1,1024]", "local-cluster[2,1,1024]"),
        ("local-cluster[2;1;1024]", "local-cluster[2,1,1024]"),
        ("local-cluster[2,2]", "local-cluster[N,C,M]"),
        ("local[2,1,1024]", "local-cluster[2,1,1024]"),
        ("dask:/node7:8786", "dask://node7:8786"),
        ("dsk://node7:8786", "dask://node7:8786"),
        ("tcp:node7:8786", "tcp://node7:8786"),
        ("tsl://node7:8786", "tls://node7:8786"),
        ("http://node7:8786", "dask://node7:8786"),
        ("node7:8786", "dask://node7:8786"),
        ("dask://", "dask://host:port"),
        ("master", "local[*]"),
    ],
)
def test_the_nearest_form_is_proposed_with_the_numbers_that_were_written(url: str, nearest: str) -> None:
    assert nearest_form(url) == nearest
    with pytest.raises(MasterUrlError) as caught:
        resource_manager(url)
    assert f"did you mean {nearest}?" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("local[0]", "the number of workers is 0; expected 1 to 1000"),
        ("local[1001]", "the number of workers is 1001; expected 1 to 1000"),
        ("local[2,0]", "the number of attempts is 0; expected at least 1"),
        ("local-cluster[0,1,1024]", "the number of workers is 0"),
        ("local-cluster[1,0,1024]", "the number of cores is 0"),
        ("local-cluster[1,1,100]", "a worker can't live in 100 MiB; give it at least 256"),
    ],
)
def test_a_number_that_makes_no_sense_is_named_with_its_bounds(url: str, problem: str) -> None:
    with pytest.raises(MasterUrlError) as caught:
        resource_manager(url)
    assert problem in str(caught.value)


@pytest.mark.parametrize("url", ["yarn", "k8s://https://host:443", "slurm", "ssh://a,b", "gateway://host"])
def test_what_is_to_come_is_named_with_what_works_until_then(url: str) -> None:
    with pytest.raises(MasterUrlError) as caught:
        resource_manager(url)
    first = str(caught.value).splitlines()[0]
    assert first.startswith(f"{url}: not available yet")
    assert "dask://host:port" in first
    assert "did you mean" not in first


def test_sparks_own_master_is_refused_with_the_reason() -> None:
    with pytest.raises(MasterUrlError, match="JVM executors only"):
        resource_manager("spark://host:7077")


@pytest.mark.parametrize(
    ("url", "scheme"),
    [("local[2]", "local"), ("local-cluster[2,1,1024]", "local-cluster"), ("k8s://x", "k8s"), ("[2]", ""), ("", "")],
)
def test_the_scheme_is_what_stands_before_the_rest(url: str, scheme: str) -> None:
    assert scheme_of(url) == scheme
