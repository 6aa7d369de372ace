#!/usr/bin/env python3
"""Turns the written part of the API's document into C: embed_text.py OUT openapi.yaml."""
import pathlib
import sys


def main(out, path):
    data = pathlib.Path(path).read_bytes()
    rows = ["    " + "".join(f"{octet}," for octet in data[at : at + 24]) for at in range(0, len(data), 24)]
    lines = ['#include "admin/openapi.h"', "", "static const uint8_t text[] = {", *rows, "};", ""]
    lines.append(f"const struct bytes openapi_written = {{ text, {len(data)} }};")
    pathlib.Path(out).write_text("\n".join(lines) + "\n")


main(*sys.argv[1:])
