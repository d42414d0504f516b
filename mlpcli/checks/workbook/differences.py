"""Workbook 03, "Trusting a gradient", statement by statement: measuring a derivative.

The left side is measured or returned by the code, the right side is the answer. `trust.py` has the
second half, what a measured derivative proves.
"""

import numpy as np

from mlpcli.checks import numeric, reference
from mlpcli.checks.numeric import Perturbations
from mlpcli.checks.problem import derived_gradient, loss
from mlpcli.checks.reference import COMPLEX_STEP
from mlpcli.checks.step_size import SLOPE_TOLERANCE, STEPS
from mlpcli.checks.workbook.hidden_values import along
from mlpcli.checks.workbook.measurements import slope
from mlpcli.checks.workbook.statement import CENTRAL_TOLERANCE, Sides, statements
from mlpcli.checks.workbook.trust_values import KINK_STEP, TrustValues, by_unit, direction, flat
from mlpcli.nn import Array
from mlpcli.nn.activation import ACTIVATIONS, RELU

DIFFERENCES, IMAGINARY, KINKS = "Two losses, one slope", "An imaginary step", "Kinks"

NEARLY = 0.01  # the tolerance where a law holds better, the shorter the step
DECADE = 0.15  # relative error of log10 h, where h is off by a factor of 10

X = np.array([0.1, 0.5, 1.0, 1.7, 3.0])
H = 0.1  # a step so long that its error shows
EPS = 2.0**-52  # the distance from 1 to the next number in float64
SHORT_STEPS = np.geomspace(1e-10, 1e-3, 70_001)


def _ratio(error: Array) -> Array:
    """Of the first error to the second."""
    return error[0] / error[1]


def _forward_errors(s: TrustValues) -> Array:
    return np.array([abs(s.forward(h) - s.slope) for h in (2e-4, 1e-4)])


def _central_errors(s: TrustValues) -> Array:
    return np.array([abs(s.central_in_weight(h) - s.slope) for h in (2e-2, 1e-2)])


def _log_best_step(s: TrustValues, curve: int) -> float:
    return float(np.log10(STEPS[s.curves[curve].best]))


def _numeric_at_kink(s: TrustValues, step: float) -> tuple[float, float]:
    """The check's difference for the unit's bias, where z2 = KINK_STEP / 2, and whether it crosses.

    The bias is the weight of an input that follows the 512 of h1 and is always 1.
    """
    problem = s.at_kink(KINK_STEP / 2)
    move = Perturbations(1, np.array([512]), np.array([s.kink]))
    slopes, crossed = numeric.slopes(problem, reference.forward(problem), 0, move, step=step)
    return float(slopes[0]), float(crossed[0])


# by section, then by number and text
_SIDES: dict[str, dict[str, Sides]] = {
    DIFFERENCES: {
        "1 ((x + t)^3 - x^3) / t = 3x^2 + 3xt + t^2: the error of a forward difference is as t": (
            lambda s: (((X + H) ** 3 - X**3) / H, 3 * X**2 + 3 * X * H + H**2)
        ),
        "2 ((x + t)^3 - (x - t)^3) / 2t = 3x^2 + t^2: that of a central one is as t^2": lambda s: (
            ((X + H) ** 3 - (X - H) ** 3) / (2 * H),
            3 * X**2 + H**2,
        ),
        "3a for a weight of the network, half of t halves the error of a forward difference": (
            lambda s: (_ratio(_forward_errors(s)), 2.0)
        ),
        "3b and quarters that of a central one": lambda s: (_ratio(_central_errors(s)), 4.0),
        "4 a number near 1 is known to eps / 2 = 2^-53: what is smaller gets lost beside it": (
            lambda s: ([1 + EPS / 2 - 1, 1 + EPS - 1], [0.0, EPS])
        ),
        "5a both errors against t, in logarithms: rounding has slope -1, as eps / t": lambda s: (
            [curve.rounding.measured for curve in s.curves[1:]],
            [-1.0, -1.0],
        ),
        "5b truncation has slope 2 for central differences and 1 for forward ones": lambda s: (
            [curve.truncation.measured for curve in s.curves[1:]],
            [2.0, 1.0],
        ),
        "6a t/2 + eps/t is least for t = sqrt(2 eps)": lambda s: (
            (SHORT_STEPS / 2 + EPS / SHORT_STEPS).min(),
            np.sqrt(2 * EPS),
        ),
        "6b t^2/6 + eps/t is least for t = (3 eps)^(1/3)": lambda s: (
            (SHORT_STEPS**2 / 6 + EPS / SHORT_STEPS).min(),
            (3 * EPS) ** (2 / 3) / 2,
        ),
        "7a so the best t of a forward difference is near 10^-7.7, to a factor of 10": lambda s: (
            _log_best_step(s, 2),
            np.log10(np.sqrt(2 * EPS)),
        ),
        "7b and that of a central one near 10^-5.1": lambda s: (
            _log_best_step(s, 1),
            np.log10((3 * EPS) ** (1 / 3)),
        ),
        "8a in float32 a weight absorbs a step of 1e-9, and the difference is 0": lambda s: (
            s.forward(1e-9, "float32"),
            0.0,
        ),
        "8b in float64 the same step measures the slope": lambda s: (s.forward(1e-9), s.slope),
    },
    IMAGINARY: {
        "9 Im (x + it)^3 / t = 3x^2 - t^2: the error is as t^2, without any difference": lambda s: (
            ((X + H * 1j) ** 3).imag / H,
            3 * X**2 - H**2,
        ),
        "10a t = 1e-30 measures along any direction d what the gradient says: grad . d": (
            lambda s: (
                along(s.image, direction(s.image.params, 1)),
                flat(s.gradient) @ flat(direction(s.image.params, 1)),
            )
        ),
        "10b a forward difference with this t is 0": lambda s: (s.forward(COMPLEX_STEP), 0.0),
        "11 the real part is the loss, as it is without the step": lambda s: (
            s.ce(COMPLEX_STEP * 1j).real,
            loss(s.image),
        ),
        "12a |z| is a real number: the slope of np.abs is lost, 0 for 1": lambda s: (
            slope(np.abs, X),
            np.zeros(5),
        ),
        "12b choosing by the real part, z or -z, keeps it": lambda s: (
            slope(lambda z: np.where(z.real > 0, z, -z), np.append(X, -X)),
            np.sign(np.append(X, -X)),
        ),
        "13 a conjugate turns the sign of the slope: transpose with .T": lambda s: (
            slope(np.conj, X),
            -np.ones(5),
        ),
        "14 all six activations can be measured so: their f' is right": lambda s: (
            [slope(f.f, np.append(X, -X)) for f in ACTIVATIONS.values()],
            [f.derivative(np.append(X, -X)) for f in ACTIVATIONS.values()],
        ),
    },
    KINKS: {
        "15 for |z| < t a central difference of relu is (z + t) / 2t, neither 0 nor 1": lambda s: (
            [(RELU.f(z + H) - RELU.f(z - H)) / (2 * H) for z in H * np.array([[-0.5], [0], [0.5]])],
            [[0.25], [0.5], [0.75]],
        ),
        "16 at z = 0 it is 1/2 for every t": lambda s: (
            [(RELU.f(h) - RELU.f(-h)) / (2 * h) for h in X],
            np.full(5, 0.5),
        ),
        "17 in the network, with z2_i = t/2, it is 3/4 of the derivative with respect to b2_i": (
            lambda s: (
                np.diff(s.ce_of_bias(s.at_kink(KINK_STEP / 2), np.array([-KINK_STEP, KINK_STEP])))[
                    0
                ]
                / (2 * KINK_STEP),
                0.75 * derived_gradient(s.at_kink(KINK_STEP / 2))[1].b[s.kink],
            )
        ),
        "18a the two ends show it: unit i is active at one of them; for t/4 at both": lambda s: (
            [_numeric_at_kink(s, h)[1] for h in (KINK_STEP, KINK_STEP / 4)],
            [1.0, 0.0],
        ),
        "18b with t/4 the difference is right": lambda s: (
            _numeric_at_kink(s, KINK_STEP / 4)[0],
            derived_gradient(s.at_kink(KINK_STEP / 2))[1].b[s.kink],
        ),
        "19 an imaginary step crosses nothing: it is right as close to the kink as one likes": (
            lambda s: (
                by_unit(s, s.at_kink(1e-12))[0],
                derived_gradient(s.at_kink(1e-12))[1].b[s.kink],
            )
        ),
    },
}


_TOLERANCES = {
    (DIFFERENCES, "3a"): NEARLY,
    (DIFFERENCES, "3b"): NEARLY,
    (DIFFERENCES, "5a"): SLOPE_TOLERANCE,
    (DIFFERENCES, "5b"): SLOPE_TOLERANCE,
    (DIFFERENCES, "6a"): CENTRAL_TOLERANCE,
    (DIFFERENCES, "6b"): CENTRAL_TOLERANCE,
    (DIFFERENCES, "7a"): DECADE,
    (DIFFERENCES, "7b"): DECADE,
    (DIFFERENCES, "8b"): CENTRAL_TOLERANCE,
    (KINKS, "17"): CENTRAL_TOLERANCE,
    (KINKS, "18b"): CENTRAL_TOLERANCE,
}
MEASURING = statements(3, _SIDES, _TOLERANCES)
