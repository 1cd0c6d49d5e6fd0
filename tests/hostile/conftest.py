"""What other folders' tests damage is used here too."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / part) for part in ("export", "sim", "models") if str(TESTS / part) not in sys.path]
