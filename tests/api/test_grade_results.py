import io
import json
from typing import Any

import numpy as np
import pytest

from mlpcli.api import grade_results
from mlpcli.api.grade_results import GarbledError, Message, answers, messages
from mlpcli.api.grade_worker import sender
from mlpcli.checks.grading.answers import LAYOUTS

HEAD: dict[str, Any] = {"name": "", "dtype": "<f8", "shape": [2]}


def sent(*headers: dict[str, Any], data: bytes = b"") -> list[Message]:
    lines = b"".join(json.dumps(header).encode() + b"\n" for header in headers)
    return list(messages(io.BytesIO(lines + data)))


@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3)])
def test_an_array_arrives_as_it_was_sent(shape: tuple[int, ...]) -> None:
    out = io.BytesIO()
    array = np.arange(np.prod(shape), dtype="<f4").reshape(shape)
    sender(out)({"event": "answer", "step": "backward", "layout": 3}, [("dW1", array)])
    out.seek(0)

    answer = answers(messages(out), "a.py")[LAYOUTS[3]]["backward"]

    np.testing.assert_array_equal(answer.arrays[0], array, strict=True)
    assert answer.names == ("dW1",)


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 60_000 + b"\n",
        b"{" * 100_000,
        b"\xff\n",
        b"null\n",
        b'{"event": "won"}\n',
        b'{"event": "end", "right": 12}\n',
        b'{"event": "answer", "layout": 10}\n',
        b'{"event": "answer", "layout": "1"}\n',
        b'{"event": "answer", "line": 1e999}\n',
        b'{"event": "stopped", "text": "%s"}\n' % (b"a" * 501),
    ],
)
def test_a_line_that_the_worker_does_not_send_is_garbled(line: bytes) -> None:
    with pytest.raises(GarbledError):
        list(messages(io.BytesIO(line)))


@pytest.mark.parametrize(
    "head",
    [
        {"shape": [4_000_000, 4_000_000]},
        {"shape": [10**11]},
        {"shape": [-1]},
        {"shape": [1] * 9},
        {"dtype": "|O"},
        {"dtype": ">f8"},
    ],
)
def test_an_array_is_refused_by_its_header(head: dict[str, Any]) -> None:
    with pytest.raises(GarbledError):
        sent({"event": "answer", "step": "grad_z3", "arrays": [HEAD | head]})


def test_all_arrays_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grade_results, "MAX_BYTES", 31)

    with pytest.raises(GarbledError):
        sent({"event": "answer", "arrays": [HEAD, HEAD]}, data=bytes(32))


def test_messages_are_counted() -> None:
    with pytest.raises(GarbledError):
        sent(*[{"event": "calling"}] * 501)


def test_one_function_answers_once() -> None:
    header = {"event": "answer", "step": "grad_z3"}

    with pytest.raises(GarbledError):
        answers(sent(header, header), "a.py")


HALF = json.dumps({"event": "answer", "arrays": [HEAD]}).encode() + b"\n" + bytes(8)


@pytest.mark.parametrize("data", [b'{"event": "e', HALF])
def test_what_comes_before_a_torn_message_counts(data: bytes) -> None:
    headers = [message.header for message in sent({"event": "calling"}, data=data)]

    assert [header.event for header in headers] == ["calling"]


def test_text_is_one_line_that_can_be_shown() -> None:
    (message,) = sent({"event": "stopped", "text": "so\n12 of 12 right\x1b[1m\u200e"})

    assert message.header.text == "so\\u000a12 of 12 right\\u001b[1m\\u200e"
