#!/usr/bin/python3
"""Adds up the JUnit files of a test run (FOLDER NAME...) and ends with one plain line. A suite without results has failed."""
import pathlib
import sys
import xml.etree.ElementTree as ET


def outcome(case):
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def main(folder, *suites):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for suite in suites:
        file = pathlib.Path(folder) / f"{suite}.xml"
        if not file.exists():
            counts["failed"] += 1
            print(f"failed: the {suite} tests gave no result")
            continue
        for case in ET.parse(file).iter("testcase"):
            kind = outcome(case)
            counts[kind] += 1
            if kind == "failed":
                print(f"failed: {case.get('classname', '')} {case.get('name')}")
    if not counts["passed"]:
        counts["failed"] += 1
        print("failed: no test passed")
    line = f"{counts['passed']} passed, {counts['failed']} failed"
    if counts["skipped"]:
        line += f", {counts['skipped']} skipped"
    print(line)
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
