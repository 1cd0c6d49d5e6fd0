"""The compiled engine: a Network becomes flat arrays and a table of operations (program), which kernels of Numba run (interpreter).

network ──program.build──▶ Program ──engine.Simulator.run──▶ Recording
"""
