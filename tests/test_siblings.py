"""Temporary siblings of outputs, where tests/faults does not reach."""

import pytest

from neurograph import siblings


@pytest.mark.parametrize("folder", [False, True])
def test_an_interrupt_before_it_is_locked_leaves_nothing(tmp_path, monkeypatch, folder):
    def interrupted(path):
        assert path.exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(siblings, "_lock", interrupted)
    with pytest.raises(KeyboardInterrupt), siblings.sibling(tmp_path / "a", folder=folder):
        pass
    assert not any(tmp_path.iterdir())
