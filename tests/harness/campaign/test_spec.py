"""Campaign files: what they mean, and what is said of wrong ones."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from harness.campaign.spec import Budget, read_spec, tasks_of
from harness.campaign.task import Task
from harness.errors import BadInput
from nemesis.plan import KINDS

ROOT = Path(__file__).parents[3]
STORE = ROOT / "docs" / "store" / "system.py"

GOOD = """\
canary = "none"

[budget]
seconds = 60

[[matrix]]
world = "simulated"
workloads = ["register", "set"]
faults = ["partition,kill", "none"]
nodes = [3, 5]
seeds = "0..9"

[[matrix]]
world = "live"
faults = ["kill"]
time = [5]
seeds = { fresh = 2 }
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(text)
    return path


def tasks(tmp_path: Path, text: str = GOOD) -> tuple[Task, ...]:
    return tasks_of(read_spec(written(tmp_path, text))[0], first_fresh=1000)


def test_a_matrix_is_every_combination_with_every_seed(tmp_path: Path) -> None:
    made = tasks(tmp_path)
    assert [task.number for task in made] == list(range(82))
    simulated = [task for task in made if not task.live]
    assert len({task.title for task in simulated}) == 2 * 2 * 2 * 10
    assert {task.given.faults for task in simulated} == {("partition", "kill"), ()}
    assert [task.seed for task in made if task.live] == [1000, 1001]
    assert tasks(tmp_path) == made


def test_whenever_time_is_up_everything_was_looked_at_alike(tmp_path: Path) -> None:
    made = tasks(tmp_path)
    for end in range(8, len(made)):
        seen = Counter((t.given.workload, t.given.faults, t.given.nodes) for t in made[:end])
        counts = [count for given, count in seen.items() if given[0] is not None]
        assert max(counts) - min(counts) <= 1
    live = [task.number for task in made if task.live]
    assert live == [4, 14], "17 s each, as 8 or 9 simulated runs of 2 s"
    seeds = [task.seed for task in made if not task.live]
    assert all(a <= b for a, b in pairwise(seeds))


def test_a_campaign_is_named_by_its_file_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert read_spec(written(tmp_path, GOOD))[0].name == "small"
    assert read_spec(written(tmp_path, 'name = "weekly"\n' + GOOD))[0].name == "weekly"
    assert read_spec(written(tmp_path, GOOD))[0].budget == Budget(seconds=60)


def test_the_commands_of_tasks_make_the_same_runs(tmp_path: Path) -> None:
    made = tasks(tmp_path)
    assert made[0].command() == (
        "hearsay simulate --seeds 0 --workload register --nodes 3 --faults partition,kill"
    )
    assert made[0].title == "simulated register nodes=3 faults=partition,kill seed=0"
    live = next(task for task in made if task.live)
    assert live.command() == live.config().command()
    assert live.title == "live register faults=kill time=5 seed=1000"


def test_all_faults_can_be_asked_for_and_several_at_once(tmp_path: Path) -> None:
    text = '[[matrix]]\nworld = "live"\nseeds = "1"\nfaults = ["all"]\nat_once = 3\nnodes = [5]'
    (task,) = tasks(tmp_path, text)
    assert task.config().faults == KINDS
    assert task.config().at_once == 3
    assert "at-once=3" in task.title


MATRIX = '[[matrix]]\nworld = "simulated"\nseeds = "0..3"\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1: matrix: is missing"),
        ("matrix = []", "1: matrix: there is none"),
        ("a = ", "1: not TOML: Invalid value"),
        (MATRIX + "x = [", "4: not TOML"),
        (MATRIX + "\nnodes = [0]", "5: matrix[1].nodes: 0 is not between 1 and 9"),
        (MATRIX + 'nodes = ["three"]', "4: matrix[1].nodes[1]: Expected `int`, got `str`"),
        (MATRIX + "nodes = 3", "4: matrix[1].nodes: Expected `array`, got `int`"),
        (MATRIX + MATRIX + "node = [3]", "7: matrix[2].node: there is no such field"),
        (MATRIX + 'workloads = ["poetry"]', "4: matrix[1].workloads: none is named 'poetry'"),
        (MATRIX + 'faults = ["plague"]', "4: matrix[1].faults: "),
        (MATRIX + 'bugs = ["beetle"]', "4: matrix[1].bugs: no bug is named 'beetle'"),
        (MATRIX + "time = [-1.0]", "4: matrix[1].time: -1 is not more than 0 seconds"),
        (MATRIX + "concurrency = 0", "4: matrix[1].concurrency: 0 is not at least 1"),
        (MATRIX.replace("0..3", "3..0"), "3: matrix[1].seeds: '3..0' holds no seed"),
        (MATRIX.replace("0..3", "many"), "3: matrix[1].seeds: 'many' is not A..B"),
        (MATRIX.replace('"0..3"', "{ fresh = 0 }"), "3: matrix[1].seeds: 0 fresh ones"),
        (MATRIX.replace('"0..3"', "{ old = 0 }"), "3: matrix[1].seeds.old: there is no such field"),
        (MATRIX.replace("0..3", "0..9999999"), "3: matrix[1].seeds: 10,000,000 runs until here"),
        (MATRIX.replace("simulated", "real"), "2: matrix[1].world: Invalid enum value 'real'"),
        ('[[matrix]]\nworld = "live"', "1: matrix[1].seeds: is missing"),
        (
            f'[[matrix]]\nworld = "live"\nseeds = "1"\nfaults = ["disk"]\nsystem = "{STORE}"',
            "4: matrix[1].faults: disk: this system suffers only",
        ),
        (MATRIX + 'options = ["colour=red"]', "4: matrix[1].options: "),
        (MATRIX + "at_once = 2", "4: matrix[1].at_once: simulated runs draw it"),
        (MATRIX + 'schedule = "x.toml"', "4: matrix[1].schedule: x.toml: No such file"),
        (MATRIX + 'system = "x.py"', "4: matrix[1].system: a user's own system runs live only"),
        (
            '[[matrix]]\nworld = "live"\nseeds = "1"\nsystem = "nowhere.py"',
            "4: matrix[1].system: nowhere.py: FileNotFoundError",
        ),
        ("[budget]\nseconds = 0\n" + MATRIX, "2: budget.seconds: 0 is too little"),
        ("[budget]\nminutes = 1\n" + MATRIX, "2: budget.minutes: there is no such field"),
        ('canary = "owl"\n' + MATRIX, "1: canary: no bug is named 'owl'"),
        ('name = "../up"\n' + MATRIX, "1: name: '../up' is no name for a directory"),
    ],
)
def test_an_error_names_file_line_and_field(tmp_path: Path, text: str, problem: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadInput) as error:
        read_spec(path)
    assert str(error.value).startswith(f"{path}:{problem}")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.toml: No such file"):
        read_spec(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("path", sorted((ROOT / "campaigns").glob("*.toml")), ids=lambda p: p.stem)
def test_the_campaigns_that_come_along_can_be_run(path: Path) -> None:
    spec, _ = read_spec(path)
    assert tasks_of(spec, first_fresh=1)
