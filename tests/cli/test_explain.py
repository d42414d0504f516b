import math
import re
from pathlib import Path

import pytest

from tests.cli.outcome import call, documented, facts, refusal


def relu(z: float) -> float:
    return max(z, 0.0)


def test_every_line_of_numbers_comes_to_the_value_below_it() -> None:
    lines = [*call("explain").out.splitlines(), ""]

    tried = 0
    for above, numbers, value in zip(lines, lines[1:], lines[2:], strict=False):
        name, _, symbols = above.strip().partition(" = ")
        if not re.search(r"[a-z]+\d_", symbols) or not numbers.strip().startswith("= "):
            continue
        formula = numbers.strip().removeprefix("= ")
        stated = value.strip() if value.strip().startswith("= ") else f"= {formula}"
        got = eval(formula, {"relu": relu, "exp": math.exp, "log": math.log})
        assert got == pytest.approx(float(stated.removeprefix("= ")), rel=2e-5, abs=1e-6), name
        tried += 1
    forward = (4 + 4) + (3 + 3) + (2 + 2) + 1
    backward = (2 + 6 + 2) + (3 + 3 + 12 + 3) + (4 + 4 + 20 + 4)
    assert tried == forward + backward


def test_the_formulas_stand_in_the_workbooks_order() -> None:
    out = call("explain").out

    heads = ["z1 = h0 @ W1 + b1", "h1 = relu(z1)", "z2 = h1 @ W2 + b2", "h2 = relu(z2)"]
    heads += ["z3 = h2 @ W3 + b3", "h3 = softmax(z3)", "CE = "]
    heads += ["grad_z3 = h3 - y", "grad_W3 = h2 outer grad_z3", "grad_b3 = grad_z3"]
    heads += ["grad_h2 = W3 @ grad_z3", "grad_z2 = grad_h2 * (z2 > 0)"]
    heads += ["grad_W2 = h1 outer grad_z2", "grad_b2 = grad_z2"]
    heads += ["grad_h1 = W2 @ grad_z2", "grad_z1 = grad_h1 * (z1 > 0)"]
    heads += ["grad_W1 = h0 outer grad_z1", "grad_b1 = grad_z1"]
    places = [out.index(f"\n{head}") for head in heads]
    assert places == sorted(places)


def test_one_layer_can_be_chosen() -> None:
    out = call("explain", "--layer", "2").out

    assert "z2 = h1 @ W2 + b2" in out
    assert "grad_W2 = h1 outer grad_z2" in out
    assert "z1 = h0 @ W1 + b1" not in out
    assert "W1 = " not in out


def test_markdown_has_a_heading_and_a_block_for_each_step() -> None:
    out = call("explain", "--markdown").out

    assert out.startswith("# ")
    assert out.count("\n### ") == 19  # what is given, and 18 steps
    assert out.count("```text\n") == 19
    assert "$" not in out


def test_a_page_is_written_in_place_of_the_text() -> None:
    status, out, err = call("explain", "--html", "page.html")

    assert (status, out, err) == (0, "page: page.html\n", "")
    assert "<h2>Back through layer 3</h2>" in Path("page.html").read_text(encoding="utf-8")


def test_json_has_every_number_of_the_small_network() -> None:
    found = facts(call("explain", "--json"))

    assert documented(found)
    assert [step["name"] for step in found["steps"]][:2] == ["z1", "h1"]
    assert all(step["value"] is not None for step in found["steps"])
    assert {given["name"] for given in found["given"]} == {
        "h0",
        "y",
        "W1",
        "b1",
        "W2",
        "b2",
        "W3",
        "b3",
    }


def test_a_real_image_goes_through_the_full_network(dots: str) -> None:
    out = call("explain", "--set", f"data.name={dots}", "--image", "7").out

    assert out.startswith("1024-512-256-3 (initial parameters) and training image 7 of ")
    assert "grad_W3 = h2 outer grad_z3   (256, 3)" in out
    assert re.search(r"\[1,021 more: -?[\d.]+\]", out)


def test_without_a_number_it_takes_the_first_image_that_gradcheck_checks(dots: str) -> None:
    given = facts(call("explain", "--set", f"data.name={dots}", "--json"))["given"]

    assert given[0]["shape"] == [1024]
    assert len(given[0]["value"]) == 1024


def test_a_trained_network_can_be_explained(run: str) -> None:
    out = call("explain", "--run", run, "--image", "2", "--layer", "3").out

    assert out.startswith("1024-16-8-3 (run) and training image 2 of ")
    assert "b1" not in out
    assert "h3 = softmax(z3)" in out


def test_other_settings_change_the_formulas(dots: str) -> None:
    changes = (f"data.name={dots}", "network.activation=silu", "optimizer.weight_decay=0.01")
    out = call("explain", *(word for c in changes for word in ("--set", c))).out

    assert "h1 = silu(z1)" in out
    assert "grad_z1 = grad_h1 * silu'(z1)" in out
    assert "grad_W1 = h0 outer grad_z1 + 0.01 * W1" in out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--layer", "4"), "--layer: must be in [1, 3], got 4"),
        (
            ("--html", "a.html", "--json"),
            "--html: writes a page and prints nothing else; leave out",
        ),
        (("--html", "no/a.html"), "no/a.html: cannot write"),
        (("--markdown", "--json"), "--json and --markdown: give one of them"),
        (("--config", "quickstart", "--image", "20000"), "--image: must be in [0, 19999]"),
        (("--image", "3"), "--image: mnist is not in the cache; run `mlp download mnist`"),
        (("--run", "nowhere", "--config", "mnist"), "--run: a run has its own settings"),
        (("--set", "data.name=nowhere", "--image", "3"), "neither a name nor a path"),
    ],
)
def test_a_wrong_option_gets_one_line(args: tuple[str, ...], message: str, place: Path) -> None:
    assert message in refusal("explain", *args)


def test_batch_normalization_couples_images_so_only_a_run_is_explained(tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    settings = ["network.batch_norm=true", "network.hidden=[3]", "data.images=200"]
    call("train", *settings, "--epochs", "1", "--out", run)

    assert "grad_W1 = h0 outer grad_z1" in call("explain", "--run", run).out
    assert "network.batch_norm: one image has no explanation" in refusal("explain", *settings)
