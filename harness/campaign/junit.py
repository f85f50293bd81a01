"""A campaign as JUnit XML, which every CI system shows: a test case for each task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from harness.campaign.records import Findings, Ran
from harness.campaign.task import Task

_TAGS: Final = {"invalid": "failure", "unknown": "error", "environment": "error"}


def junit(campaign: str, tasks: Sequence[Task], findings: Findings) -> bytes:
    """The file.  Unknown is an error: no reader may take it for a pass."""
    done = [findings.ran[task.number] for task in tasks if task.number in findings.ran]
    suite = ET.Element(
        "testsuite",
        name=campaign,
        tests=str(len(tasks)),
        failures=str(sum(ran.verdict == "invalid" for ran in done)),
        errors=str(sum(ran.verdict in {"unknown", "environment"} for ran in done)),
        skipped=str(len(tasks) - len(done)),
        time=f"{sum(ran.seconds for ran in done):.3f}",
    )
    for task in tasks:
        suite.append(_case(task, findings.ran.get(task.number)))
    root = ET.Element("testsuites", name="hearsay")
    root.append(suite)
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _case(task: Task, ran: Ran | None) -> ET.Element:
    world = "live" if task.live else "simulated"
    case = ET.Element(
        "testcase",
        classname=f"{world}.{task.given.workload or 'any'}",
        name=task.title,
        time=f"{0.0 if ran is None else ran.seconds:.3f}",
    )
    if ran is None:
        ET.SubElement(case, "skipped", message="there was no time")
    elif ran.verdict in _TAGS:
        kind = _printable(ran.found[0] if ran.found else ran.verdict)
        said = _printable(ran.sentence)
        problem = ET.SubElement(case, _TAGS[ran.verdict], type=kind, message=said)
        run = _printable(ran.run) or "none was kept"
        problem.text = f"{said}\nrun: {run}\nagain: {task.command()}"
    return case


def _printable(text: str) -> str:
    """XML has no way at all to write most control characters."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
