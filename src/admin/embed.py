#!/usr/bin/env python3
"""Turns the console's files into one C table: embed.py OUT DEPFILE FOLDER.

Each file stands there with what only its readers need left out, and packed as well if that is smaller. The document names them
at an address that changes with any of them (/ui/VERSION/...), so a browser that has one never asks for it again, and it names at
once all modules that its own ones will import, which a browser would otherwise find one after the other."""
import gzip
import hashlib
import pathlib
import posixpath
import re
import sys

from embed_code import without_remarks

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
DOCUMENT = "index.html"
IMPORT = re.compile(r"^(?:import|export)\b(?:[^;'\"]*\bfrom)?\s*['\"](\.{1,2}/[^'\"]+)['\"]", re.M)
MODULE = re.compile(r'<script type="module" src="/ui/([^"]+)"></script>\n|<link rel="modulepreload" href="/ui/([^"]+)">\n')


def imports(name, files):
    """What this module imports by itself, and what those do: each once, the nearest first."""
    known = [name]
    for module in known:
        for path in IMPORT.findall(files[module].decode()):
            wanted = posixpath.normpath(posixpath.join(posixpath.dirname(module), path))
            if wanted not in files:
                raise SystemExit(f"{module} imports {path}, which is not there")
            if wanted not in known:
                known.append(wanted)
    return known[1:]


def document(files, version):
    """The one page, with the addresses of this version and the whole of what its modules import."""
    text = files[DOCUMENT].decode()
    named = [a or b for a, b in MODULE.findall(text)]

    def with_imports(match):
        more = [m for m in imports(match[1] or match[2], files) if m not in named]
        named.extend(more)
        return match[0] + "".join(f'<link rel="modulepreload" href="/ui/{m}">\n' for m in more)

    return MODULE.sub(with_imports, text).replace('"/ui/', f'"/ui/{version}/').encode()


def version_of(files):
    return hashlib.sha256(b"".join(name.encode() + b"\0" + hashlib.sha256(files[name]).digest() for name in sorted(files))).hexdigest()[:16]


def read(folder, paths):
    files = {}
    for path in paths:
        if path.suffix not in TYPES:
            raise SystemExit(f"{path}: no content type is known for {path.suffix or 'a file without suffix'}")
        data = path.read_bytes()
        is_code = path.suffix in (".js", ".css")
        files[path.relative_to(folder).as_posix()] = without_remarks(data.decode(), path.suffix).encode() if is_code else data
    return files


def array(name, data):
    rows = [data[at : at + 24] for at in range(0, len(data), 24)]
    return [f"static const uint8_t {name}[] = {{"] + ["    " + "".join(f"{b}," for b in row) for row in rows] + ["};"]


def table(files, version):
    lines, rows = ['#include "admin/pages.h"', ""], []
    for number, (name, data) in enumerate(files.items()):
        packed = gzip.compress(data, 9, mtime=0)
        if len(packed) >= len(data):
            packed = b""
        lines += array(f"file_{number}", data or b"\0") + (array(f"packed_{number}", packed) if packed else [])
        etag = hashlib.sha256(data).hexdigest()[:32]
        rows.append(
            f'    {{ "{name}", "{TYPES[pathlib.PurePath(name).suffix]}", "{etag}", {{ file_{number}, {len(data)} }}, '
            + (f"{{ packed_{number}, {len(packed)} }} }}," if packed else "{ 0 } },")
        )
    lines += ["", f'const char page_version[] = "{version}";', "const struct page_file page_files[] = {"] + rows
    return lines + ["    { NULL },", "};", ""]


def main(out, depfile, folder):
    folder, here = pathlib.Path(folder), pathlib.Path(__file__).resolve().parent
    found = sorted(p for p in folder.rglob("*") if not p.name.startswith((".", "__")) and not p.name.endswith("~"))
    paths = [p for p in found if p.is_file()]
    files = read(folder, paths)
    version = version_of(files)
    files[DOCUMENT] = document(files, version)
    pathlib.Path(out).write_text("\n".join(table(files, version)))
    # A folder changes when a file comes or goes.
    needed = paths + [folder, here / "embed_code.py"] + [p for p in found if p.is_dir()]
    pathlib.Path(depfile).write_text(f"{out}: " + " ".join(str(p).replace(" ", "\\ ") for p in needed) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
