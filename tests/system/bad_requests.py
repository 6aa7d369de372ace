"""Requests made from what the API's document says: good ones, and ones that are bad in one way each."""
import copy
import json
import urllib.parse

WRONG = [None, True, 7, 1.5, "x", [7], {"x": 1}]
HOSTILE = ["a\r\nBcc: hidden@contoso.example", "\u0000", "a\nb", "\U0001f600" * 3, "../../etc/passwd", "%s%n", "' OR 1=1 --"]


def types_of(schema):
    kind = schema.get("type")
    return kind if isinstance(kind, list) else [kind] if kind else []


class Maker:
    """Values for the schemas of one document, the same ones for the same seed."""

    def __init__(self, document, chance):
        self.document, self.chance = document, chance

    def smallest(self, schema):
        """What must be there, and no more."""
        schema = self.document.resolve(schema)
        if "examples" in schema:
            return schema["examples"][0]
        if "enum" in schema:
            return schema["enum"][0]
        if "anyOf" in schema:
            return self.smallest(schema["anyOf"][0])
        kind = (types_of(schema) or ["string"])[0]
        if kind == "object":
            return {n: self.smallest(schema["properties"][n]) for n in schema.get("required", [])}
        if kind == "array":
            return [self.smallest(schema["items"]) for _ in range(schema.get("minItems", 0))]
        return {"string": "x" * max(1, schema.get("minLength", 1)), "integer": schema.get("minimum", 0), "boolean": False, "null": None}[kind]

    def any(self, schema):
        """One of all that fit."""
        schema = self.document.resolve(schema)
        c = self.chance
        if "enum" in schema:
            return c.choice(schema["enum"])
        if "anyOf" in schema:
            return self.any(c.choice(schema["anyOf"]))
        kind = c.choice(types_of(schema) or ["string"])
        if kind == "object":
            must = schema.get("required", [])
            return {n: self.any(s) for n, s in schema.get("properties", {}).items() if n in must or c.random() < 0.5}
        if kind == "array":
            return [self.any(schema["items"]) for _ in range(c.randint(schema.get("minItems", 0), 3))]
        if kind == "integer":
            return c.choice([schema.get("minimum", 0), schema.get("maximum", 1 << 31), c.randint(schema.get("minimum", 0), schema.get("maximum", 999))])
        if kind == "boolean":
            return c.random() < 0.5
        if kind == "null":
            return None
        if "examples" in schema:
            return schema["examples"][0]
        return "".join(c.choice("ab1 .-@\u00fc\u4f60\U0001f642") for _ in range(c.randint(max(1, schema.get("minLength", 1)), min(40, schema.get("maxLength", 40)))))


def places(document, schema, path=(), seen=None):
    """(path, schema) of each member that the schema names, whether it is there or not; of groups that are alike only one is entered."""
    seen = set() if seen is None else seen
    for name, member in document.resolve(schema).get("properties", {}).items():
        member = document.resolve(member)
        yield (*path, name), member
        alike = json.dumps(member.get("properties"))
        if "properties" in member and alike not in seen:
            seen.add(alike)
            yield from places(document, member, (*path, name), seen)


def put_at(value, path, what):
    changed = copy.deepcopy(value)
    at = changed
    for name in path[:-1]:
        if not isinstance(at.get(name), dict):
            at[name] = {}
        at = at[name]
    at[path[-1]] = what
    return changed


def is_taken_anyway(schema, what):
    """Objects take a number where text is wanted, as YAML files have it, one text where a list is, and pass over what they show only."""
    kinds = types_of(schema)
    is_number = isinstance(what, int) and not isinstance(what, bool)
    of_texts = "array" in kinds and "enum" not in schema["items"]
    return schema.get("readOnly") or ("string" in kinds and is_number) or (of_texts and (what == [7] or (isinstance(what, str) and what)))


def bad_bodies(maker, schema, good, is_object):
    """(what is wrong, JSON, name that the refusal must say or None, whether it must be refused)."""
    document = maker.document
    for name in document.resolve(schema).get("required", []):
        yield f"without {name}", {k: v for k, v in good.items() if k != name}, name, True
    yield "an unknown field", {**good, "frobnicate": 1}, "frobnicate", True
    for path, member in places(document, schema):
        name = path[-1]
        yield f"an unknown field near {name}", put_at(good, (*path[:-1], name + "x"), 1), name + "x", True
        for what in WRONG:
            if not document.fits(member, what):
                must = not (is_object and is_taken_anyway(member, what))
                yield f"{name} is {what!r}", put_at(good, path, what), name if must else None, must
        if "maxLength" in member:
            yield f"{name} too long", put_at(good, path, "x" * (member["maxLength"] + 1)), name, True
        if "maxItems" in member:
            item = maker.smallest(member["items"])
            yield f"{name} with too many", put_at(good, path, [item] * (member["maxItems"] + 1)), name, True
        if "maximum" in member:
            yield f"{name} too great", put_at(good, path, member["maximum"] + 1), name, True
            yield f"{name} beyond all", put_at(good, path, 1 << 70), None, True
        if "enum" in member:
            yield f"{name} none of them", put_at(good, path, "no-such"), name, True
        elif "string" in types_of(member):
            for what in HOSTILE[:2]:
                yield f"{name} is {what!r}", put_at(good, path, what), None, what == "\0"


def broken_octets(good):
    text = json.dumps(good).encode()
    yield "cut off", text[:-1]
    yield "two documents", text + text
    yield "a list", b"[" + text + b"]"
    yield "no JSON", b"name=anna&password=x"
    yield "invalid UTF-8", b'{"frobnicate":"\xff\xfe"}'
    yield "half a surrogate", b'{"frobnicate":"\\ud800"}'
    yield "a name twice", b'{"frobnicate":1,"frobnicate":2}'
    yield "deep", b'{"x":' * 5000 + b"1" + b"}" * 5000


def bad_queries(operation, document):
    """(query, name that the refusal must say)."""
    yield "frobnicate=1", "frobnicate"
    yield "%ff=1", None
    yield "limit%00=1", "limit"
    for p in operation.parameters_in("query"):
        schema, name = document.resolve(p["schema"]), p["name"]
        yield f"{name}x=1", f"{name}x"
        yield f"{name}=%ff%fe", name
        if "enum" in schema or "pattern" in schema or "integer" in types_of(schema):
            for value in ("no-such", "-1", "1e3", "99999999999999999999", "\u0661"):
                yield f"{name}={urllib.parse.quote(value)}", None if "pattern" in schema else name
        if "enum" in schema:
            yield name, name
            yield f"{name}=", name
        if "minimum" in schema and schema["minimum"] > 0:
            yield f"{name}=0", name
        if "maximum" in schema:
            yield f"{name}={schema['maximum'] + 1}", name


UNKNOWN = ["no-such-thing", "%ff", "a%00b", "..%2f..%2fetc", "x" * 3000, "%0d%0aX-Bad:%201", "no@such.example", "0000000000000000", "%F0%9F%98%80"]
