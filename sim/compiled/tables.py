"""Columns of the integer tables in which a program stands, and the kinds of its operations.

Spikes of a population stand as bytes [node][row][feature], row = history + tick: all ticks of a node lie together, so that a tile of nodes
stays in the cache for all its ticks. A population that no Kronecker product splits by nodes has one node.
"""

from __future__ import annotations

from neurograph.integer_widths import STATE_LIMIT, V_SHIFT

__all__ = ["definitions"]

# Populations. "…, …_STEP" is where a parameter stands and by how much it moves from node to node: 0 where all nodes share a row.
P_NODES, P_WIDTH, P_HISTORY, P_SPIKES, P_STATE, P_EVENTS, P_ROWS = range(7)
P_BIAS, P_BIAS_STEP, P_START, P_START_STEP = range(7, 11)
P_PARAMETERS = 11  # from here on pairs (…, …_STEP) of the neuron's own parameters, at most seven
P_FLAGS = 25
P_TILE_NODES, P_TILE_WIDTH = 26, 27
P_FIRST_OP, P_LAST_OP = 28, 29
P_FIRST_OUT, P_LAST_OUT = 30, 31  # rows of the fan table
P_REACH, P_REACH_STEP = 32, 33
P_LOOP = 34  # where currents of all ticks stand, of a population in a loop; −1
P_SYNAPTIC = 35  # where u stands, of neurons that keep one; −1
P_LENGTH = 36  # rows of a node: history and as many ticks as are run at once
P_BITS = 37  # where spikes stand as bits too, in bytes; −1
P_COLUMNS = 38

# Parameters in the order of their pairs. Integers: threshold, du + 1, dv and what a reset sets or subtracts, in steps of v.
THRESHOLD, DU, DV, RESET = range(P_PARAMETERS, P_PARAMETERS + 8, 2)
ALPHA, BETA, GAIN_OF, V_LEAK, RESET_FLOAT = range(P_PARAMETERS + 2, P_PARAMETERS + 12, 2)

# What a population's neurons are; bits of P_FLAGS.
SUBTRACT, SYNAPTIC, MEMORYLESS, GAIN, KEPT = 1, 2, 4, 8, 16

# Operations: one projection each, grouped by target.
(O_KIND, O_SOURCE, O_LAG, O_EXPONENT, O_WEIGHTS, O_INDEX, O_POINTER, O_RIGHT) = range(8)
O_SIGNED, O_SIGNED_LEFT, O_INNER, O_VALUES, O_BYTES, O_SHIFT, O_FULL = range(8, 15)
O_BY_TARGET = 15  # the bytes of a matrix once more, by target
O_TABLES, O_MARKS = 16, 17  # sums and marks of every pattern of eight inputs; −1: none
O_FASTEST = 18  # of RUNS: neurons on the target's first axis where that one stands fastest; 1
O_WORDS, O_STRIDE = 19, 20  # a matrix of at most 64 inputs, with rows of zeros behind, and weights from one row to the next; −1: none
O_BITS = 21  # of AGGREGATE: spikes are read as bits, and no sum leaves 16 bits
O_COLUMNS = 22
DENSE, PER_NODE, ONE_TO_ONE, AGGREGATE, REDUCE, BROADCAST, SPARSE, RUNS = range(8)
RUN_BYTES = 64  # of the weights of a run: a vector of the widest registers
IDENTITY, DIAGONAL, FULL = range(3)  # O_RIGHT: the factor over features

WORD = 64  # inputs at most whose spikes are one word
MOST_TABLES = WORD // 8  # of eight inputs each
BITS_SLACK = 64  # bytes behind the bits of a population that may be read, sums behind a row of them
SLACK = 16  # places behind a list of events that may be written

# Groups of populations: those of a loop are stepped together.
G_FIRST, G_LAST, G_LOOP = range(3)

# Fan-out of a projection as left[node] · right[node · step + feature].
F_LEFT, F_RIGHT, F_RIGHT_STEP, F_PROJECTION = range(4)

# Notes of an integer population.
WRAPS, CLIPS, LARGEST_U, LARGEST_V = range(4)


def definitions() -> str:
    """These constants as the C preprocessor takes them."""
    columns = {"G_COLUMNS": 3, "F_COLUMNS": 4, "V_SHIFT": V_SHIFT, "STATE_LIMIT": STATE_LIMIT}
    constants = {name: value for name, value in globals().items() if name.isupper() and isinstance(value, int)}
    return "".join(f"#define {name} {value}\n" for name, value in {**constants, **columns}.items())
