"""Mail software that is not ours, started in a test's folder on free loopback ports. One peer, one file."""
from .dovecot import Dovecot, DovecotSasl
from .identity import HttpStub, Identity
from .postfix import Postfix
from .script import Script
from .sinks import Sink, SmtpSink
from .tls import Certificates

__all__ = ["Certificates", "Dovecot", "DovecotSasl", "HttpStub", "Identity", "Postfix", "Script", "Sink", "SmtpSink"]
