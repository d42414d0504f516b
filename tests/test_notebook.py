"""The notebook in `examples/` runs as it stands, and shows what it says."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent.parent / "examples" / "quickstart.ipynb"


def shipped() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # untyped


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The cells of code, after they were run in an empty folder by a kernel of their own."""
    place = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPCLI_DATA", str(place / "cache"))
        patch.setenv("IPYTHONDIR", str(place / "ipython"))
        client = NotebookClient(
            shipped(), timeout=300, kernel_name="python3", resources={"metadata": {"path": place}}
        )
        done = client.execute()
    return [cell for cell in done.cells if cell.cell_type == "code"]


def output_of(cells: list[Any], source: str) -> Any:
    """The one output of the cell with this text in its source."""
    (cell,) = [cell for cell in cells if source in cell.source]
    (output,) = cell.outputs
    return output


def test_every_cell_is_explained_and_has_no_output() -> None:
    kinds = [cell.cell_type for cell in shipped().cells]

    assert kinds[0] == kinds[-1] == "markdown"
    assert ("code", "code", "code") not in zip(kinds, kinds[1:], kinds[2:], strict=False)
    assert not any(cell.get("outputs") for cell in shipped().cells)


@pytest.mark.slow
def test_no_cell_writes_to_standard_error(cells: list[Any]) -> None:
    assert len(cells) > 8
    assert not [o for cell in cells for o in cell.outputs if o.get("name") == "stderr"]


@pytest.mark.slow
def test_the_training_leaves_its_curve(cells: list[Any]) -> None:
    data = output_of(cells, "progress=True")["data"]

    assert re.match(
        r"8 epochs in .* s; validation accuracy 9\d\.\d\d% in epoch \d", data["text/plain"]
    )
    assert len(list(ElementTree.fromstring(data["text/html"]).iter("svg"))) == 2


@pytest.mark.slow
def test_the_model_and_its_evaluation_are_shown(cells: list[Any]) -> None:
    model = output_of(cells, "model.history")
    result = output_of(cells, "mlpcli.evaluate(model)")["data"]

    assert len(re.findall(r"\(\d, ", model["data"]["text/plain"])) == 8
    assert re.search(r"accuracy 9\d\.\d\d% \(95% interval", result["text/plain"])
    assert len(list(ElementTree.fromstring(result["text/html"]).iter("td"))) == 100


@pytest.mark.slow
def test_the_mistake_is_named_and_the_gradient_is_right(cells: list[Any]) -> None:
    assert "did you mean 'lr'?" in output_of(cells, "learning_rate")["text"]
    assert ": right; 140,106 of" in output_of(cells, "check_gradient")["data"]["text/plain"]
