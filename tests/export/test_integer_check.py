"""What has no integers is refused by what it is, before anything long."""

import numpy as np
import pytest

from neurograph.errors import UnsupportedError
from neurograph.export.integer_check import check_integers
from neurograph.network import LIF, CubaLIF, Network, Population, Projection, Source
from neurograph.weights import Dense


def driven(kind, neuron):
    populations = {"x": Population("x", (3,), Source(kind)), "1": Population("1", (2,), neuron)}
    return Network(populations, (Projection("x", "1", Dense(np.ones((2, 3)))),), 4, 1e-3)


@pytest.mark.parametrize(
    ("kind", "neuron", "says"),
    [
        ("static", CubaLIF(0.5, 0.5, 1.0), "input 'x': static, so it reaches population '1', which has synaptic state, as a constant"),
        ("values", LIF(0.5, 1.0), "input 'x': real values that change from tick to tick: give spikes as input"),
        ("values", CubaLIF(0.5, 0.5, 1.0), "or one static sample with --ticks into neurons without synaptic state"),
    ],
)
def test_an_input_that_no_chip_takes_is_what_is_named(kind, neuron, says):
    with pytest.raises(UnsupportedError) as refused:
        check_integers(driven(kind, neuron))
    message = str(refused.value)
    assert says in message and len(refused.value.offenders) == 1
    assert "give spikes as input, (ticks, ...) of 0 and 1" in message and message.endswith("'simulate --engine float' runs")
    assert "change the neuron" not in message


def test_inputs_that_chips_take():
    check_integers(driven("static", LIF(0.5, 1.0)))
    check_integers(driven("spikes", CubaLIF(0.5, 0.5, 1.0)))
