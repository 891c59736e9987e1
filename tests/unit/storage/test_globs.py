"""Path lists and patterns. The expectations were compared with Spark 4.2 unless a comment says otherwise."""

from __future__ import annotations

import pytest

from spark_kernel.common.errors import StorageError
from spark_kernel.storage.globs import component_matcher, expand_braces, is_pattern, split_paths, unescape


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("/a", ["/a"]),
        ("/a,/b", ["/a", "/b"]),
        ("/a/{x,y}.txt,/b", ["/a/{x,y}.txt", "/b"]),
        ("/{a,{b,c}},/d", ["/{a,{b,c}}", "/d"]),
        ("/a, /b", ["/a", " /b"]),
        ("s3a://b/k,hdfs://h:1/x", ["s3a://b/k", "hdfs://h:1/x"]),
        # Spark can't write a comma of a name at all.
        (r"/a\,b,/c", [r"/a\,b", "/c"]),
    ],
)
def test_commas_separate_paths_except_inside_braces(text: str, paths: list[str]) -> None:
    assert split_paths(text) == paths


@pytest.mark.parametrize("text", ["", "/a,", ",/a", "/a,,/b"])
def test_an_empty_path_is_refused(text: str) -> None:
    with pytest.raises(StorageError, match="empty path"):
        split_paths(text)


@pytest.mark.parametrize(
    ("pattern", "expanded"),
    [
        ("plain", ["plain"]),
        ("{a,b}", ["a", "b"]),
        ("x{a,b{c,d}}y{1,2}", ["xay1", "xay2", "xbcy1", "xbcy2", "xbdy1", "xbdy2"]),
        ("{a/b,c}/d", ["a/b/d", "c/d"]),
        ("{a,a}", ["a"]),
        ("{,x}a", ["a", "xa"]),
        ("{}", [""]),
        (r"\{a,b\}", [r"\{a,b\}"]),
        (r"{a\,b,c}", [r"a\,b", "c"]),
        ("a}b", ["a}b"]),
    ],
)
def test_braces_stand_for_each_of_their_choices(pattern: str, expanded: list[str]) -> None:
    assert expand_braces(pattern) == expanded


def test_many_braces_do_not_exhaust_the_stack() -> None:
    assert expand_braces("{x}" * 1200) == ["x" * 1200]


@pytest.mark.parametrize("pattern", ["{a", "{a,{b}", "x{"])
def test_an_open_brace_is_refused_and_the_escape_named(pattern: str) -> None:
    with pytest.raises(StorageError, match=r"not closed.*\\\{"):
        expand_braces(pattern)


@pytest.mark.parametrize(
    ("component", "matching", "others"),
    [
        ("*", ["", "a", "a.b", "a\nb"], []),
        ("a*c", ["ac", "abc", "abcc"], ["abcd", "xac"]),
        ("?", ["a", "*"], ["", "ab"]),
        ("[ab]", ["a", "b"], ["c", "ab", ""]),
        ("[a-c]x", ["ax", "cx"], ["dx", "-x"]),
        ("[^a]", ["b", "^"], ["a"]),
        ("[!a]", ["b"], ["a"]),
        ("[]a]", ["]", "a"], ["b"]),
        ("[a^]", ["a", "^"], ["b"]),
        ("[.+&|~[]", [".", "+", "&", "|", "~", "["], ["a"]),
        ("a.b+c$(d)", ["a.b+c$(d)"], ["axb+c$(d)"]),
        (r"\*", ["*"], ["a", ""]),
        (r"[\]]", ["]"], ["\\"]),
        ("é?", ["éé"], ["é"]),
    ],
)
def test_a_component_matches_whole_names(component: str, matching: list[str], others: list[str]) -> None:
    matcher = component_matcher(component)
    assert [name for name in matching + others if matcher.fullmatch(name)] == matching


@pytest.mark.parametrize("component", ["[", "a[b", "[^]", "[]"])
def test_an_open_bracket_is_refused_and_the_escape_named(component: str) -> None:
    with pytest.raises(StorageError, match=r"not closed.*\\\["):
        component_matcher(component)


def test_a_range_that_runs_backwards_is_refused() -> None:
    with pytest.raises(StorageError, match="can't understand the pattern"):
        component_matcher("[z-a]")


@pytest.mark.parametrize(
    ("component", "expected"),
    [("a", False), ("a*", True), ("[a]", True), ("a?", True), (r"\*\[\?", False), ("{a}", False)],
)
def test_only_an_unescaped_wildcard_makes_a_pattern(component: str, expected: bool) -> None:
    assert is_pattern(component) is expected


def test_an_escape_stands_for_the_character_itself() -> None:
    assert unescape(r"a\*\\b\{") == r"a*\b{"
