"""A report in which every string that can come from outside is an attack or a nuisance."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from checker.raft.life import Boot, ClusterLife, End, Leadership, Point
from checker.verdict import Anomaly, Dependency, Invalid
from harness.report.data import CheckResult, ReportData
from harness.report.messages import Arrow, Messages
from histories.call import Failed, Indeterminate, Ok, Read, Write
from histories.event import Note
from histories.history import FaultWindow, History
from histories.op import FOREVER, Nanos, Op, ProcessId

ATTACK: Final = "document.title='pwned'+' by script'"
NASTY: Final = (
    f"<script>{ATTACK}</script>",
    f"</script><script>{ATTACK}</script><!--",
    f'"><img src=x onerror="{ATTACK}">',
    f"'-->{{{{7*7}}}}{{% raw %}}<svg onload={ATTACK}>",
    "tab\tnewline\nnul\x00escape\x1b[31mline\u2028separator",
    "lone surrogate \udcff\ud800 not UTF-8",
    "reordered \u202ekcab\u202c",
    "x" * 5_000,
)


def hostile_report() -> ReportData:
    whole = " ".join(NASTY)
    ops = _ops()
    anomaly, cycle = _anomalies(len(ops))
    fault = FaultWindow(
        kind=NASTY[0],
        nodes=NASTY,
        detail=whole,
        began=Nanos(1),
        ended=Nanos(9_000_000),
        evidence=whole,
    )
    return ReportData(
        run_name=whole,
        configuration={text: text for text in NASTY},
        seed=1,
        replay_command=whole,
        verdict=Invalid((anomaly, cycle)),
        checks=(CheckResult(NASTY[2], Invalid((anomaly, cycle))),),
        history=History.of(ops, (fault,)),
        cluster=ClusterLife(
            leaderships=(Leadership(node=NASTY[0], term=1, from_at=1, until_at=9),),
            boots=(Boot(node=NASTY[1], at=2, incarnation=1, term=1),),
            ends=tuple(End(node=text, at=4_000_000, reason=text) for text in NASTY),
            roles={text: (Point(3, "leader"), Point(9, text)) for text in NASTY},
            logs={text: (Point(3, (1, 1)),) for text in NASTY},
            sources={text: (Point(3, text),) for text in NASTY},
            terms={text: (Point(3, 1),) for text in NASTY},
            commit_points={text: (Point(3, 1),) for text in NASTY},
        ),
        notes=(Note(time=Nanos(4), text=whole),),
        messages=Messages(
            arrows=tuple(
                Arrow(departed=5, arrived=9, source=a, target=b, kind="vote", text=b)
                for a, b in pairwise(NASTY)
            ),
            remark=whole,
        ),
        trails=dict(enumerate(NASTY)),
    )


def _ops() -> list[Op]:
    ops: list[Op] = []
    for number, text in enumerate(NASTY):
        begun = Nanos(number * 3_000_000)
        timing = {"invoked": begun, "completed": Nanos(begun + 1_000_000)}
        owner = ProcessId(number * 3)
        ops += [
            Op(
                index=number * 3,
                process=owner,
                call=Write(text, text),
                outcome=Ok(),
                **timing,
            ),
            Op(
                index=number * 3 + 1,
                process=ProcessId(owner + 1),
                call=Read(text),
                outcome=Ok(((text, text),)) if number % 2 else Failed(text),
                **timing,
            ),
            Op(
                index=number * 3 + 2,
                process=ProcessId(owner + 2),
                call=Write(text, None),
                outcome=Indeterminate(text),
                invoked=begun,
                completed=FOREVER,
            ),
        ]
    return ops


def _anomalies(count: int) -> tuple[Anomaly, Anomaly]:
    whole = " ".join(NASTY)
    anomaly = Anomaly(
        kind=NASTY[0],
        source=NASTY[1],
        evidence=tuple(range(count)),
        explanation=whole,
        details=(*NASTY, f"possible state {NASTY[0]}"),
        at=5_000_000,
        nodes=NASTY,
        culprit=0,
        order=tuple(range(1, count)),
    )
    cycle = Anomaly(
        kind=NASTY[1],
        source=NASTY[0],
        evidence=(0, 3),
        explanation=whole,
        cycle=tuple(
            Dependency(earlier=a, later=b, kind=text, key=text, why=text)
            for a, b, text in ((0, 3, NASTY[0]), (3, 0, NASTY[2]))
        ),
    )
    return anomaly, cycle
