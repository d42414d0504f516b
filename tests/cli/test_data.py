import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlpcli.data import dataset
from mlpcli.errors import DataError
from tests.cli.outcome import call, documented, facts, output, refusal

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

    assert told == "no/such.png: cannot write: no is not a folder"


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

    assert told == "--run: a run has its own settings; leave out the config and settings"


def test_a_link_to_nowhere_is_told_by_the_folder_that_it_leads_to(place: Path, dots: str) -> None:
    Path("a.png").symlink_to(place / "no" / "b.png")

    told = refusal("data", "show", dots, "--out", "a.png")

    assert told == f"a.png: cannot write: {place / 'no'} is not a folder"


def test_check_counts_what_is_there(dots: str) -> None:
    lines = output(call("data", "check", dots)).splitlines()

    assert lines[0] == f"{dots}: 3 classes; in the files: white 255, dark background"
    assert lines[1].split()[:3] == ["split", "images", "size"]
    train = ["train", "300", "6x6", "0", "to", "255", "100", "(0)", "100", "(0)", "0", "0", "0"]
    assert lines[2].split() == train
    assert lines[-1] == "finding: none"


def test_check_exits_with_1_where_something_is_found(place: Path, dots: str) -> None:
    arrays = dict(np.load(dots))
    arrays["x_test"][:9] = arrays["x_train"][:9]
    np.savez("leak.npz", allow_pickle=False, **arrays)

    status, out, err = call("data", "check", "leak.npz", "--json")

    found = json.loads(out)
    assert status == 1
    assert found["findings"] == ["test: 9 of its 90 images are also in train"]
    assert (found["leaked"], found["splits"]["test"]["images"]) == ({"test": 9}, 90)
    assert err == "error: leak.npz: 1 finding\n"
    for counts in found["splits"].values():
        counts["classes"] = {}  # whose keys are names
    assert documented(found)


def test_check_finds_labels_that_training_lacks(place: Path, dots: str) -> None:
    arrays = dict(np.load(dots))
    arrays["y_test"] = arrays["y_test"] + 7
    np.savez("other.npz", allow_pickle=False, **arrays)

    status, out, _ = call("data", "check", "other.npz")

    assert status == 1
    assert "finding: other.npz: its classes 7, 8, 9 must be among those that were learned" in out


def test_check_of_images_without_labels_says_so(place: Path, dots: str) -> None:
    arrays = dict(np.load(dots))
    del arrays["y_test"]
    np.savez("some.npz", allow_pickle=False, **arrays)

    out = output(call("data", "check", "some.npz"))

    assert "note: some.npz: its test images have no labels" in out


def test_formats_lists_what_is_read_and_what_is_not() -> None:
    out, found = output(call("data", "formats")), facts(call("data", "formats", "--json"))

    for form in found["read"]:
        assert form["name"] in out
        assert form["example"] in out
    assert "a pickle file, which can run code" in out
    assert "Parquet (extra formats)" in out
    assert documented(found)


def test_a_run_on_all_images_is_evaluated_reported_resumed_and_repeated(small: list[str]) -> None:
    whole = [*small, "--set", "data.validation=0", "--set", "log.tensorboard=true"]

    status, out, err = call("train", *whole, "--out", "run")
    assert status == 0
    assert err.splitlines()[0].endswith("validation 0")
    assert "validation" not in err.splitlines()[1]
    assert "no images were kept for it, so the last weights are the best" in out
    assert facts(call("train", *whole, "--out", "two", "--seeds", "2", "--json"))["sd"] is None
    assert facts(call("eval", "run", "--json"))["n"] == 90
    assert refusal("eval", "run", "--split", "validation") == "run: kept no images for validation"
    for command in ("report run", "runs show run", "runs --in .", "train --resume run --epochs 4"):
        assert call(*command.split()).status == 0, command
    assert facts(call("reproduce", "run", "--json"))["verdict"] == "identical"
    assert Path("run/best.safetensors").is_file()


def test_a_split_that_is_not_there_is_one_finding(
    dots: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = dataset.load

    def without_test(name: str, part: str, **options: Any) -> Any:
        if part == "test":
            raise DataError("dots: 1 file not in the cache", "  x_test", "    put it there")
        return load(name, part, **options)

    monkeypatch.setattr(dataset, "load", without_test)
    out = call("data", "check", dots).out

    assert out.splitlines()[-1] == "finding: dots: 1 file not in the cache"
