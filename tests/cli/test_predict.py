import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.cells import cell_len

from tests.cli.outcome import call, documented, hung_up, kinds, on_terminal, output, piped, refusal

pytestmark = pytest.mark.usefixtures("images")


@pytest.fixture
def images(dots: str) -> None:
    """Three test images of `dots`, one of each class: as an npz file, and as pictures."""
    three = np.load(dots)["x_test"][:3]
    np.savez("three.npz", allow_pickle=False, images=three)
    Path("folder").mkdir()
    for i, image in enumerate(three):
        Image.fromarray(image).save(f"folder/{i}.png")
    Image.fromarray(255 - three[1]).save("light.png")


def test_a_table_has_the_classes_first_and_the_image_last(run: str) -> None:
    head, *rows = output(call("predict", run, "folder", "three.npz", "--top", "2")).splitlines()

    assert head.split() == ["#1", "probability", "#2", "probability", "image"]
    assert [row.split()[0] for row in rows] == ["0", "1", "2"] * 2
    assert [row.split()[-1] for row in rows] == [
        *(f"folder/{i}.png" for i in range(3)),
        *(f"three.npz[{i}]" for i in range(3)),
    ]
    assert len({row.rindex(row.split()[-1]) for row in (head, *rows)}) == 1  # columns are aligned


def test_jsonl_is_one_object_a_line_as_the_contract_has_it(run: str) -> None:
    status, out, _ = call("predict", run, "three.npz", "light.png", "--format", "jsonl")

    found = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert kinds(found[0]) == {
        "int": {"schema", "row"},
        "float": {"white"},
        "str": {"image"},
        "bool": {"light", "inverted", "blank", "centered", "shrunk", "pieces", "outlier"},
        "list": {"top"},
    }
    top = {"int": {"label"}, "str": {"name"}, "float": {"probability"}}
    assert kinds(found[0]["top"][0]) == top
    assert [(each["image"], each["row"]) for each in found] == [
        *(("three.npz", i) for i in range(3)),
        ("light.png", None),
    ]
    assert sum(guess["probability"] for guess in found[0]["top"]) == pytest.approx(1)
    assert all(map(documented, found))


def test_csv_has_a_column_for_each_fact(run: str) -> None:
    out = call("predict", run, "three.npz", "light.png", "--format", "csv", "--top", "1").out

    rows = list(csv.DictReader(out.splitlines()))
    assert list(rows[0]) == ["image", "row", "inverted", "class_1", "probability_1"]
    assert [row["class_1"] for row in rows] == ["0", "1", "2", "1"]
    assert [row["row"] for row in rows] == ["0", "1", "2", ""]
    assert [row["inverted"] for row in rows] == ["false", "false", "false", "true"]


def test_an_inverted_image_is_told_on_standard_error(run: str) -> None:
    shutil.copy("light.png", "too.png")

    err = call("predict", run, "light.png", "folder", "too.png").err

    assert err.splitlines() == [
        "note: light.png: is dark on light, so it was inverted; --no-invert leaves it",
        "note: 2 of 5 images were inverted",
    ]
    assert call("predict", run, "light.png", "--no-invert").err == ""
    assert call("predict", run, "light.png", "--invert").err == ""


def test_an_image_of_one_shade_is_warned_of(run: str) -> None:
    Image.new("L", (6, 6), 200).save("paper.png")

    status, _, err = call("predict", run, "paper.png")

    assert status == 0
    assert err == "warning: paper.png: blank image; the prediction is meaningless\n"


def test_a_file_has_one_line_for_each_warning(run: str) -> None:
    np.savez("blank.npz", allow_pickle=False, images=np.full((2500, 6, 6), 9, np.uint8))

    err = call("predict", run, "blank.npz", "folder/1.png", "blank.npz").err

    line = "warning: blank.npz[0] and 2,499 more: blank image; the prediction is meaningless"
    assert [each for each in err.splitlines() if each.startswith("warning")] == [line, line]


def test_what_was_done_to_pictures_is_told_once(run: str) -> None:
    for name, side in (("a", 60), ("b", 70)):
        Image.open("folder/1.png").resize((side, side)).save(f"{name}.png")
    np.savez("bits.npz", allow_pickle=False, images=np.load("three.npz")["images"] > 200)

    assert call("predict", run, "a.png", "b.png", "bits.npz").err.splitlines() == [
        "note: a.png: was shrunk to the size of the training images",
        "note: bits.npz: white is 1",
    ]
    told = "its ink was scaled and moved, as in training; --no-center leaves it"
    assert told not in call("predict", run, "a.png", "--center").err


def test_standard_input_is_names_or_a_file(run: str) -> None:
    names = call("predict", run, "-", stdin=b"folder/1.png\nfolder/2.png\n").out
    bytes_ = call("predict", run, "-", stdin=Path("folder/1.png").read_bytes()).out
    many = call("predict", run, "-", stdin=Path("three.npz").read_bytes()).out

    assert [line.split()[0] for line in names.splitlines()[1:]] == ["1", "2"]
    assert [line.split()[0] for line in bytes_.splitlines()[1:]] == ["1"]
    assert [line.split()[-1] for line in many.splitlines()[1:]] == ["-[0]", "-[1]", "-[2]"]


def test_files_of_a_folder_that_are_no_pictures_are_counted(run: str) -> None:
    for name in ("a.txt", "b.txt"):
        Path("folder", name).write_text("hello")
    Path("folder", "0.json").write_text("{}")

    status, out, err = call("predict", run, "folder", "--top", "1")

    assert status == 0
    assert len(out.splitlines()) == 4
    assert "note: left out folder/0.json and 2 more: no picture\n" in err


def test_a_bad_image_among_good_ones_is_told_and_the_others_go_on(run: str) -> None:
    Path("text.png").write_text("hello")

    status, out, err = call("predict", run, "text.png", "folder", "none.png", "--top", "1")

    assert status == 2
    assert [line.split()[0] for line in out.splitlines()] == ["#1", "0", "1", "2"]
    assert [line.split(": ")[:2] for line in err.splitlines()] == [
        ["error", "text.png"],
        ["error", "none.png"],
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("run empty", "empty: is empty"),
        ("run text.png", "text.png: is not an image"),
        ("run -", "-: is empty"),
        ("none light.png", "none: no such run"),
        ("half light.png", "half/best.safetensors: no such file"),
        ("run light.png --format xml", "invalid value for '--format'"),
        ("run", "run: is a run; name images too, or - for standard input"),
    ],
)
def test_what_cannot_be_done_is_one_line(run: str, words: str, told: str) -> None:
    Path("empty").mkdir()
    Path("text.png").write_text("hello")
    Path("half").mkdir()
    shutil.copy(f"{run}/run.json", "half")
    shutil.copy(f"{run}/config.yaml", "half")

    assert refusal("predict", *words.split()).startswith(told)


@pytest.mark.slow
def test_control_characters_in_a_name_stay_out_of_the_terminal(run: str) -> None:
    name, bad = "\x1b[2J\n\x9bé.png", "\x1b[31m.png"
    shutil.copy("light.png", name)
    Path(bad).write_text("hello")

    for form in ("table", "csv", "jsonl"):
        status, out, err = on_terminal("predict", run, name, bad, "--format", form)

        assert status == 2
        assert out.count("\n") == (1 if form == "jsonl" else 2)
        assert not {"\x1b", "\x9b"} & {*out, *err}
        assert "\\u001b[2J" in out
        assert "error: \\u001b[31m.png: is not an image" in err
    found = json.loads(out)
    assert found["image"] == name


@pytest.mark.slow
def test_a_reader_that_hangs_up_ends_it_quietly(run: str) -> None:
    assert hung_up("predict", run, "folder") == (141, "", "")


@pytest.mark.slow
def test_class_names_of_any_script_stay_in_their_columns(dots: str, small: list[str]) -> None:
    arrays = dict(np.load(dots))
    np.savez("kana.npz", allow_pickle=False, **arrays, classes=np.array(["お", "ki", "すすす"]))
    changes = [*small, "--set", "data.name=kana.npz", "--out", "kana", "--quiet"]
    assert call("train", *changes).status == 0

    status, out, _ = piped("predict", "kana", "three.npz", "--top", "1", PYTHONIOENCODING="utf-8")

    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["お", "ki", "すすす"]
    assert len({cell_len(line[: line.rindex(" ")]) for line in out.splitlines()}) == 1


def test_the_last_weights_can_be_asked_for(run: str) -> None:
    Path(run, "best.safetensors").unlink()

    assert call("predict", run, "light.png", "--weights", "best").status == 2
    assert call("predict", run, "light.png", "--weights", "last").status == 0


def test_json_is_one_object_with_all_predictions_and_errors(run: str) -> None:
    lines = call("predict", run, "three.npz", "light.png", "--format", "jsonl").out.splitlines()

    status, out, err = call("predict", run, "three.npz", "none.png", "light.png", "--json")

    found = json.loads(out)
    assert status == 2
    assert (found["schema"], found["run"], found["weights"]) == (1, run, "last")
    assert [{"schema": 1, **each} for each in found["predictions"]] == list(map(json.loads, lines))
    (error,) = found["errors"]
    assert error.startswith("none.png: not readable")
    assert f"error: {error}" in err.splitlines()
    assert documented(found)


def test_json_and_another_format_exclude_each_other(run: str) -> None:
    told = refusal("predict", run, "light.png", "--json", "--format", "csv")

    assert told == "--json and --format: give one of them"
