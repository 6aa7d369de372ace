#!/usr/bin/env python3
"""Turns the written part of the API's document into C: embed_text.py OUT openapi.yaml."""
import pathlib
import sys

from embed import array


def main(out, path):
    data = pathlib.Path(path).read_bytes()
    lines = ['#include "admin/openapi.h"', "", *array("text", data), ""]
    lines.append(f"const struct bytes openapi_written = {{ text, {len(data)} }};")
    pathlib.Path(out).write_text("\n".join(lines) + "\n")


main(*sys.argv[1:])
