"""What in a script or a style sheet only speaks to those who read it: comments and indentation.

Lines keep their numbers, so that what a browser complains of is found in the source. A file that is not understood stays as it is."""
import re

SPACE = re.compile(r"\s+")
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
TEXT = re.compile(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\"""", re.S)
WORD = re.compile(r"[\w$]+")
REGEX = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
TEMPLATE = re.compile(r"(?:[^`\\$]|\\.|\$(?!\{))*(?:`|\$\{)", re.S)
STYLE = re.compile(rf"(?P<space>\s+)|(?P<comment>/\*.*?\*/)|(?P<code>{TEXT.pattern}|url\([^)]*\)|(?!/\*)[^\s'\"])", re.S)

# After these a slash begins a regular expression. After a name, a number or another bracket it divides; after a brace it could be either.
BEFORE_REGEX = set("(,=:[!&|?{;+-*%<>~^") | {"", "return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do", "yield", "await"}


class Unsure(Exception):
    pass


def found(pattern, text, at):
    match = pattern.match(text, at)
    if not match:
        raise Unsure(text[at : at + 40])
    return match.group()


def in_script(text):
    """(kind, piece) from begin to end. What a template quotes is code; `braces` counts the open ones in each template's ${ }."""
    at, before, braces = 0, "", []
    while at < len(text):
        sign, kind = text[at], "code"
        if sign.isspace():
            kind, piece = "space", found(SPACE, text, at)
        elif text.startswith(("//", "/*"), at):
            kind, piece = "comment", found(COMMENT, text, at)
        elif sign in "'\"":
            piece = found(TEXT, text, at)
        elif sign == "`" or (sign == "}" and braces[-1:] == [0]):
            braces = braces[:-1] if sign == "}" else braces
            piece = sign + found(TEMPLATE, text, at + 1)
            braces = braces + [0] if piece[-1] == "{" else braces
        elif sign == "/" and before == "}":
            raise Unsure(text[at : at + 40])
        elif sign == "/" and before in BEFORE_REGEX:
            piece = found(REGEX, text, at)
        else:
            word = WORD.match(text, at)
            piece = word.group() if word else sign
            if braces and sign in "{}":
                braces[-1] += 1 if sign == "{" else -1
        if kind == "code":
            before = piece if len(piece) == 1 or WORD.fullmatch(piece) else piece[-1]
        yield kind, piece
        at += len(piece)


def in_style(text):
    at = 0
    while at < len(text):
        match = STYLE.match(text, at)
        if not match:
            raise Unsure(text[at : at + 40])
        yield match.lastgroup, match.group()
        at = match.end()


def gap(between, is_script):
    """What stays of spaces and comments that follow each other: their line ends, or one space."""
    text = "".join(piece for _, piece in between)
    if not between:
        return ""
    if not is_script and all(kind == "comment" for kind, _ in between):
        raise Unsure(text[:40])  # a.b and a .b are two things
    return "\n" * text.count("\n") or " "


def without_remarks(text, suffix):
    is_script = suffix == ".js"
    out, between = [], []
    try:
        for kind, piece in in_script(text) if is_script else in_style(text):
            if kind == "code":
                out += [gap(between, is_script), piece]
                between = []
            else:
                between.append((kind, piece))
    except Unsure:
        return text
    return "".join(out) + "\n"
