from typing import Any

from benchmarks.results import with_table
from benchmarks.table import Row, as_markdown

FACTS: dict[str, Any] = {
    "date": "2026-01-02T03:04:05+00:00",
    "command": "make bench",
    "environment": {
        "cpu": "a processor",
        "cores": 2,
        "python": "3.11",
        "numpy": "2.4",
        "blas": ["openblas 0.3"],
        "blas_architecture": ["Zen"],
    },
    "versions": {"ours": {"mlpcli": "1", "numpy": "2.4"}, "JAX jit": {"jax": "0.10"}},
    "load": {"before": 0.25, "after": 2.0},
    "steal": 1.5,
    "idle": 40.0,
    "gflops": {"2x3x4": {"1 thread": 70, "2 processes": 130}},
    "data": "mnist",
}


START, END = "<!-- measured: avx2 -->\n", "<!-- /measured: avx2 -->"


def test_the_table_takes_the_place_of_the_last_one() -> None:
    page = f"before\n{START}old\n{END}after\n"
    rows = [Row("epoch", (1.0,), "JAX", (2.0,))]

    once = with_table(page, "avx2", FACTS, rows)

    assert once.startswith(f"before\n{START}")
    assert once.endswith(f"{as_markdown(rows)}\n\n{END}after\n")
    assert "old" not in once
    assert "NumPy 2.4 with openblas 0.3, jax 0.10. Data: mnist. OpenBLAS kernel Zen." in once
    assert "2x3x4: 70 with 1 thread, 130 with 2 processes" in once
    assert with_table(once, "avx2", FACTS, rows) == once
    assert with_table(once, "native", FACTS, rows) == once
