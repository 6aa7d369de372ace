"""The API's document as the tests use it: which operation a request is, and whether an answer is one that the document describes."""
import json
import re

import jsonschema

METHODS = ("get", "put", "post", "patch", "delete")
DATE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")


class Operation:
    def __init__(self, document, method, path, item):
        self.document, self.method, self.path = document, method.upper(), path
        self.described = item[method]
        self.name = self.described["operationId"]
        self.parameters = [document.resolve(p) for p in [*item.get("parameters", []), *self.described.get("parameters", [])]]
        self.pattern = re.compile(re.sub(r"\\\{[a-z_]+\\\}", "[^/]+", re.escape(path)))

    def __repr__(self):
        return f"{self.method} {self.path}"

    @property
    def rights(self):
        return self.described["x-postern-right"]

    def parameters_in(self, place):
        return [p for p in self.parameters if p["in"] == place]

    def contents(self):
        """Schemas of the body by media type."""
        body = self.document.resolve(self.described.get("requestBody", {}))
        return {kind: c.get("schema", {}) for kind, c in body.get("content", {}).items()}

    def response(self, status):
        return self.document.resolve(self.described["responses"].get(str(status)))


class Document:
    def __init__(self, root):
        self.root = root
        self.resolver = jsonschema.RefResolver.from_schema(root)
        self.validators = {}
        self.operations = [Operation(self, m, path, item) for path, item in root["paths"].items() for m in METHODS if m in item]
        # A path without parameters is meant before one with: /messages/retry is no message.
        self.operations.sort(key=lambda o: o.path.count("{"))

    def resolve(self, node):
        while node and "$ref" in node:
            at = self.root
            for name in node["$ref"][2:].split("/"):
                at = at[name.replace("~1", "/").replace("~0", "~")]
            node = at
        return node

    def find(self, method, path):
        """The operation of a request, or None."""
        method, path = "GET" if method == "HEAD" else method, path.split("?")[0]
        return next((o for o in self.operations if o.method == method and o.pattern.fullmatch(path)), None)

    def validator(self, schema):
        key = json.dumps(schema, sort_keys=True)
        if key not in self.validators:
            self.validators[key] = jsonschema.Draft202012Validator(schema, resolver=self.resolver)
        return self.validators[key]

    def faults(self, schema, value):
        return [f"/{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in self.validator(schema).iter_errors(value)]

    def fits(self, schema, value):
        return self.validator(schema).is_valid(value)

    def check(self, operation, answer):
        """Fails the test unless the document describes such an answer to this operation."""
        what = f"{operation} was answered with {answer.status}"
        response = operation.response(answer.status)
        assert response, f"{what}, which is not described: {answer}"
        kind = (answer.headers.get("Content-Type") or "").split(";")[0]
        content = response.get("content", {})
        if not content:
            assert not answer.body, f"{what} and a body that is not described: {answer}"
            return
        if answer.method == "HEAD":
            return
        assert kind in content, f"{what} as {kind or 'nothing'}; described are {', '.join(content)}: {answer}"
        described = content[kind]
        if kind.endswith("json") and "ndjson" not in kind:
            faults = self.faults(described["schema"], answer.json)
        else:
            line = described.get("x-postern-line")
            faults = [f for one in lines_of(kind, answer.text) for f in self.faults(line, one)] if line else []
        assert not faults, f"{what}, but not as described:\n" + "\n".join(faults[:10]) + f"\n{answer.body[:2000]!r}"


def lines_of(kind, text):
    if kind == "text/event-stream":
        blocks = [b.splitlines() for b in text.split("\n\n")]
        return [json.loads(line[6:]) for b in blocks for line in b if line.startswith("data: ") and not any(x.startswith("event: ") for x in b)]
    return [json.loads(line) for line in text.splitlines() if line]


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


class Watch:
    """What any test asks of the API is held against the document: the first answer of each kind to each operation, in one process."""

    def __init__(self):
        self.document = None
        self.seen = set()

    def look(self, ask, method, path, answer):
        """`ask`: how to get the document from this gateway, if that is still to be done."""
        if not path.startswith(("/api/", "/metrics", "/health/", "/signin/", "/raw/")):
            return
        if self.document is None:
            self.document = ask()
        operation = self.document and self.document.find(method, path)
        if not operation or (operation.name, answer.status) in self.seen:
            return
        self.document.check(operation, answer)
        self.seen.add((operation.name, answer.status))


watch = Watch()
