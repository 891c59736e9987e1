"""What happens to parts of the notebook that a user's function takes along to the executors.

A lambda that calls ``exit`` means Python's, not IPython's object of that name; one that refers to the shell itself
can't be sent, and says so. Python's registry of picklers is the only place where types that are not ours can be taught.
"""

from __future__ import annotations

import builtins
import copyreg
from typing import Any, NoReturn

from spark_kernel.common.errors import ContextError


def teach_pickle(shell: Any) -> None:
    """Let functions that use ``exit`` or ``quit`` be sent, and refuse those that use the shell."""
    copyreg.pickle(type(shell.exiter), _pythons_exit)
    copyreg.pickle(type(shell), _refuse)


def _pythons_exit(exiter: object) -> tuple[Any, tuple[object, str]]:
    return getattr, (builtins, "exit")


def _refuse(shell: object) -> NoReturn:
    raise ContextError(
        "A function that is sent to the executors refers to the notebook itself (get_ipython, a magic or a shell "
        "command). Call it outside the function, and refer to its result in the function."
    )
