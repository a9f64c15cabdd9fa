"""Load of a lab on a shared machine: peak memory of its kernel with all its processes, and processor time.

It runs the solutions from a clean kernel. The last column is a digest of all text that was shown: two runs give the same one.

python tests/benchmarks/bench_labs.py [lab ...]
"""

import hashlib
import os
import re
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbformat import NotebookNode

from contav_lib.teaching.labs.release import SOURCES, lab_names, read_notebook, solved

TICKS = os.sysconf("SC_CLK_TCK")


def family(parent: int) -> list[int]:
    """A process and all that come from it."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    found = [int(child) for child in children.read_text().split()] if children.exists() else []
    return [parent, *(one for child in found for one in family(child))]


def peak(process: int) -> int:
    """The most memory that a process has held so far, in bytes; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def seconds(process: int) -> float:
    """Processor time of a process and of its children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def text_of(notebook: NotebookNode) -> str:
    """All text that the cells printed and showed, without progress bars."""
    outputs = [
        output for cell in notebook.cells for output in cell.get("outputs", []) if output.get("name") != "stderr"
    ]
    shown = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return re.sub(r"\(id='?\d+.*?\)| at 0x[0-9a-f]+", "", "".join(shown))


def measure(lab: str) -> tuple[float, float, str]:
    """Run a lab's solution from top to bottom: gigabytes at most, processor seconds, and a digest of the text."""
    manager, client = start_new_kernel()
    kernel, peaks, ended = manager.provisioner.pid, {}, threading.Event()

    def watch() -> None:
        while not ended.wait(0.2):
            for process in family(kernel):
                peaks[process] = max(peaks.get(process, 0), peak(process))

    threading.Thread(target=watch, daemon=True).start()
    try:
        notebook = solved(read_notebook(SOURCES / lab / f"{lab}.ipynb"))
        NotebookClient(notebook, km=manager, kc=client, timeout=None).execute(cleanup_kc=False)
        ended.set()
        digest = hashlib.sha256(text_of(notebook).encode()).hexdigest()[:8]
        return sum(peaks.values()) / 1e9, seconds(kernel), digest
    finally:
        ended.set()
        client.stop_channels()
        manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    for name in sys.argv[1:] or lab_names():
        start = time.perf_counter()
        with TemporaryDirectory() as home:
            os.environ["CONTAV_HOME"] = home  # set CONTAV_DATA, or the data are made first and counted, too
            memory, busy, digest = measure(name)
        print(
            f"{name}: peak {memory:.2f} GB, thirty kernels {30 * memory:.0f} GB; {busy:.0f} s of processor time, "
            f"{time.perf_counter() - start:.0f} s in all; text {digest}",
            flush=True,
        )
