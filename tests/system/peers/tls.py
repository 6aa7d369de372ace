"""Certificates for loopback."""
import subprocess


class Certificates:
    """A throw-away authority and certificates for 127.0.0.1 and localhost, made with OpenSSL's own command."""

    NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")  # an RSA key would take longer than the rest of most tests

    def __init__(self, world, name="tls"):
        self.dir = world.dir / name
        self.dir.mkdir(exist_ok=True)
        self.ca = self.dir / "ca.pem"
        self._openssl("req", "-x509", *self.NEW_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30",
                      "-subj", "/CN=Test authority", "-addext", "basicConstraints=critical,CA:TRUE",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.cert, self.key = self.make("server", "DNS:localhost,IP:127.0.0.1")

    def _openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.dir, check=True, capture_output=True)

    def make(self, name, alt_names, days="30"):
        (self.dir / f"{name}.ext").write_text(f"subjectAltName={alt_names}\nbasicConstraints=CA:FALSE\n")
        self._openssl("req", *self.NEW_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days,
                      "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        return self.dir / f"{name}.pem", self.dir / f"{name}.key"
