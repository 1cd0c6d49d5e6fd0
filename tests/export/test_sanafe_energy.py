"""Energy and time of a placed network against SANA-FE's own, component by component and step by step (benchmarks/sanafe_energy.py)."""

from dataclasses import replace

import pytest
import sanafe_energy

from neurograph.export.placement import Limits, place
from neurograph.hw_profiles.schema import load, placement_limits
from neurograph.network import Population, Source
from neurograph.sim import fixed


@pytest.fixture(scope="module")
def recording(compiled):
    return fixed.run(compiled.quantized, compiled.inputs)


@pytest.fixture(scope="module")
def placement(compiled, recording):
    """Karate over two small chips."""
    limits = Limits.of("loihi1-sanafe", placement_limits(load("loihi1-sanafe")))
    small = replace(limits, neurons=300, cores_per_chip=16, tiles_per_chip=8, mesh_width=4)
    return place(compiled.quantized, small, recording=recording)


def test_every_difference_from_sanafe_is_explained(placement, recording, sanafe_python):
    lines = {line.name: line for line in sanafe_energy.compare(placement, recording, load("loihi1-sanafe"), sanafe_python)}
    assert all(line.agrees for line in lines.values()), [line for line in lines.values() if not line.agrees]
    for name in ("machine steps", "spikes", "messages", "synaptic events", "energy: synapse (J)"):
        assert lines[name].ours == pytest.approx(lines[name].theirs, rel=1e-12), name
    assert placement.traffic.crossings.sum() > 0
    assert lines["energy: network (J)"].ours < lines["energy: network (J)"].theirs  # crossings, counted and not priced
    assert lines["energy: soma (J)"].ours > lines["energy: soma (J)"].theirs  # neurons that get a spike and stay silent are active
    steps = [line for name, line in lines.items() if name.startswith("time of step")]
    assert len(steps) == lines["machine steps"].ours
    assert sum(step.theirs for step in steps) == pytest.approx(lines["time, simple (s)"].theirs)
    assert 1 < lines["time, simple (s)"].ratio < 1.25


def test_inputs_that_spike_are_not_compared(placement, recording):
    driven = replace(placement.network, populations={**placement.network.populations, "drive": Population("drive", (3,), Source())})
    with pytest.raises(ValueError, match="inputs that spike are neurons to SANA-FE"):
        sanafe_energy.compare(replace(placement, network=driven), recording, load("loihi1-sanafe"), None)
