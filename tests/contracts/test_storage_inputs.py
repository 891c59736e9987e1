"""What a path, a pattern or a list of them finds: the same on every storage. Compared with Spark 4.2 on local files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spark_kernel.common.errors import PathNotFoundError, StorageError
from spark_kernel.storage.globs import split_paths
from spark_kernel.storage.inputs import list_inputs
from spark_kernel.storage.lines import read_lines
from spark_kernel.storage.splits import plan_splits

if TYPE_CHECKING:
    from tests.support.stores import Store

pytest_plugins = ["tests.support.s3_server", "tests.support.stores"]


def found(store: Store, paths: str, **rules: str) -> list[str]:
    """What the paths, each relative to the store, find; relative too."""
    absolute = ",".join(store.url(path) for path in split_paths(paths))
    return [file.url.removeprefix(store.root + "/") for file in list_inputs(absolute, store.options, **rules)]  # type: ignore[arg-type]


@pytest.fixture
def tree(store: Store) -> Store:
    for name in ("a.txt", "b.txt", "B.txt", "{x}.txt", "_h.txt", ".d.txt", "empty.txt"):
        store.put(f"z/{name}", b"" if name == "empty.txt" else name.encode())
    for name in ("nest/a.txt", "nest/sub/b.txt", "nest/sub/_c.txt", "_hidden/x.txt"):
        store.put(name, b"x\n")
    return store


def test_a_file_is_itself_with_its_size(store: Store) -> None:
    url = store.put("a.txt", b"hello")
    assert [(file.url, file.size) for file in list_inputs(url, store.options)] == [(url, 5)]


def test_a_folder_is_the_files_in_it_by_name_without_those_that_are_no_data(tree: Store) -> None:
    assert found(tree, "z") == ["z/B.txt", "z/a.txt", "z/b.txt", "z/empty.txt", "z/{x}.txt"]
    assert found(tree, "z/") == found(tree, "z")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("z/*.txt", ["z/B.txt", "z/a.txt", "z/b.txt", "z/empty.txt", "z/{x}.txt"]),
        ("z/?.txt", ["z/B.txt", "z/a.txt", "z/b.txt"]),
        ("z/[a-b].txt", ["z/a.txt", "z/b.txt"]),
        ("z/[^a].txt", ["z/B.txt", "z/b.txt"]),
        ("z/{b,a}.txt", ["z/a.txt", "z/b.txt"]),
        ("z/{b,a,b,none}.txt", ["z/a.txt", "z/b.txt"]),
        ("{z/a,nest/a}.txt", ["nest/a.txt", "z/a.txt"]),
        ("*/a.txt", ["nest/a.txt", "z/a.txt"]),
        ("**/a.txt", ["nest/a.txt", "z/a.txt"]),
        ("n*/s*/b.*", ["nest/sub/b.txt"]),
        ("nest/*", ["nest/a.txt", "nest/sub/b.txt"]),
        ("_*/x.txt", ["_hidden/x.txt"]),
        (r"z/\{x\}.txt", ["z/{x}.txt"]),
        ("z/b.txt,z/a.txt", ["z/b.txt", "z/a.txt"]),
        ("z/a.txt,z/a.txt", ["z/a.txt", "z/a.txt"]),
        ("z/{a,b}.txt,nest/a.txt", ["z/a.txt", "z/b.txt", "nest/a.txt"]),
        ("_hidden/x.txt", ["_hidden/x.txt"]),
    ],
)
def test_patterns_and_lists_find_what_they_find_in_spark(tree: Store, pattern: str, names: list[str]) -> None:
    assert found(tree, pattern) == names


def test_a_folder_in_a_folder_is_refused_skipped_or_read_as_asked(tree: Store) -> None:
    with pytest.raises(StorageError, match=r"contains the folder .*nest/sub.*write .*nest/\*"):
        found(tree, "nest")
    assert found(tree, "nest", subfolders="skip") == ["nest/a.txt"]
    assert found(tree, "nest", subfolders="descend") == ["nest/a.txt", "nest/sub/b.txt"]


@pytest.mark.parametrize("path", ["none.txt", "none/a.txt", "z/a.txt/b", "none/"])
def test_a_missing_path_is_named(tree: Store, path: str) -> None:
    with pytest.raises(PathNotFoundError, match="nothing is there") as caught:
        found(tree, path)
    assert path.rstrip("/") in str(caught.value)


@pytest.mark.parametrize("path", ["none*", "z/*.csv", "none/*/a.txt", "z/_*", "z/.*", "z/a.txt/*", "{none,nothing}"])
def test_a_pattern_that_matches_nothing_is_named(tree: Store, path: str) -> None:
    with pytest.raises(PathNotFoundError, match="matches no file") as caught:
        found(tree, path)
    assert path in str(caught.value)


def test_one_missing_path_of_a_list_is_an_error(tree: Store) -> None:
    with pytest.raises(PathNotFoundError, match="none"):
        found(tree, "z/a.txt,none.txt")


@pytest.mark.parametrize("path", ["z/_h.txt", "z/.d.txt", "_hidden"])
def test_a_name_that_is_no_data_says_so(tree: Store, path: str) -> None:
    with pytest.raises(PathNotFoundError, match="because its name starts with"):
        found(tree, path)


def test_a_folder_without_data_finds_nothing(store: Store) -> None:
    store.put("only/_SUCCESS", b"")
    assert found(store, "only") == []


@pytest.mark.parametrize("name", ["a b.txt", "100%20+x.txt", "wörter.txt", "a#b.txt", "a=b&c.txt", "a'\"b.txt"])
def test_odd_names_are_found_and_read(store: Store, name: str) -> None:
    url = store.put(f"odd/{name}", b"content\n")
    for files in (list_inputs(url, store.options), list_inputs(store.url("odd"), store.options)):
        splits = plan_splits(files, 1)
        assert [file.url for file in files] == [url]
        assert [line for split in splits for line in read_lines(split, store.options)] == ["content"]


@pytest.mark.parametrize("name", ["a[1].txt", "a*.txt", "a?.txt"])
def test_names_with_wildcards_are_found_by_their_folder_and_by_their_escape(store: Store, name: str) -> None:
    url = store.put(f"odd/{name}", b"content\n")
    escaped = url.replace("[", r"\[").replace("*", r"\*").replace("?", r"\?")
    for path in (store.url("odd"), escaped):
        files = list_inputs(path, store.options)
        assert [file.url for file in files] == [url]
        assert list(read_lines(plan_splits(files, 1)[0], store.options)) == ["content"]


def test_what_was_written_since_the_last_listing_is_found(store: Store) -> None:
    store.put("grow/a.txt", b"1")
    assert found(store, "grow") == ["grow/a.txt"]
    store.put("grow/b.txt", b"2")
    assert found(store, "grow") == ["grow/a.txt", "grow/b.txt"]
    store.remove("grow/a.txt")
    assert found(store, "grow/*") == ["grow/b.txt"]


def test_a_list_may_span_storages(local_store: Store, memory_store: Store) -> None:
    paths = [local_store.put("a.txt", b"a"), memory_store.put("b.txt", b"b")]
    assert [file.url for file in list_inputs(",".join(paths), local_store.options)] == paths
