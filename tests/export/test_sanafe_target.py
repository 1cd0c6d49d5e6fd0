"""What is written for SANA-FE, and SANA-FE's own counts of it where an interpreter has it."""

import json
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from neurograph.errors import InputError, UnsupportedError
from neurograph.export.placement import Limits, place
from neurograph.export.targets import sanafe
from neurograph.hw_profiles.schema import load
from neurograph.sim import fixed


@pytest.fixture(scope="module")
def profile():
    return load("loihi1-sanafe")


@pytest.fixture(scope="module")
def recording(compiled):
    return fixed.run(compiled.quantized, compiled.inputs)


@pytest.fixture(scope="module")
def placement(compiled, recording, profile):
    """Karate over several small chips."""
    limits = Limits.of(profile.name, {key: constant.value for key, constant in profile.limits.items()})
    return place(compiled.quantized, replace(limits, neurons=300, cores_per_chip=16, tiles_per_chip=8, mesh_width=4), recording=recording)


def test_the_files_hold_every_neuron_and_every_synapse(tmp_path, placement, recording):
    expected = sanafe.write(placement, recording, tmp_path)
    assert json.loads((tmp_path / "expected.json").read_text()) == expected
    lines = (tmp_path / "network.yaml").read_text().splitlines()
    network = placement.network
    edges, mapped = sum(" -> " in line for line in lines), sum("soma:" in line for line in lines)
    assert edges == sum(int(p.weights.fan_out().sum()) for p in network.spiking_projections)
    assert mapped == sum(p.size for p in network.populations.values() if not p.is_static)
    assert expected["hops"] == placement.traffic.total[0]


def test_spikes_stand_at_their_machine_steps(tmp_path, placement, recording):
    """With three machine steps a tick as with one."""
    for k in (1, 3):
        stretched = replace(placement, network=replace(placement.network, steps_per_tick=k))
        expected = sanafe.write(stretched, recording, tmp_path)
        depth = {p.name: p.depth for p in placement.network.populations.values() if not p.is_static}
        assert expected["steps"] == k * (recording.ticks - 1) + max(depth.values())
        text = (tmp_path / "network.yaml").read_text()
        for name in depth:
            first = text.split(f"  # {name}\n")[1].split("spikes: [")[1].split("]")[0]
            train = np.array(first.split(", "), dtype=int)
            assert len(train) == expected["steps"]
            at = depth[name] - 1 + k * np.flatnonzero(recording.spikes[name][0].reshape(recording.ticks, -1)[:, 0])
            assert np.flatnonzero(train).tolist() == at.tolist()


def test_sanafe_counts_what_we_count(tmp_path, placement, recording, profile, sanafe_python):
    energy, time = ({key: constant.si[0] for key, constant in section.items()} for section in (profile.energy, profile.time))
    expected = sanafe.write(placement, recording, tmp_path, energy=energy, time=time)
    done = subprocess.run([sanafe_python, str(tmp_path / "run.py"), "--json"], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr + done.stdout
    outcome = json.loads(done.stdout)
    assert outcome["same"]
    assert outcome["sanafe"] == expected
    assert placement.chips > 1
    traffic = placement.traffic
    synapses = expected["synaptic_events"] * energy["synaptic_event_sparse"]
    # a chip border costs SANA-FE a hop in its direction, so the energy of hops lies between the two directions' prices
    least = expected["messages"] * energy["message"] + traffic.total[0] * energy["hop_east_west"]
    most = expected["messages"] * energy["message"] + traffic.total[0] * energy["hop_north_south"]
    assert outcome["energy_j"]["synapse"] == pytest.approx(synapses)
    assert least * (1 - 1e-9) <= outcome["energy_j"]["network"] <= most * (1 + 1e-9)


def test_the_runner_says_where_counts_differ(tmp_path, placement, recording, sanafe_python):
    expected = sanafe.write(placement, recording, tmp_path)
    (tmp_path / "expected.json").write_text(json.dumps({**expected, "messages": expected["messages"] + 1}))
    done = subprocess.run([sanafe_python, str(tmp_path / "run.py")], capture_output=True, text=True, timeout=200)
    assert done.returncode == 1
    assert f"messages: SANA-FE {expected['messages']:,}, neurograph {expected['messages'] + 1}" in done.stdout


def test_too_large_and_other_samples_are_refused(tmp_path, placement, recording, monkeypatch):
    with pytest.raises(InputError, match="sample 7 does not exist, it has 1"):
        sanafe.write(placement, recording, tmp_path, sample=7)
    monkeypatch.setattr(sanafe, "LARGEST", 10)
    with pytest.raises(UnsupportedError, match="synapses of the network, at most 10"):
        sanafe.write(placement, recording, tmp_path)
