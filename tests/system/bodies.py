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


# What is kept in mailboxes and can't come by SMTP as it is.
KEPT = {
    "no header": b"Only text, and no field before it.\r\nA second line.\r\n",
    "starts with an empty line": b"\r\nA body without any header.\r\n",
    "nothing": b"",
    "one octet": b"x",
    "header only": b"Subject: nothing follows\r\n",
    "empty body": HEAD + b"\r\n",
    "UTF-8 header": "From: Zoë <zoë@contoso.example>\r\nSubject: Grüße, 你好 \U0001f600\r\nMessage-ID: <ü@client.test>\r\n\r\nмир\r\n".encode(),
    "bare LF": HEAD.replace(b"\r\n", b"\n") + b"\nOne line.\nAnother.\n.\nend\n",
    "mixed ends": HEAD + b"\r\nnext ends bare\nthis one\r\nand a CR\r in a line\r\r\nthat was two\n\r\nthe other way round\r\n\n\n",
    "bare CR": HEAD + b"\r\none\rtwo\r\r\rthree\r\n\r.\r\r\n.\r",
    "lines of one dot": HEAD + b"\r\n" + b".\r\n" * 500,
    "dots": HEAD + b"\r\n.\r\n..\r\n...\r\n.\r\n\r\n.\r\n.",
    "every octet but NUL": HEAD + b"\r\n" + bytes(range(1, 256)) * 300,
    "1 MB line": HEAD + b"\r\n" + b"z" * 1000000 + b"\r\nend\r\n",
    "long header": b"X-Long: " + b"h" * 200000 + b"\r\n" + HEAD + b"\r\nbody\r\n",
    "looks like IMAP": HEAD + b"\r\n* BYE Session invalidated - AccessTokenExpired\r\n* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN COMPRESS=DEFLATE\r\n"
                             b"A1 OK [CAPABILITY STARTTLS] done\r\n{4294967295}\r\n) FLAGS ()\r\na1 NO {3}\r\n",
    "looks like POP3": HEAD + b"\r\n+OK\r\nSTLS\r\nUSER\r\nSASL PLAIN XOAUTH2\r\n..\r\n-ERR [SYS/TEMP] no\r\n",
    "looks like SMTP": HEAD + b"\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n421 4.3.2 Service not available\r\n",
}


def corpus(count=1000, large_mib=50):
    """The same mailbox each time, but for the large message's octets: every trial from above, the rest as mail is."""
    import random
    chance = random.Random(20261128)
    yield from BODIES.values()
    yield from KEPT.values()
    if large_mib:
        yield large(large_mib)
    for number in range(count - len(BODIES) - len(KEPT) - bool(large_mib)):
        yield common(chance, number)


def common(chance, number):
    size = min(int(chance.lognormvariate(7.5, 1.5)), 300000)
    kind = number % 5
    if kind == 0:  # binary without NUL, line ends as they fall
        body = chance.randbytes(size).replace(b"\0", b"\n")
    elif kind == 1:  # 8-bit text
        body = "".join(chance.choices("äöüß 你好мир\n", k=size // 2)).replace("\n", "\r\n").encode()
    elif kind == 2:  # lines that begin with dots
        body = b"".join(b"." * chance.randrange(4) + b"x" * chance.randrange(3) + b"\r\n" for _ in range(size // 5))
    else:
        body = b"".join(b"The quick brown fox jumps over the lazy dog." + b"\r\n" for _ in range(size // 46))
    return HEAD.replace(b"trial", b"no.%d" % number) + b"\r\n" + body
