"""One update, derived from its number."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import history
from update_matrix.checkouts import CHECKOUTS, Checkout, in_a_repository_of_its_own
from update_matrix.configs import CONFIGS
from update_matrix.edits import EDITS, Project, both_added
from update_matrix.obstacles import COMMITTED, OBSTACLES, Obstacle, no_repository, other_letter_case

TOOLS = ("sam", "cdk", "terraform")
WAYS = ("make", "kill", "obstacle", "pipeline", "make", "obstacle", "kill")


@dataclass(frozen=True)
class Scenario:
    """One update, made from its number."""

    number: int
    release: str
    iac: str
    answer: str
    """Another tool that is asked for, or ""."""
    edits: tuple[Callable[[Project], None], ...]
    obstacle: Obstacle | None
    config: dict[str, str]
    checkout: Checkout
    way: str

    def __str__(self) -> str:
        edits = "+".join(edit.__name__ for edit in self.edits)
        obstacle = self.obstacle.__name__ if self.obstacle else "-"
        return (
            f"{self.number}: {self.release} {self.iac}{f'→{self.answer}' if self.answer else ''} {edits} {obstacle} "
            f"{self.checkout.__name__} {self.way} {self.config}"
        )


def scenario(number: int) -> Scenario:
    """Make a scenario; every option of every dimension comes up in turn, beside others each time."""
    rng = random.Random(number)
    releases = [*history.versions(), history.NEWEST]
    way = WAYS[number % len(WAYS)]
    iac = TOOLS[(number // len(releases)) % len(TOOLS)]
    turn = number // len(WAYS)
    obstacle = None
    if way == "obstacle":
        obstacle = OBSTACLES[(2 * turn + (number % len(WAYS) == 5)) % len(OBSTACLES)]
    elif way == "pipeline" and turn % 3 == 2:
        obstacle = COMMITTED[turn % len(COMMITTED)]
    checkout = (
        in_a_repository_of_its_own
        if way == "pipeline"
        else CHECKOUTS[(number + number // len(CHECKOUTS)) % len(CHECKOUTS)]
    )
    if obstacle is no_repository:
        checkout = in_a_repository_of_its_own
    answer = rng.choice([tool for tool in TOOLS if tool != iac]) if rng.random() < 0.15 else ""
    edits = {EDITS[number % len(EDITS)]: 0} | dict.fromkeys(rng.sample(EDITS, 2))
    if obstacle is other_letter_case:
        edits.pop(both_added, None)  # a project that has both names already does not get the second by an update
    return Scenario(
        number=number,
        release=releases[number % len(releases)],
        iac=iac,
        answer=answer,
        edits=tuple(edits),
        obstacle=obstacle,
        config=CONFIGS[(number * 5 + number // len(CONFIGS)) % len(CONFIGS)],
        checkout=checkout,
        way=way,
    )
