"""A server that does as it is told: a function for each connection, cut off after so many octets if that is wanted."""
import re
import socket
import ssl
import struct
import threading


class Cut(Exception):
    pass


class Connection:
    def __init__(self, sock, limit):
        self.socket, self.left = sock, limit
        self.file = sock.makefile("rb")

    def send(self, data):
        data = data.encode() if isinstance(data, str) else data
        if self.left is not None and len(data) >= self.left:
            self.socket.sendall(data[:self.left])
            raise Cut
        if self.left is not None:
            self.left -= len(data)
        self.socket.sendall(data)

    def line(self):
        line = self.file.readline()
        if not line:
            raise Cut
        return line.decode("latin-1").rstrip("\r\n")

    def hang(self):
        """Says nothing and waits for the other side's end."""
        while self.file.read1(65536):
            pass
        raise Cut


class Script:
    """`talk(connection)` runs for each connection, in a thread of its own. `limit`: octets to be sent before the cut; `resets`: the cut
    is a reset. Change them between connections as you like."""

    def __init__(self, talk, certificates=None):
        self.talk, self.limit, self.resets = talk, None, False
        self.context = None
        if certificates:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificates.cert, certificates.key)
        self.door = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.door.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                sock = self.door.accept()[0]
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._run, args=(sock, self.talk, self.limit), daemon=True).start()

    def _run(self, sock, talk, limit):
        try:
            sock.settimeout(60)
            if self.context:
                sock = self.context.wrap_socket(sock, server_side=True)
            connection = Connection(sock, limit)
            if limit == 0:
                raise Cut
            talk(connection)
        except (Cut, OSError, ValueError):
            pass
        finally:
            if self.resets:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            try:
                sock.shutdown(socket.SHUT_RDWR) if not self.resets else None
            except OSError:
                pass
            sock.close()

    def close(self):
        self.door.close()


MESSAGE = b"Subject: scripted\r\n\r\n" + b"A line of the message.\r\n" * 20


def imap(c):
    """The least of an IMAP server, that believes any token."""
    c.send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER IDLE LITERAL+] script ready\r\n")
    while True:
        tag, command, *rest = c.line().split(" ")
        command = command.upper()
        if command == "AUTHENTICATE":
            if len(rest) < 2:
                c.send("+ \r\n")
                c.line()
            c.send(f"{tag} OK [CAPABILITY IMAP4rev1 IDLE LITERAL+ UIDPLUS] signed in\r\n")
        elif command == "CAPABILITY":
            c.send(f"* CAPABILITY IMAP4rev1 IDLE LITERAL+ UIDPLUS\r\n{tag} OK done\r\n")
        elif command == "SELECT":
            c.send(f"* 1 EXISTS\r\n* OK [UIDVALIDITY 1] fine\r\n{tag} OK [READ-WRITE] selected\r\n")
        elif command == "FETCH":
            c.send(f"* 1 FETCH (BODY[] {{{len(MESSAGE)}}}\r\n".encode() + MESSAGE + f")\r\n{tag} OK fetched\r\n".encode())
        elif command == "IDLE":
            c.send("+ idling\r\n")
            c.line()
            c.send(f"{tag} OK done\r\n")
        elif command == "LOGOUT":
            c.send(f"* BYE bye\r\n{tag} OK bye\r\n")
            return
        else:
            c.send(f"{tag} OK done\r\n")


def pop3(c):
    c.send("+OK script ready\r\n")
    while True:
        command = c.line().upper()
        if command == "CAPA":
            c.send("+OK\r\nTOP\r\nUIDL\r\nSASL XOAUTH2 OAUTHBEARER\r\nUSER\r\n.\r\n")
        elif command.startswith("AUTH"):
            c.send("+ \r\n")
            c.line()
            c.send("+OK signed in\r\n")
        elif command == "STAT":
            c.send(f"+OK 1 {len(MESSAGE)}\r\n")
        elif command.startswith("RETR"):
            c.send(b"+OK\r\n" + MESSAGE + b".\r\n")
        elif command == "QUIT":
            c.send("+OK bye\r\n")
            return
        else:
            c.send("+OK\r\n")


def smtp(c):
    c.send("220 script ready\r\n")
    while True:
        command = c.line().upper()
        if re.match("EHLO", command):
            c.send("250-script\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 1000000\r\n250 AUTH XOAUTH2 OAUTHBEARER\r\n")
        elif command.startswith("AUTH"):
            if len(command.split()) < 3:
                c.send("334 \r\n")
                c.line()
            c.send("235 2.7.0 signed in\r\n")
        elif command == "DATA":
            c.send("354 go on\r\n")
            while c.line() != ".":
                pass
            c.send("250 2.0.0 taken\r\n")
        elif command == "QUIT":
            c.send("221 bye\r\n")
            return
        else:
            c.send("250 2.0.0 ok\r\n")
