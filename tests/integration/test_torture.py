"""P1, P2, P6 and P8 from outside: the real program, killed sixty times at random instants."""

import pytest

from benchmarks.torture.__main__ import torture

KILLS = 60


@pytest.mark.integration
@pytest.mark.slow
def test_p1_p2_p8_sixty_kills_lose_nothing_run_nothing_twice_and_leave_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    figures, broken = torture(tmp_path_factory.mktemp("torture"), KILLS, seed=20261121)
    print(figures)
    assert not broken, broken[:20]
    assert figures["given to agents"], "nothing was tortured"
