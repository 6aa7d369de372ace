#!/usr/bin/python3
"""Adds up the JUnit files of a test run and ends with one plain line."""
import pathlib
import sys
import xml.etree.ElementTree as ET


def outcome(case):
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def main(folder):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    files = sorted(pathlib.Path(folder).glob("*.xml"))
    for file in files:
        for case in ET.parse(file).iter("testcase"):
            kind = outcome(case)
            counts[kind] += 1
            if kind == "failed":
                print(f"failed: {case.get('classname', '')} {case.get('name')}")
    if not files or not counts["passed"]:
        counts["failed"] += 1
        print("failed: no test ran")
    line = f"{counts['passed']} passed, {counts['failed']} failed"
    if counts["skipped"]:
        line += f", {counts['skipped']} skipped"
    print(line)
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
