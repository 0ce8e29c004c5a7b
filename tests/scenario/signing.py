"""P-256 signatures and DSSE envelopes, for scenarios that play an agent or a server by hand.

Plain arithmetic, neither fast nor safe against side channels: good for tests and nothing else."""
import base64
import hashlib
import json
import secrets

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
# SubjectPublicKeyInfo of an uncompressed point on this curve, up to the coordinates.
SPKI_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")

TIME = "application/vnd.fleetmend.time+json"
ENROLL = "application/vnd.fleetmend.enroll+json"
SESSION = "application/vnd.fleetmend.session+json"
ORDER = "application/vnd.fleetmend.order+json"


def add(a, b):
    """The sum of two points; None is the neutral one."""
    if a is None:
        return b
    if b is None:
        return a
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k, point):
    total = None
    while k:
        if k & 1:
            total = add(total, point)
        point = add(point, point)
        k >>= 1
    return total


def b64(data):
    return base64.b64encode(data).decode()


class Key:
    def __init__(self, secret=None):
        self.secret = secret or secrets.randbelow(N - 1) + 1
        x, y = times(self.secret, G)
        self.spki = SPKI_HEAD + x.to_bytes(32, "big") + y.to_bytes(32, "big")
        self.id = hashlib.sha256(self.spki).hexdigest()
        self.spki64 = b64(self.spki)
        self.pin = "sha256//" + b64(hashlib.sha256(self.spki).digest())

    def sign(self, data):
        """r and s, 32 bytes each."""
        z = int.from_bytes(hashlib.sha256(data).digest(), "big")
        while True:
            k = secrets.randbelow(N - 1) + 1
            r = times(k, G)[0] % N
            s = pow(k, -1, N) * (z + r * self.secret) % N
            if r and s:
                return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def pae(payload_type, payload):
    return b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)


def envelope(payload_type, payload, *keys):
    """`payload`: bytes, or something to be JSON."""
    if not isinstance(payload, bytes):
        payload = json.dumps(payload).encode()
    return {"payloadType": payload_type, "payload": b64(payload),
            "signatures": [{"keyid": k.id, "sig": b64(k.sign(pae(payload_type, payload)))} for k in keys]}


def opened(sealed):
    """The payload, unchecked."""
    return json.loads(base64.b64decode(sealed["payload"]))


class Machine:
    """An agent played by hand: the protocol's words without the agent's manners."""

    def __init__(self, client, name, instance="one", key=None):
        self.client = client
        self.name = name
        self.instance = instance
        self.key = key or Key()
        self.id = self.key.id
        self.ticket = None
        self.stream = secrets.token_hex(16)
        self.seq = 0

    def challenge(self):
        a = self.client.ask("POST", "/agent/v1/time", {"nonce": secrets.token_hex(8)})
        return opened(a.json())["challenge"]

    def enroll_envelope(self, token, challenge=None):
        return envelope(ENROLL, {"token": token, "public_key": self.key.spki64, "challenge": challenge or self.challenge(),
                                 "machine": self.facts()}, self.key)

    def facts(self):
        return {"name": self.name, "os": "Windows 10 Pro", "role": "client", "instance": self.instance}

    def enroll(self, token):
        return self.client.ask("POST", "/agent/v1/enroll", self.enroll_envelope(token))

    def session_envelope(self, challenge=None, instance=None):
        return envelope(SESSION, {"machine_id": self.id, "challenge": challenge or self.challenge(),
                                  "instance": instance or self.instance}, self.key)

    def session(self, sealed=None):
        a = self.client.ask("POST", "/agent/v1/session", sealed or self.session_envelope())
        if a.status == 200:
            self.ticket = a.json()["ticket"]
        return a

    def event(self, code="0x80070002", **more):
        self.seq += 1
        return {"seq": self.seq, "outcome": "failed", "code": code, "phase": "scan", "source": "ReportingEvents", **more}

    def message(self, **more):
        return {"agent": {"version": "0.0.1", "boot_id": "b" * 32}, "stream": self.stream, **more}

    def sync(self, wait=0, client=None, **more):
        return (client or self.client).ask("POST", f"/agent/v1/sync?wait={wait}", self.message(**more), token=self.ticket)
