#!/usr/bin/env python3
"""Turns numbered migrations into one C table: embed.py OUT NNNN_name.sql ..."""
import pathlib
import re
import sys


def quoted(line):
    return '"' + line.replace("\\", "\\\\").replace('"', '\\"') + '\\n"'


def main(out, *paths):
    lines = ['#include "store/sqlite_private.h"', "", "const struct sqlite_migration sqlite_migrations[] = {"]
    for expected, path in enumerate(sorted(map(pathlib.Path, paths), key=lambda p: p.name), start=1):
        match = re.fullmatch(r"(\d{4})_\w+\.sql", path.name)
        if not match or int(match[1]) != expected:
            sys.exit(f"{path.name}: migrations are numbered 0001, 0002, ... without a gap")
        lines.append("    {")
        lines.append(f"        {expected},")
        lines += [f"        {quoted(line)}" for line in path.read_text().splitlines() if line.split("--")[0].strip()]
        lines.append("    },")
    lines += ["    { 0, NULL },", "};", ""]
    pathlib.Path(out).write_text("\n".join(lines))


main(*sys.argv[1:])
