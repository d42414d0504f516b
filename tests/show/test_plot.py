import pytest

from mlpcli.api.plot import Plot, Track
from mlpcli.show.curves import Canvas
from mlpcli.show.plot import drawing, small_drawing

LOSSES, SCORES = [0.9, 0.5, 0.3], [0.7, 0.8, 0.9]


def track(name: str = "runs/a", note: str = "", *, validated: bool = True) -> Track:
    scores, losses = (SCORES, LOSSES) if validated else ([], [])
    best = 0 if note or not validated else 3
    return Track(name, note, [1, 2, 3], [2 * loss for loss in LOSSES], losses, scores, best)


def plain(*tracks: Track, width: int = 80, ascii_: bool = False, small: bool = True) -> list[str]:
    draw = small_drawing if small else drawing
    lines = draw(Plot("accuracy", [], list(tracks)), Canvas(width, 23, ascii_))
    assert max(line.cell_len for line in lines) <= width
    return [line.plain for line in lines]


@pytest.mark.parametrize("width", [120, 80, 48])
def test_a_small_drawing_has_at_most_ten_lines(width: int) -> None:
    assert len(plain(track(), width=width)) == 9
    assert len(plain(track(), track("b"), width=width)) == 10


def test_where_it_is_narrow_the_accuracy_is_drawn_alone() -> None:
    lines = plain(track(), width=40)

    assert lines[0] == "validation accuracy  90.00%, best 90.00%"
    assert not any("loss" in line for line in lines)


@pytest.mark.parametrize("small", [True, False])
def test_without_validation_images_the_loss_is_drawn_alone(*, small: bool) -> None:
    lines = plain(track(validated=False), small=small)

    assert not any("validation" in line or "accuracy" in line for line in lines)
    assert any(line.startswith("loss  ╌╌ train 0.6000") for line in lines)


def test_a_mean_says_so() -> None:
    mean = track("runs/many", "mean of 12 seeds")

    assert plain(mean)[0] == "mean of 12 seeds"
    text = "runs/many: mean of 12 seeds, 3 epochs, accuracy 90.00% in the last epoch"
    assert plain(mean, small=False)[0] == text


def test_what_the_axis_shows_is_left_out_first() -> None:
    (head, *_), (short, *_) = (plain(track(), small=False, width=width) for width in (80, 50))

    assert head == "runs/a: 3 epochs, best accuracy 90.00% in epoch 3"
    assert short == "runs/a: best accuracy 90.00% in epoch 3"


def test_long_names_are_cut() -> None:
    lines = plain(track("runs/" + 90 * "a"), track("runs/" + 90 * "\u304a"), small=False, width=50)

    assert lines[0].startswith("● runs/aaa")
    assert lines[1].startswith("■ runs/\u304a")


def test_runs_differ_in_ascii_too() -> None:
    lines = plain(track("one"), track("other")._replace(validation_loss=[2, 2, 2]), ascii_=True)

    assert lines[0].startswith("a one  b other")
    assert "b" * 20 in "".join(lines[2:])
    assert "".join(lines).isascii()
