import pytest

from memguard.trials import judging
from memguard.trials.judging import Lasting
from memguard.trials.limits import Limits
from memguard.trials.trial import Trial


def test_a_close_look_does_not_see_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever made it look, what it remembers of the look before is nothing that a run has left."""
    seen: list[Lasting] = []
    closer = judging.closer

    def looked(lasting: Lasting, close: Lasting) -> Lasting:
        seen.append(close)
        return closer(lasting, close)

    monkeypatch.setattr(judging, "is_exceeded", lambda *_: True)
    monkeypatch.setattr(judging, "closer", looked)
    for _ in Trial(Limits(repeat=2, warmup=2), "nothing").runs():
        pass

    assert len(seen) == 1
    assert "array.array" not in seen[0].types
