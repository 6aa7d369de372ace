"""Messages that programs really send, each a trial for whoever must carry it byte for byte."""
import os

HEAD = b"From: shop@contoso.example\r\nTo: a@b.example\r\nSubject: trial\r\nDate: Sat, 21 Nov 2026 09:00:00 +0000\r\n" \
       b"Message-ID: <trial@client.test>\r\n"


def text(body):
    return HEAD + b"\r\n" + body


BODIES = {
    "plain": text(b"Hello\r\n"),
    "empty": text(b""),
    "8-bit": text("Grüße, 你好, мир\r\n".encode()),
    "latin-1": text(b"Gr\xfc\xdfe \xa4\r\n"),
    "dots": text(b".\r\n..\r\n...\r\n.a\r\n. \r\n..b\r\nend.\r\n.\r\n"),
    "998 octets": text(b"x" * 998 + b"\r\n"),
    "long line": text(b"y" * 70000 + b"\r\n" + b"." + b"z" * 5000 + b"\r\n"),
    "no final newline": text(b"the end is missing"),
    "dot at the very end": text(b"almost\r\n."),
    "trailing blanks": text(b"blanks   \t\r\n\r\n\r\n\r\n"),
    "controls": text(bytes(b for b in range(1, 32) if b not in (10, 13)) + b"\x7f\r\n"),
    "odd headers": b"X-Folded: a\r\n\tb\r\n  c\r\nsubject:no space\r\nX-Empty:\r\n" + HEAD + b"\r\nbody\r\n",
    "64 KiB and one": text(b"q" * 62 + b"\r\n") * 1 + (b"w" * 1022 + b"\r\n") * 64 + b"!",
}


def large(mib):
    """Random bytes in base64, as an attachment would be."""
    import base64
    raw = base64.encodebytes(os.urandom(mib * 1024 * 1024 * 57 // 78)).replace(b"\n", b"\r\n")
    return text(raw)


def complete(body):
    """What an SMTP client must send: it has to end the last line to say that the message is over."""
    return body if body.endswith(b"\r\n") else body + b"\r\n"
