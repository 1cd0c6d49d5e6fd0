"""How wide Lava's integers are; what the compiled engine's C is made with, and readable before NumPy is loaded."""

__all__ = ["DECAY_UNITY", "STATE_LIMIT", "V_SHIFT"]

DECAY_UNITY = 4096  # 12-bit decay constants
V_SHIFT = 6  # weights and thresholds stand 6 bits above the unit of v
STATE_LIMIT = 1 << 23  # u and v are 24-bit signed
