"""The life of a notebook's application: opened once, in the background, moved, stopped, opened again."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest

from spark_kernel.common.errors import ClusterError, ContextError
from spark_kernel.common.events import Event, RunEnded, RunStarted
from spark_kernel.notebook.session import Session
from tests.support.fake_context import FakeContext, FakeEngine


class SlowEngine(FakeEngine):
    """Opens a context only when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def open_context(self, master: str | None, settings: Mapping[str, str]) -> FakeContext:
        assert self.go.wait(10)
        return super().open_context(master, settings)


def test_opening_in_the_background_returns_at_once() -> None:
    engine = SlowEngine()
    session = Session(engine)
    opening = session.open_in_background()
    assert not opening.done()
    assert session.existing() is None
    engine.go.set()
    assert session.context() is opening.result()
    assert session.existing() is opening.result()


def test_the_context_is_opened_once() -> None:
    engine = FakeEngine()
    session = Session(engine)
    session.open_in_background()
    assert session.context() is session.context()
    assert len(engine.opened) == 1


def test_the_context_gets_the_sessions_master_and_settings() -> None:
    engine = FakeEngine()
    context = Session(engine, master="local[4]", settings={"spark.x": "1"}).context()
    assert context.master == "local[4]"
    assert context.getConf().get("spark.x") == "1"


def test_whoever_waits_gets_the_reason_why_it_did_not_open() -> None:
    engine = FakeEngine()
    engine.failure = ClusterError("no worker")
    session = Session(engine)
    for _ in range(2):
        with pytest.raises(ClusterError, match="no worker"):
            session.context()


def test_it_can_be_opened_after_a_failure() -> None:
    engine = FakeEngine()
    engine.failure = ClusterError("no worker")
    session = Session(engine)
    with pytest.raises(ClusterError):
        session.context()
    engine.failure = None
    assert session.restart() is session.existing()


def test_a_stopped_application_stays_stopped_until_asked_for() -> None:
    session = Session(FakeEngine())
    session.context()
    session.stop()
    with pytest.raises(ContextError, match="%spark start"):
        session.context()
    assert not session.restart().stopped


def test_one_that_the_user_stopped_is_not_opened_again_either() -> None:
    session = Session(FakeEngine())
    session.context().stop()
    with pytest.raises(ContextError, match="%spark start"):
        session.context()


def test_stopping_while_it_opens_stops_what_was_opened() -> None:
    engine = SlowEngine()
    session = Session(engine)
    session.open_in_background()
    threading.Timer(0.05, engine.go.set).start()
    session.stop()
    assert engine.opened[0].stopped


def test_a_context_that_the_user_made_is_the_sessions_context() -> None:
    engine = FakeEngine()
    mine = engine.open_context("local[3]", {})
    session = Session(engine)
    assert session.existing() is mine
    assert session.context() is mine
    assert len(engine.opened) == 1


def test_stopping_twice_is_harmless() -> None:
    session = Session(FakeEngine())
    session.context()
    session.stop()
    session.stop()


def test_runs_are_announced_with_their_jobs_between() -> None:
    session = Session(FakeEngine())
    context = session.context()
    seen: list[Event] = []
    context.events.listen(seen.append)
    run = session.begin_run("title", 3, with_card=False)
    assert isinstance(context, FakeContext)
    context.parallelize([1]).count()
    session.end_run(run, None)
    assert isinstance(seen[0], RunStarted)
    assert (seen[0].title, seen[0].cell) == ("title", 3)
    assert isinstance(seen[-1], RunEnded)
    assert seen[-1].outcome == "succeeded"
    assert run.run_id == f"{context.applicationId}/run-1"
    assert [job["name"] for job in run.model.to_json()["jobs"]] == ["count"]


def test_a_run_ends_once() -> None:
    session = Session(FakeEngine())
    context = session.context()
    ends: list[Event] = []
    run = session.begin_run(None, 1, with_card=False)
    context.events.listen(lambda event: ends.append(event) if isinstance(event, RunEnded) else None)
    session.end_run(run, ValueError("x"))
    session.end_run(run, None)
    assert [end.outcome for end in ends if isinstance(end, RunEnded)] == ["failed"]


def test_the_runs_of_two_threads_do_not_mix() -> None:
    session = Session(FakeEngine())
    context = session.context()
    assert isinstance(context, FakeContext)
    mine = session.begin_run("mine", 1, with_card=False)

    def other() -> None:
        theirs = session.begin_run("theirs", 2, with_card=False)
        context.parallelize([1]).count()
        session.end_run(theirs, None)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert session.current_run is mine
    session.end_run(mine, None)
    assert not mine.has_jobs


def test_a_wrong_card_setting_is_warned_about_and_cells_go_on() -> None:
    with pytest.warns(UserWarning, match="'always'; expected one of auto, magic, off"):
        assert Session(FakeEngine(), settings={"spark.kernel.card": "always"}).card_mode() == "auto"
