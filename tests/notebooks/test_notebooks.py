"""The analysts' notebooks: executed from the first cell to the last, on the demo, while its server runs."""

import json
import re
from pathlib import Path

import nbclient
import nbformat
import pytest

pytestmark = [pytest.mark.loopback, pytest.mark.xdist_group("browser")]
ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def executed(path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> nbformat.NotebookNode:
    for name in ("MOORAGE_WAREHOUSE_URL", "MOORAGE_STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MOORAGE_DATA", str(data))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=180, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    return notebook


def said(notebook: nbformat.NotebookNode) -> str:
    return "\n".join(out.get("text", "") for cell in notebook.cells for out in cell.get("outputs", []))


def test_there_are_six():
    assert len(NOTEBOOKS) == 6


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_opens_with_the_reader_and_is_committed_without_outputs(path):
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert "".join(cells[0]["source"]) == "from collectors.warehouse import reader\n\nwh = reader()"
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)


def test_utilization_adds_up_over_all_owners(server, server_data, monkeypatch):
    text = said(executed(NOTEBOOKS[0], server_data, monkeypatch))
    hours = re.search(r"([\d,.]+) core hours in 7 days", text)
    assert hours is not None
    assert float(hours[1].replace(",", "")) > 100


def test_the_forecast_has_a_back_test(server, server_data, monkeypatch):
    text = said(executed(NOTEBOOKS[1], server_data, monkeypatch))
    days = re.search(r"(\d+) whole days", text)
    assert days is not None
    assert int(days[1]) > 60
    assert re.search(r"median error of the trend +\d+\.\d\d%", text)


def test_windows_equal_the_samples_they_were_made_of(server, server_data, monkeypatch):
    text = said(executed(NOTEBOOKS[2], server_data, monkeypatch))
    checked = re.search(r"(\d+) containers checked", text)
    assert checked is not None
    assert int(checked[1]) > 20


def test_revenue_of_the_notebook_is_that_of_page_and_ledger(server, server_data, monkeypatch):
    text = said(executed(NOTEBOOKS[3], server_data, monkeypatch))
    assert re.search(r"\d+ postings sum to 0", text)
    assert re.search(r"\d+ months of revenue equal the page", text)


def test_margin_of_the_notebook_is_proven(server, server_data, monkeypatch):
    assert said(executed(NOTEBOOKS[4], server_data, monkeypatch)).count(", proven") == 3


def test_cohorts_sum_to_what_recurs(server, server_data, monkeypatch):
    assert re.search(r"\d+ currencies", said(executed(NOTEBOOKS[5], server_data, monkeypatch)))
