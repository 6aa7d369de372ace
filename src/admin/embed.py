#!/usr/bin/env python3
"""Turns the console's files into one C table: embed.py OUT DEPFILE FOLDER. Each stands there as it is, and packed if that is smaller."""
import gzip
import hashlib
import pathlib
import sys

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


def array(name, data):
    rows = [data[at : at + 24] for at in range(0, len(data), 24)]
    return [f"static const uint8_t {name}[] = {{"] + ["    " + "".join(f"{b}," for b in row) for row in rows] + ["};"]


def main(out, depfile, folder):
    folder = pathlib.Path(folder)
    found = sorted(p for p in folder.rglob("*") if not p.name.startswith((".", "__")) and not p.name.endswith("~"))
    lines, table = ['#include "admin/pages.h"', ""], []
    files = [p for p in found if p.is_file()]
    for number, path in enumerate(files):
        name = path.relative_to(folder).as_posix()
        if path.suffix not in TYPES:
            sys.exit(f"{path}: no content type is known for {path.suffix or 'a file without suffix'}")
        data = path.read_bytes()
        packed = gzip.compress(data, 9, mtime=0)
        if len(packed) >= len(data):
            packed = b""
        lines += array(f"file_{number}", data or b"\0") + (array(f"packed_{number}", packed) if packed else [])
        etag = hashlib.sha256(data).hexdigest()[:32]
        table.append(
            f'    {{ "{name}", "{TYPES[path.suffix]}", "{etag}", {{ file_{number}, {len(data)} }}, '
            + (f"{{ packed_{number}, {len(packed)} }} }}," if packed else "{ 0 } },")
        )
    lines += ["", "const struct page_file page_files[] = {"] + table + ["    { NULL },", "};", ""]
    pathlib.Path(out).write_text("\n".join(lines))
    # A folder changes when a file comes or goes.
    needed = files + [folder] + [p for p in found if p.is_dir()]
    pathlib.Path(depfile).write_text(f"{out}: " + " ".join(str(p).replace(" ", "\\ ") for p in needed) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
