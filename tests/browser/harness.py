"""JupyterLab and Voila on loopback, seen through a real browser and through their kernels.

`JupyterServer` opens a few cells as a notebook (JupyterLab) or as an app (Voila), and gives a `Screen`: the page to
click in, and the kernel behind it to ask what arrived in Python.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client import BlockingKernelClient
from playwright.sync_api import Browser, Page

from contav_lib.teaching.notebooks import NOT_IN_VOILA

PATIENCE = 120  # seconds for a page or a cell on a busy machine
# What a page says that is not about a widget: icons and optional files that are not there; Voila looks for a font on the web.
_NOT_OURS = ("favicon", "fontawesome", "the server responded with a status of 404", "ResizeObserver loop")


@dataclass
class Screen:
    """A page of a notebook or an app, and the kernel behind it."""

    page: Page
    runtime: Path  # the folder of the server's connection files
    problems: list[str] = field(default_factory=list)  # console errors and uncaught exceptions since the page opened
    connection: Path | None = None  # the file that says how to reach the page's kernel

    def ask(self, expression: str) -> Any:
        """The value of a Python expression in the page's kernel; it travels as JSON."""
        code = f"__import__('json').dumps({expression})"
        with self._client() as client:
            reply = client.execute_interactive(
                "", user_expressions={"answer": code}, store_history=False, timeout=PATIENCE, output_hook=_ignore
            )
        answer = reply["content"]["user_expressions"]["answer"]
        assert answer["status"] == "ok", f"{expression}: {answer.get('evalue')}"
        return json.loads(_literal(answer["data"]["text/plain"]))

    def tell(self, code: str) -> None:
        """Run Python statements in the page's kernel."""
        with self._client() as client:
            reply = client.execute_interactive(code, store_history=False, timeout=PATIENCE, output_hook=_ignore)
        assert reply["content"]["status"] == "ok", reply["content"]

    def becomes(self, expression: str, value: Any) -> None:
        """Wait until a Python expression has this value: what is done in the page takes a moment to arrive."""
        end = time.monotonic() + PATIENCE
        while (found := self.ask(expression)) != value and time.monotonic() < end:
            self.page.wait_for_timeout(100)
        assert found == value, f"{expression} is {found}, not {value}"

    def kill_kernel(self) -> None:
        """Kill the page's kernel, and close the dialog in which JupyterLab says so: it takes the keys."""
        os.kill(self.ask("__import__('os').getpid()"), signal.SIGKILL)
        self.page.locator(".jp-Dialog .jp-mod-accept").click(timeout=PATIENCE * 1000)

    def dark(self) -> None:
        """Change JupyterLab to its dark theme."""
        self.page.evaluate("jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
        self.page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")

    def remember_kernel(self) -> None:
        """The page's kernel is the one that was started last."""
        self.connection = max(self.runtime.rglob("kernel-*.json"), key=lambda path: path.stat().st_mtime)

    @contextmanager
    def _client(self) -> Iterator[BlockingKernelClient]:
        client = BlockingKernelClient(connection_file=str(self.connection))
        client.load_connection_file()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=PATIENCE)
            yield client
        finally:
            client.stop_channels()


class JupyterServer:
    """JupyterLab (with Notebook 7) or Voila on a free loopback port, with a token and with settings of its own."""

    def __init__(self, folder: Path, app: str, browser: Browser):
        self.folder, self.app, self.browser = folder, app, browser
        self.notebooks, self.runtime = folder / "notebooks", folder / "runtime"
        self.notebooks.mkdir(parents=True)
        self.runtime.mkdir()
        self.token, self.port = secrets.token_hex(16), _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = (folder / "server.log").open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-m", *self._command()],
            cwd=self.notebooks,
            env=os.environ | self._environment(),
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._wait_until_up()

    @contextmanager
    def open(self, cells: Sequence[str], name: str = "page", theme: str = "light") -> Iterator[Screen]:
        """Open a notebook of these code cells, all run; in Voila the app they make.

        Args:
            cells: the code.
            name: of the notebook.
            theme: "light" or "dark".
        """
        write_notebook(self.notebooks / f"{name}.ipynb", cells)
        with self.screen(self._path(theme), name) as screen:
            if self.app == "jupyterlab":
                _run_all(screen)
                if theme == "dark":
                    screen.dark()
            screen.remember_kernel()
            yield screen

    @contextmanager
    def screen(self, path: str, name: str) -> Iterator[Screen]:
        """A page of this server, in a browser session of its own; at the end its kernels are shut down."""
        address = f"{self.url}{path.format(name=name)}"
        with new_screen(self.browser, self.runtime) as screen:
            screen.page.goto(f"{address}{'&' if '?' in path else '?'}token={self.token}", timeout=PATIENCE * 1000)
            yield screen
        if self.app == "jupyterlab":
            for kernel in self._request("/api/kernels"):
                self._request(f"/api/kernels/{kernel['id']}", "DELETE")

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._log.close()

    def _command(self) -> list[str]:
        shared = [f"--port={self.port}", "--no-browser"]
        if self.app == "voila":
            return [
                "voila",
                *shared,
                "--Voila.ip=127.0.0.1",
                "--port_retries=0",
                f"--token={self.token}",
                f"--Voila.connection_dir_root={self.runtime}",
                *(f"--VoilaConfiguration.extension_denylist={name}" for name in NOT_IN_VOILA),
            ]
        return [
            "jupyterlab",
            *shared,
            "--ip=127.0.0.1",
            "--ServerApp.port_retries=0",
            "--allow-root",
            "--expose-app-in-browser",
            "--LabApp.extension_manager=readonly",
            f"--IdentityProvider.token={self.token}",
        ]

    def _environment(self) -> dict[str, str]:
        """Settings, workspaces and connection files lie in this server's folder; nobody's own settings count."""
        settings = self.folder / "settings"
        news = settings / "@jupyterlab/apputils-extension/notification.jupyterlab-settings"
        news.parent.mkdir(parents=True)
        news.write_text('{"fetchNews": "false", "checkForUpdates": false}')
        folders = dict(
            JUPYTER_RUNTIME_DIR=self.runtime,
            JUPYTER_CONFIG_DIR=self.folder / "config",
            JUPYTER_DATA_DIR=self.folder / "data",
            JUPYTERLAB_SETTINGS_DIR=settings,
            JUPYTERLAB_WORKSPACES_DIR=self.folder / "workspaces",
            IPYTHONDIR=self.folder / "ipython",
        )
        return {name: str(path) for name, path in folders.items()}

    def _path(self, theme: str) -> str:
        return f"/voila/render/{{name}}.ipynb?theme={theme}" if self.app == "voila" else "/doc/tree/{name}.ipynb?reset"

    def _wait_until_up(self) -> None:
        for _ in range(PATIENCE * 4):
            if self._process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"{self.url}/{'voila/static/' if self.app == 'voila' else 'api'}", timeout=5)
                return
            except urllib.error.HTTPError:
                return  # it answers
            except OSError:
                time.sleep(0.25)
        raise RuntimeError(f"{self.app} did not start:\n{(self.folder / 'server.log').read_text()[-2000:]}")

    def _request(self, path: str, method: str = "GET") -> Any:
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(self.url + path, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
            return json.loads(reply.read() or "null")


@contextmanager
def new_screen(browser: Browser, runtime: Path = Path()) -> Iterator[Screen]:
    """An empty page, whose console is listened to."""
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    screen = Screen(context.new_page(), runtime)
    screen.page.on("pageerror", lambda error: screen.problems.append(str(error)))
    screen.page.on("console", lambda message: _note(screen.problems, message))
    try:
        yield screen
    finally:
        screen.page.close(run_before_unload=False)
        context.close()


def write_notebook(path: Path, cells: Sequence[str]) -> None:
    """A notebook of code cells, with the kernel named: JupyterLab asks for one otherwise."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


def _run_all(screen: Screen) -> None:
    page = screen.page
    page.wait_for_function(
        "window.jupyterapp?.shell.currentWidget?.context?.sessionContext.session?.kernel?.status == 'idle'",
        timeout=PATIENCE * 1000,
    )
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    failed = page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr'] >> text=Traceback")
    assert failed.count() == 0, failed.first.inner_text()


def _note(problems: list[str], message: Any) -> None:
    text = f"{message.text} {message.location.get('url', '')}"
    if message.type == "error" and not any(part in text for part in _NOT_OURS):
        problems.append(text)


def _literal(text: str) -> str:
    """What `repr` made of a string."""
    import ast

    return ast.literal_eval(text)


def _ignore(_message: dict) -> None:
    pass


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
