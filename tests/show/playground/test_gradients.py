"""The page's gradient and its step are those of the Python."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mlpcli.api.explain import explain
from mlpcli.checks.explain import Explanation
from mlpcli.nn import mlp
from mlpcli.nn.mlp import Layer, Params
from mlpcli.runs.checkpoint import Checkpoint
from mlpcli.runs.folder import RunFolder
from mlpcli.training import build
from tests.cli.outcome import call, facts
from tests.show.chromium import MARKS
from tests.show.playground.conftest import show, until

pytestmark = MARKS

MINUS = "\N{MINUS SIGN}"
FLOAT16 = 2.0**-10  # relative precision

GRADIENT = """([h0, label]) => {
  const { params } = network, pass = forward(params, Float32Array.from(h0), activation);
  const { grad_z, grad_h } = backward(params, pass, oneHot(label, classes.length), activation);
  const found = { CE: crossEntropy(pass.z.at(-1), oneHot(label, classes.length)) };
  params.forEach((_, i) => {
    found[`grad_z${i + 1}`] = [...grad_z[i]];
    found[`grad_W${i + 1}`] = [...outer(pass.h[i], grad_z[i])];
    if (i) found[`grad_h${i}`] = [...grad_h[i]];
  });
  return found;
}"""


def rounded(params: Params) -> Params:
    """The weights as the page has them, in float64."""
    return tuple(
        Layer(*(array.astype(np.float16).astype(np.float64) for array in layer)) for layer in params
    )


def norm(a: Any) -> float:
    return float(np.linalg.norm(np.ravel(a)))


@pytest.mark.parametrize("image", range(10))
def test_gradients_are_those_of_mlp_explain(page: Any, run: Path, image: int) -> None:
    explanation: Explanation = explain(run=run, image=image).explanation
    values = explanation.values

    found = page.evaluate(GRADIENT, [values["h0"].tolist(), int(values["y"].argmax())])

    for name, ours in found.items():
        theirs = np.ravel(values[name])
        # a unit that is nearly off may be on in float16, so that the whole is compared
        assert norm(ours - theirs) <= 8 * FLOAT16 * norm(theirs) + 1e-6, name
        assert_allclose(ours, theirs, rtol=0, atol=0.02 * np.abs(theirs).max() + 1e-6)


def test_a_step_of_teaching_is_numpys_and_forgetting_undoes_it(
    page: Any, checkpoint: Checkpoint
) -> None:
    show(page, 0)
    page.locator("[name=answer]").nth(3).check(force=True)
    page.locator("[name=rate]").nth(3).check(force=True)
    x = np.array([page.evaluate("[...state.pass.h[0]]")])
    params, y = rounded(checkpoint.params), mlp.one_hot(np.array([3]), 10)
    activation = build.activation(checkpoint.metadata.config)
    before = mlp.forward(params, x, activation=activation)
    grads = mlp.backward(params, before, y, activation=activation)
    stepped = tuple(
        Layer(layer.W - 0.03 * grad.W, layer.b - 0.03 * grad.b)
        for layer, grad in zip(params, grads, strict=True)
    )

    page.locator("#teach").click()
    until(page, "network.steps === 1 && isSettled")
    found = page.evaluate("network.params.map(({ W, b }) => [[...W], [...b]])")
    p = page.evaluate("[...state.pass.h.at(-1)]")
    page.locator("#forget").click()
    after = page.evaluate("network.params.map(({ W, b }) => [[...W], [...b]])")

    for (W, b), ours, back, then in zip(stepped, found, after, params, strict=True):
        assert_allclose(ours[0], W.ravel(), rtol=0, atol=1e-6)
        assert_allclose(ours[1], b, rtol=0, atol=1e-6)
        assert_allclose(back[0], then.W.ravel(), rtol=0, atol=0)
    after_step = mlp.forward(stepped, x, activation=activation).h[-1][0]
    assert_allclose(p, after_step, rtol=0, atol=1e-3)
    assert after_step[3] > before.h[-1][0, 3]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.99994830, "0.9999483"), (0.9996, "0.9996"), (0.12345, "0.123"), (1, "1"), (0, "0")),
        *((0.00012345, "0.000123"), (-0.0000169, "-1.69e-5"), (1.48e-7, "1.48e-7")),
    ],
)
def test_a_number_keeps_the_digits_that_its_formula_needs(
    page: Any, value: float, text: str
) -> None:
    assert page.evaluate("short", value) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [(0, "0.0%"), (0.0123, "1.2%"), (0.42, "42%"), (0.9994, "99.9%"), (0.9996, "100%")],
)
def test_a_percentage_has_a_decimal_near_both_ends(page: Any, p: float, text: str) -> None:
    assert page.evaluate("percent", p) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("1.48e-7", "1.48·10-7"), ("-1.48e-7", "-1.48·10-7"), ("2e+9", "2·109"), ("-3", "-3")],
)
def test_a_power_of_ten_keeps_its_sign(page: Any, text: str, shown: str) -> None:
    assert page.evaluate("text => numberOf(text, false).textContent", text) == shown.replace(
        "-", MINUS
    )


def test_the_probability_rises_and_the_cost_is_shown(page: Any) -> None:
    for i in range(10):
        show(page, i)
        answer = page.evaluate("state.answer")
        before = page.evaluate("state.pass.h.at(-1)[state.answer]")
        page.locator("#teach").click()
        until(page, f"network.steps === {i + 1} && isSettled")
        assert page.evaluate("state.answer") == answer
        assert page.evaluate("state.pass.h.at(-1)[state.answer]") > before

    right = page.evaluate(
        "rightOnes(network.params, gallery, { activation }).filter(Boolean).length"
    )
    marked = page.locator("#gallery .mistake").count()
    assert page.locator("#right-taught").inner_text() == str(right)
    assert page.locator("#steps-taught").inner_text() == "10 steps"
    assert marked == 50 - right
    for when, layers in (("untaught", "original"), ("taught", "params")):
        z = f"forward(network.{layers}, state.pass.h[0], activation).z.at(-1)"
        ce = page.evaluate(f"crossEntropy({z}, oneHot(state.answer, run.classes.length))")
        assert page.locator(f"#ce-{when}").inner_text() == f"{ce:.3f}"
    page.locator("#forget").click()


def test_the_taught_network_is_imported_and_evaluated(
    page: Any, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    show(page, 0)
    page.locator("#teach").click()
    with page.expect_download() as waiting:
        page.locator("#download").click()
    waiting.value.save_as(waiting.value.suggested_filename)
    program, *words = page.locator("#lesson pre").inner_text().split()

    assert program == "mlp"
    assert call(*words).status == 0
    assert facts(call("eval", f"{run.name}-taught", "--json"))["accuracy"] > 0.5
    params = RunFolder(Path("runs", f"{run.name}-taught")).load_weights("best").params
    found = page.evaluate("network.params.map(({ W, b }) => [[...W], [...b]])")
    for (W, b), ours in zip(params, found, strict=True):
        assert_allclose(W.ravel(), ours[0], rtol=0, atol=0)
        assert_allclose(b, ours[1], rtol=0, atol=0)
    page.locator("#forget").click()
