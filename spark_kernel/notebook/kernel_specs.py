"""The kernel spec that comes with this package, always started with this Python.

Jupyter finds the installed copy by itself. The command line and the tests use this one, so that they run the kernel of
their own environment whether or not the user's Jupyter knows it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

KERNEL_NAME = "spark"
SPEC_FOLDER = Path(__file__).with_name("kernelspec")


class OwnKernelSpecs(KernelSpecManager):  # type: ignore[misc, unused-ignore]
    """Jupyter's kernel specs, with this package's own in the first place."""

    def find_kernel_specs(self) -> dict[str, str]:
        """Folders of the specs by name."""
        return {**super().find_kernel_specs(), KERNEL_NAME: str(SPEC_FOLDER)}

    def get_kernel_spec(self, kernel_name: str) -> Any:
        """The spec of that name.

        Raises NoSuchKernel when there is none.
        """
        if kernel_name != KERNEL_NAME:
            return super().get_kernel_spec(kernel_name)
        spec = KernelSpec.from_resource_dir(str(SPEC_FOLDER))
        spec.argv[0] = sys.executable
        return spec


def installed_spec() -> Path | None:
    """Where Jupyter finds the kernel in this environment, or None when it does not."""
    folder = KernelSpecManager().find_kernel_specs().get(KERNEL_NAME)
    return None if folder is None else Path(folder)
