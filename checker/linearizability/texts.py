"""Why a history of a text that grows is wrong, where one addition is missing."""

from __future__ import annotations

from collections.abc import Sequence

from checker.linearizability.acts import Acts
from histories.call import Append, Failed, Ok, Read, Write
from histories.notation import Clock, describe_value
from histories.op import Op


def tell_of_texts(ops: Sequence[Op], evidence: Sequence[Op], clock: Clock) -> str | None:
    """The sentence, if a read shows a text without what had been added to it before.

    Args:
        ops: All of the object: they tell whether the text was ever replaced.
        evidence: Those that may be named.
        clock: How moments are printed.
    """
    replaced = [
        op for op in ops if isinstance(op.call, Write) and not isinstance(op.outcome, Failed)
    ]
    for read in sorted(evidence, key=lambda op: (-op.completed, -op.index)):
        if not (isinstance(read.call, Read) and isinstance(read.outcome, Ok)):
            continue
        for added in evidence:
            if (
                isinstance(added.call, Append)
                and isinstance(added.outcome, Ok)
                and added.completed < read.invoked
                and all(write.completed < added.invoked for write in replaced)
                and str(added.call.element) not in str(read.outcome.values[0] or "")
            ):
                return (
                    f"{Acts(clock).saw(read)}, without {describe_value(added.call.element)}, "
                    f"although process {added.process} had finished adding that at "
                    f"{clock(added.completed)}, before that read began, and nothing replaced "
                    f"the text since: a stale answer"
                )
    return None
