"""The compiled engine: a Network becomes flat arrays and a table of operations, which kernels of C run.

network ──program.build──▶ Program ──buffers.plan──▶ Plan ──engine.Simulator.run──▶ Recording
"""
