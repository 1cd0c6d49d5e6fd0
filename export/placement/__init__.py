"""Placement: populations split and put on the cores and chips of a target, under each of its rules.

limits      what a core and a chip hold                   rules       one function a rule
grids       projections over nodes and over features      routes      which cores a neuron's spikes go to
packing     bits of synapses, as packed                   usage       what each core holds
strands     what features divide                          partition   METIS along the data graph
fill        greedy and random, to compare with            mesh        cores on tiles and chips
traffic     messages × hops of a recorded run             work        what each core does in each step
place       the one function
files       placement.json                                picture     the core map
loads       messages over each link between tiles
windows     the networks of a dynamic model on one placement
"""

from neurograph.export.placement.files import load, save
from neurograph.export.placement.limits import Limits
from neurograph.export.placement.place import METHODS, Method, Placement, Slice, evaluate, place

__all__ = ["METHODS", "Limits", "Method", "Placement", "Slice", "evaluate", "load", "place", "save"]
