"""A JupyterLab server and a headless Chromium for the browser tests.

The server is started from the Python that runs the tests, on loopback, with every Jupyter folder inside a temporary
one, so that the user's own settings, kernels and extensions play no part. It serves the JupyterLab parts of this
checkout. Nothing asks the network for anything: the server's look-ups are off, and the browser resolves no names.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
from nbformat.sign import NotebookNotary
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

REPOSITORY = Path(__file__).resolve().parents[2]
EXTENSION = "spark-kernel"
BROWSER = Path("/usr/bin/chromium")
DRIVER = Path("/usr/bin/chromedriver")

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0


def missing_parts() -> str | None:
    """Why browser tests can't run on this machine, or None when they can."""
    absent = [str(path) for path in (BROWSER, DRIVER) if not path.exists()]
    if absent:
        return f"{' and '.join(absent)} not there; Debian's packages are chromium and chromium-driver"
    return None


def wait_until(what: str, holds: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Ask ``holds`` until it answers with something true, and return that.

    Raises AssertionError naming ``what`` after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while True:
        if answer := holds():
            return answer
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)


class LabServer:
    """One JupyterLab server; its notebooks are in ``notebooks``, all else in other folders below ``home``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.notebooks = home / "notebooks"
        self.token = secrets.token_hex(16)
        self.url = ""
        self._data = home / "data"
        self._checkout = home / "checkout"
        self._runtime = home / "runtime"
        self._config = home / "config"
        self._log = home / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and return when it answers."""
        for folder in (self.notebooks, self._data, self._runtime, self._config):
            folder.mkdir(parents=True)
        self._link_checkout()
        self._write_settings()
        with self._log.open("wb") as log:
            # A session of its own, so that its kernels can be ended with it.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *self._options()],
                cwd=self.notebooks,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.url = wait_until("JupyterLab answers", self._answering_url, _START_SECONDS)

    def stop(self) -> None:
        """End the server and the kernels that it started."""
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            self.end_kernels()
        # Kernels live in sessions of their own: the server ends those that are left when it is asked to stop.
        for sent in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, sent)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)
        self._process = None

    def end_kernels(self) -> None:
        """Shut down every kernel, as a person does who is done with the notebook."""
        for kernel in json.loads(self._ask("GET", "api/kernels")):
            self._ask("DELETE", f"api/kernels/{kernel['id']}")

    def write_notebook(self, name: str, notebook: nbformat.NotebookNode, *, trusted: bool = True) -> str:
        """Save ``notebook`` under ``name``, as this user's own when ``trusted``, and return its path."""
        path = self.notebooks / name
        nbformat.write(notebook, path)
        if trusted:
            NotebookNotary(data_dir=str(self._data)).sign(nbformat.read(path, as_version=4))
        return name

    def page(self, notebook: str) -> str:
        """The address of ``notebook`` in a JupyterLab window of its own, with nothing left of earlier windows."""
        return f"{self.url}doc/tree/{quote(notebook)}?token={self.token}&reset"

    @contextlib.contextmanager
    def without_extension(self) -> Iterator[None]:
        """Pages that are opened meanwhile don't have this project's extension."""
        file = self._config / "labconfig" / "page_config.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"disabledExtensions": {EXTENSION: True}}), encoding="utf-8")
        try:
            yield
        finally:
            file.unlink()

    def use_theme(self, name: str) -> None:
        """Open later pages with the theme ``name``, such as "JupyterLab Dark"."""
        self._setting("apputils-extension", "themes", {"theme": name})

    def _link_checkout(self) -> None:
        """Offer the JupyterLab parts and the kernel of this checkout, whatever is installed beside it."""
        for kind, name, source in (
            ("labextensions", EXTENSION, REPOSITORY / "spark_kernel" / "labextension"),
            ("kernels", "spark", REPOSITORY / "spark_kernel" / "notebook" / "kernelspec"),
        ):
            (self._checkout / kind).mkdir(parents=True)
            (self._checkout / kind / name).symlink_to(source, target_is_directory=True)

    def _write_settings(self) -> None:
        self._setting("apputils-extension", "notification", {"fetchNews": "false", "checkForUpdates": False})
        self._setting("notebook-extension", "tracker", {"windowingMode": "none"})

    def _setting(self, package: str, plugin: str, values: dict[str, Any]) -> None:
        file = self._config / "lab" / "user-settings" / "@jupyterlab" / package / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")

    def _options(self) -> list[str]:
        return [
            "--no-browser",
            "--allow-root",
            "--ServerApp.ip=127.0.0.1",
            "--ServerApp.port=0",
            f"--ServerApp.root_dir={self.notebooks}",
            f"--IdentityProvider.token={self.token}",
            "--ServerApp.terminals_enabled=False",
            "--LabApp.extension_manager=readonly",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.collaborative=False",
        ]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
        return {
            **kept,
            "HOME": str(self.home),
            "IPYTHONDIR": str(self.home / "ipython"),
            "JUPYTER_CONFIG_DIR": str(self._config),
            "JUPYTER_DATA_DIR": str(self._data),
            # What stands here wins over everything that is installed.
            "JUPYTER_PATH": str(self._checkout),
            "JUPYTER_RUNTIME_DIR": str(self._runtime),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.home / "workspaces"),
            # `python` in a kernel spec is this one.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        }

    def _ask(self, method: str, path: str) -> bytes:
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            content: bytes = answer.read()
            return content

    def _answering_url(self) -> str | None:
        assert self._process is not None
        assert self._process.poll() is None, f"JupyterLab ended:\n{self._log.read_text(encoding='utf-8')[-4000:]}"
        for file in self._runtime.glob("jpserver-*.json"):
            with contextlib.suppress(OSError, ValueError, KeyError):
                url = str(json.loads(file.read_text(encoding="utf-8"))["url"])
                with urllib.request.urlopen(f"{url}api?token={self.token}", timeout=5):
                    return url
        return None


@contextlib.contextmanager
def browser(profile: Path, *, width: int = 1400, height: int = 1100) -> Iterator[Chrome]:
    """A headless Chromium with an empty profile; it knows no host but this one."""
    options = ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-default-apps",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--window-size={width},{height}",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(str(DRIVER)))
    try:
        driver.set_script_timeout(30)
        yield driver
    finally:
        with contextlib.suppress(WebDriverException):
            driver.quit()


def requested_urls(driver: Chrome) -> list[str]:
    """Every address that the browser asked for since this was last called."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    ]
