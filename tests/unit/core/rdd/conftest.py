from __future__ import annotations

import pytest

from tests.support.inline import inline_context


@pytest.fixture(scope="module")
def sc():
    with inline_context() as context:
        yield context
