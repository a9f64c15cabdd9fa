"""The report card of a reproduction: one page that prints well, and the same as JSON."""

import base64
import hashlib
import io
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jinja2 import Environment, PackageLoader

from contav_lib import __version__
from contav_lib.experiments.claims import verdicts
from contav_lib.experiments.reproduction import Parameters, Reproduction
from contav_lib.experiments.result import Result
from contav_lib.utils import paths
from contav_lib.utils.storage import write_atomically, write_json

# For the estimate of energy: a busy core of a server's processor with its share of the machine; a large GPU with its host.
WATTS = {"cpu": 15, "mps": 30, "cuda": 500}

# What stands in a page is escaped, whoever wrote it.
PAGES = Environment(loader=PackageLoader("contav_lib.experiments", "pages"), autoescape=True, trim_blocks=True)


def folder_of(parameters: Parameters) -> Path:
    """Where the report of these parameters lies; the same wherever it runs, and whether anything is run."""
    asked = {name: value for name, value in asdict(parameters).items() if name not in ("cluster", "only_stored")}
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:6]
    return paths.runs() / "reports" / f"{parameters.profile}-{digest}"


def machine() -> dict[str, Any]:
    """What this machine is and what is installed on it, as far as it may decide digits and minutes."""
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    versions = {"contav-lib": __version__, "python": platform.python_version(), "torch": torch.__version__,
                "numpy": np.__version__, "pandas": pd.__version__}  # fmt: skip
    return {
        "processor": f"{platform.machine()}, {os.cpu_count()} cores",
        "gpus": gpus,
        "system": platform.system(),
        **versions,
    }


def minutes_and_energy(results: Sequence[Result]) -> tuple[float, float]:
    """Minutes that experiments took, all added up, and an estimate in kWh: minutes x threads x `WATTS`, nothing measured."""
    minutes = [run.minutes for run in results]
    watts = [WATTS[run.config["device"]] * max(run.config.get("threads", 1), 1) for run in results]
    return sum(minutes), sum(np.multiply(minutes, watts)) / 60 / 1000


def summary(reproduction: Reproduction) -> dict[str, Any]:
    """The whole report as plain Python, for JSON: what was asked, verdicts, pairs, tables, failures, machine, artefacts."""
    minutes, energy = minutes_and_energy(reproduction.all_results)
    tables = {"1": reproduction.table_1(), "2": reproduction.table_2(), "3": reproduction.table_3()}
    return {
        "parameters": asdict(reproduction.parameters),
        "verdicts": _records(verdicts(reproduction.claims).reset_index()),
        "comparisons": _records(reproduction.claims),
        "tables": {number: _records(_flat(table).reset_index()) for number, table in tables.items()},
        "class_spectra": _records(reproduction.fool.reset_index()),
        "failed": {name: failed.last_lines() for name, failed in reproduction.failures.items()},
        "not_there": reproduction.missing,
        "minutes": round(minutes, 1),
        "energy_kwh_estimated": round(energy, 3),
        "watts_assumed": WATTS,
        "machine": machine(),
        "results": sorted({f"runs/{run.folder.name}" for run in reproduction.all_results}),
    }


def write_card(reproduction: Reproduction, figures: Mapping[str, Any]) -> list[Path]:
    """Write `card.html` and `card.json` into the report's folder, and return their paths.

    Args:
        reproduction: what the card is about.
        figures: of matplotlib, by caption.
    """
    folder, content = folder_of(reproduction.parameters), summary(reproduction)
    page = PAGES.get_template("card.html").render(
        content,
        tables={
            "Table 1. Every method": reproduction.table_1(),
            "Beside it: the separator of a fool": reproduction.spectra(),
            "Table 2. The terms of ContAV-Sep": reproduction.table_2(),
            "Table 3. The size of the memory": reproduction.table_3(),
        },
        figures={caption: _as_png(figure) for caption, figure in figures.items()},
        folder=folder.relative_to(paths.home()),
        to_run=reproduction.parameters.to_run(),
    )
    card, data = folder / "card.html", folder / "card.json"
    write_atomically(card, lambda part: part.write_text(page, encoding="utf-8"))
    write_json(data, content)
    return [card, data]


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return json.loads(table.to_json(orient="records"))  # NaN becomes null


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    """Columns of two levels as one: "iquery SDR"."""
    return table.set_axis([" ".join(name) if isinstance(name, tuple) else name for name in table.columns], axis=1)


def _as_png(figure: Any) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return base64.b64encode(buffer.getvalue()).decode()
