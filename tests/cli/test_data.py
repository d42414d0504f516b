import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.outcome import call, facts, output, refusal

PNG = b"\x89PNG"


def test_show_draws_some_images_of_each_class(dots: str) -> None:
    out = output(call("data", "show", dots))

    assert out == f"picture: dots.png\nshown: {dots}: training images, 12 of each class\n"
    assert Path("dots.png").read_bytes().startswith(PNG)


def test_show_augment_says_which_ranges_were_used(dots: str) -> None:
    out = call("data", "show", dots, "--augment").out
    chosen = call(
        *("data", "show", dots, "--augment", "--out", "x.png"),
        *("--set", "augment.flip=true", "--set", "augment.erase=0.5"),
    ).out

    assert out.splitlines()[0] == "picture: dots-augmented.png"
    ranges = "shift 2, rotate 12, scale 0.12, shear 8, elastic 1, elastic_sigma 4"
    assert out.splitlines()[2] == ranges
    assert chosen.splitlines()[0] == "picture: x.png"
    assert chosen.splitlines()[2] == "erase 0.5, flip"
    assert Path("x.png").read_bytes().startswith(PNG)


def test_show_json_is_one_object(dots: str) -> None:
    found = facts(call("data", "show", dots, "--augment", "--json"))

    assert found["picture"] == "dots-augmented.png"
    assert (found["data"], found["classes"]) == (dots, ["0", "1", "2"])
    assert found["augment"]["rotate"] == 12
    assert facts(call("data", "show", dots, "--json"))["augment"] is None


def test_show_copes_with_odd_names_and_with_a_class_without_images(place: Path) -> None:
    images = np.full((3, 5, 4), 200, np.uint8)
    classes = ["お", "$a_{b", "x" * 100, "none"]
    labels = np.arange(3)
    np.savez("お.npz", x_train=images, y_train=labels, classes=np.array(classes))

    output(call("data", "show", "お.npz", "--augment"))

    assert Path("お-augmented.png").read_bytes().startswith(PNG)


@pytest.mark.slow
def test_show_draws_the_first_hundred_of_many_classes(place: Path) -> None:
    images = np.full((3000, 1, 1), 200, np.uint8)
    np.savez("many.npz", x_train=images, y_train=np.arange(3000))

    found = facts(call("data", "show", "many.npz", "--json"))

    assert found["classes"] == [str(i) for i in range(100)]


def test_show_refuses_to_mirror_digits() -> None:
    told = refusal("data", "show", "synth", "--augment", "--set", "augment.flip=true")

    assert told.startswith("--set augment.flip=true: flip must be false for synth, whose")


def test_show_names_a_file_that_cannot_be_written(dots: str) -> None:
    told = refusal("data", "show", dots, "--out", "no/such.png")

    assert told == "no/such.png: cannot write: no is no folder"


def test_data_is_named_by_an_option(dots: str) -> None:
    Path(dots).rename("dots: #1.npz")  # needs quotes in YAML
    name = "dots: #1.npz"
    small = ("--set", "network.hidden=[4]", "--epochs", "1")

    assert facts(call("train", "--data", name, *small, "--out", "run", "--json"))["run"] == "run"
    assert json.loads(Path("run/run.json").read_text())["data"]["name"] == name
    assert name in call("gradcheck", "--data", name, *small[:2], "--quick").out
    assert name in call("explain", "--data", name, *small[:2]).out


@pytest.mark.parametrize("command", ["gradcheck", "explain"])
def test_a_run_brings_its_own_data(command: str, run: str) -> None:
    told = refusal(command, "--run", run, "--data", "synth")

    assert told == "--run: brings its own settings; leave out --config, --data and --set"


def test_a_link_to_nowhere_is_told_by_the_folder_that_it_leads_to(place: Path, dots: str) -> None:
    Path("a.png").symlink_to(place / "no" / "b.png")

    told = refusal("data", "show", dots, "--out", "a.png")

    assert told == f"a.png: cannot write: {place / 'no'} is no folder"
