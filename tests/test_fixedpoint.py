import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neurograph import fixedpoint as fx

integers24 = st.integers(-(1 << 23) + 1, (1 << 23) - 1)


@given(integers24, st.integers(0, 4096))
def test_decay_is_toward_zero_and_odd(x, constant):
    value = int(fx.decay(np.int64(x), constant))
    assert abs(value) <= abs(x)
    assert value == -int(fx.decay(np.int64(-x), constant))
    assert value == int(np.sign(x)) * (abs(x) * (4096 - constant) // 4096)


@given(st.integers(-3 * (1 << 23) + 1, 3 * (1 << 23)))
def test_wrap_keeps_the_value_modulo_24_bits(x):
    wrapped = int(fx.wrap24(np.int64(x)))
    assert (wrapped - x) % (1 << 24) == 0
    assert -(1 << 23) < wrapped <= 1 << 23


@given(st.lists(st.floats(-400, 400), min_size=1), st.integers(2, 8))
def test_rounded_weights_are_what_lava_keeps(values, bits):
    values = np.array(values)
    mode = fx.sign_mode_of(values)
    low, high, step = fx.weight_limits(mode, bits)
    rounded = fx.round_weights(values, mode, bits)
    assert ((rounded >= low) & (rounded <= high) & (rounded % step == 0)).all()
    inside = (values >= low) & (values <= high)
    assert (np.abs(rounded - values)[inside] <= step / 2).all()


def test_limits_of_eight_bits():
    assert fx.weight_limits("mixed") == (-256, 254, 2)
    assert fx.weight_limits("excitatory") == (0, 255, 1)
    assert fx.weight_limits("inhibitory") == (-255, 0, 1)


def test_negative_exponent_floors_the_sum():
    assert fx.shift(np.array([-3, 3]), -1).tolist() == [-2, 1]
