"""Apache Kafka brokers in KRaft mode on 127.0.0.1, with the jars that
install-kafka fetched.  Used by kafka_server.py; standard library only."""
import ctypes
import glob
import os
import random
import signal
import socket
import subprocess
import time

# The listeners a cluster can have, and the protocol each speaks.  "plain" is
# always there: the brokers themselves and the administering client use it.
LISTENERS = {
    "plain": "PLAINTEXT",
    "sasl": "SASL_PLAINTEXT",   # PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
    "sasl_tls": "SASL_SSL",     # the same
    "oauth": "SASL_PLAINTEXT",  # OAUTHBEARER, tokens without a signature
    "tls": "SSL",
    "mtls": "SSL",              # a client certificate is demanded
    "tls_expired": "SSL",       # with an expired certificate
    "tls_misnamed": "SSL",      # with a certificate for another host
    "msk": "SASL_SSL",          # MSK IAM, see MskIamValidator.java
    "msk_late": "SASL_SSL",     # the same, its clock an hour ahead
    "elsewhere": "PLAINTEXT",   # sends clients on to a link-local address
}
# Signed in, a user may do all, but for carol: she may do only what she is
# granted by a command
USERS = {"alice": "alice-secret", "carol": "carol-secret"}
SCRAM_USERS = {"bob": "bob-secret"}
IAM_KEYS = {"AKIATEST": "iam-secret", "ASIATEST": "iam-session-secret"}
IAM_TOKENS = {"ASIATEST": "SESSION/TOKEN+x=="}
SUPER_USERS = ["ANONYMOUS", "alice", "bob", "CN=client", "AKIATEST", "ASIATEST", "oauth-user", "broker"]

SETTINGS = {
    "num.partitions": 1,
    "auto.create.topics.enable": "false",
    # One partition and one copy of what the broker keeps for itself
    "offsets.topic.num.partitions": 1,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.num.partitions": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    # Tests write old timestamps: nothing ends but in topics that say so
    "log.retention.ms": -1,
    # Small: threads, and a buffer that would be a third of the heap
    "num.network.threads": 2,
    "num.io.threads": 2,
    "background.threads": 2,
    "log.cleaner.threads": 1,
    "log.cleaner.dedupe.buffer.size": 8 << 20,
    # Soon: compaction, retention, deletion, the end of lost transactions
    "log.initial.task.delay.ms": 500,
    "log.cleaner.backoff.ms": 250,
    "log.retention.check.interval.ms": 500,
    "log.segment.delete.delay.ms": 200,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500,
    # A killed broker may come back when its former session is over
    "broker.heartbeat.interval.ms": 500,
    "broker.session.timeout.ms": 3000,
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": ";".join("User:" + user for user in SUPER_USERS),
}
# With three brokers, so that a leader is followed within seconds
CLUSTER_SETTINGS = {
    "offsets.topic.replication.factor": 3,
    "transaction.state.log.replication.factor": 3,
    "transaction.state.log.min.isr": 2,
    "broker.heartbeat.interval.ms": 300,
    "broker.session.timeout.ms": 2000,
    "controller.quorum.fetch.timeout.ms": 1000,
    "controller.quorum.election.timeout.ms": 500,
    "controller.quorum.election.backoff.max.ms": 500,
    "replica.lag.time.max.ms": 3000,
}
JAVA = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.awt.headless=true",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS"]
CLUSTER_ID = "cGludGVyZXN0LXRlc3RzLQ"
STARTED = "Kafka Server started"


class BrokerError(Exception):
    pass


def free_port(taken=set()):
    """A port below those that the kernel gives to outgoing connections: one that
    is free now stays free while a broker starts, or is down."""
    while True:
        port = random.randint(10200, 32767)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in taken:
            taken.add(port)
            return port


def end_with_parent():
    """In the child: the kernel kills it when this process is gone, however."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def run(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise BrokerError("%s failed:\n%s" % (command[0], done.stdout))


def jaas(module, **options):
    return "org.apache.kafka.common.security.%s required %s;" % (
        module, " ".join('%s="%s"' % option for option in options.items()))


class Certificates:
    """Files in FOLDER: ca.pem, other_ca.pem; server, server_expired,
    server_misnamed; client, client_expired and client_stranger (signed by
    other_ca), each with .pem (certificate) and .key."""

    def __init__(self, folder):
        self.folder = folder
        os.mkdir(folder)
        self.make_authority("ca")
        self.make_authority("other_ca")
        here = "DNS:localhost,IP:127.0.0.1"
        self.make("server", "localhost", names=here)
        self.make("server_expired", "localhost", names=here, days=-1)
        self.make("server_misnamed", "elsewhere.example", names="DNS:elsewhere.example")
        self.make("client", "client")
        self.make("client_expired", "client", days=-1)
        self.make("client_stranger", "client", authority="other_ca")

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *arguments):
        run("openssl", *arguments, cwd=self.folder)

    def make_authority(self, name):
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=" + name,
                     "-keyout", name + ".key", "-out", name + ".pem")

    def make(self, name, subject, names=None, days=2, authority="ca"):
        extension = []
        if names:
            with open(self.path(name + ".ext"), "w") as file:
                file.write("subjectAltName=%s\n" % names)
            extension = ["-extfile", name + ".ext"]
        # The broker reads keys in PKCS #8, which this writes
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + subject,
                     "-keyout", name + ".key", "-out", name + ".csr")
        self.openssl("x509", "-req", "-in", name + ".csr", "-CA", authority + ".pem", "-CAkey", authority + ".key",
                     "-CAcreateserial", "-days", str(days), "-out", name + ".pem", *extension)
        with open(self.path(name + ".both"), "w") as both:
            for part in (name + ".key", name + ".pem"):
                with open(self.path(part)) as file:
                    both.write(file.read())


class Cluster:
    def __init__(self, home, folder, version, brokers, listeners, settings, heap):
        unknown = set(listeners) - set(LISTENERS)
        if unknown:
            raise BrokerError("unknown listeners: %s" % ", ".join(sorted(unknown)))
        self.folder = folder
        self.heap = heap
        self.listeners = ["plain"] + [name for name in LISTENERS if name in listeners and name != "plain"]
        self.class_path = os.path.join(home, version, "*")
        self.settings = dict(SETTINGS, **(CLUSTER_SETTINGS if brokers > 2 else {}), **settings)
        self.secured = any(LISTENERS[name] in ("SSL", "SASL_SSL") for name in self.listeners)
        self.certificates = Certificates(os.path.join(folder, "tls")) if self.secured else None
        if any(name.startswith("msk") for name in self.listeners):
            self.compile_validator()
        self.ports = {node: {name: free_port() for name in self.listeners + ["controller"]}
                      for node in range(1, brokers + 1)}
        self.processes = {}

    def path(self, *parts):
        return os.path.join(self.folder, *map(str, parts))

    def bootstrap(self, listener):
        return ",".join("127.0.0.1:%d" % ports[listener] for ports in self.ports.values())

    def compile_validator(self):
        classes = self.path("classes")
        jars = glob.glob(os.path.join(os.path.dirname(self.class_path), "kafka-clients-*.jar"))
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "MskIamValidator.java")
        run("javac", "-J-XX:-UsePerfData", "-proc:none", "-cp", ":".join(jars), "-d", classes, source)
        self.class_path += ":" + classes

    def sasl_settings(self, listener):
        prefix = "listener.name.%s." % listener
        plain = dict({"user_" + user: password for user, password in USERS.items()})
        oauth = dict(unsecuredLoginStringClaim_sub="broker")
        if listener.startswith("msk"):
            oauth.update({"key_" + key: secret for key, secret in IAM_KEYS.items()})
            oauth.update({"token_" + key: token for key, token in IAM_TOKENS.items()})
            oauth["clock"] = 3600 if listener == "msk_late" else 0
            yield prefix + "oauthbearer.sasl.server.callback.handler.class", "MskIamValidator"
        if listener.startswith("msk") or listener == "oauth":
            yield prefix + "sasl.enabled.mechanisms", "OAUTHBEARER"
            yield (prefix + "oauthbearer.sasl.jaas.config",
                   jaas("oauthbearer.OAuthBearerLoginModule", **oauth))
            # A token must be renewed on the connection before it ends
            yield prefix + "oauthbearer.connections.max.reauth.ms", 10000
        else:
            yield prefix + "sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
            yield prefix + "plain.sasl.jaas.config", jaas("plain.PlainLoginModule", **plain)
            for mechanism in ("scram-sha-256", "scram-sha-512"):
                yield prefix + mechanism + ".sasl.jaas.config", jaas("scram.ScramLoginModule")

    def tls_settings(self, listener):
        prefix = "listener.name.%s." % listener
        certificate = {"tls_expired": "server_expired", "tls_misnamed": "server_misnamed"}.get(listener, "server")
        yield prefix + "ssl.keystore.type", "PEM"
        yield prefix + "ssl.keystore.location", self.certificates.path(certificate + ".both")
        yield prefix + "ssl.truststore.type", "PEM"
        yield prefix + "ssl.truststore.location", self.certificates.path("ca.pem")
        yield prefix + "ssl.client.auth", "required" if listener == "mtls" else "none"

    def write_settings(self, node):
        ports = self.ports[node]
        addresses = ["%s://127.0.0.1:%d" % (name.upper(), ports[name]) for name in self.listeners]
        settings = dict(self.settings)
        settings.update({
            "process.roles": "broker,controller",
            "node.id": node,
            "controller.quorum.voters": ",".join("%d@127.0.0.1:%d" % (voter, of["controller"])
                                                 for voter, of in self.ports.items()),
            "listeners": ",".join(addresses + ["CONTROLLER://127.0.0.1:%d" % ports["controller"]]),
            "advertised.listeners": ",".join(
                address.replace("127.0.0.1", "169.254.7.7") if address.startswith("ELSEWHERE") else address
                for address in addresses),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAIN",
            "listener.security.protocol.map": ",".join(
                ["CONTROLLER:PLAINTEXT"] + ["%s:%s" % (name.upper(), LISTENERS[name]) for name in self.listeners]),
            "log.dirs": self.path(node, "data"),
        })
        for name in self.listeners:
            if "SASL" in LISTENERS[name]:
                settings.update(self.sasl_settings(name))
            if "SSL" in LISTENERS[name]:
                settings.update(self.tls_settings(name))
        with open(self.path(node, "server.properties"), "w") as file:
            for setting in settings.items():
                file.write("%s=%s\n" % setting)

    def format(self, node):
        scram = []
        if any(name.startswith("sasl") for name in self.listeners):
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                for user, password in SCRAM_USERS.items():
                    scram += ["--add-scram", "%s=[name=%s,password=%s]" % (mechanism, user, password)]
        return subprocess.Popen(
            JAVA + ["-Xmx128m", "-cp", self.class_path, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID,
                    "-c", self.path(node, "server.properties")] + scram,
            stdin=subprocess.DEVNULL, stdout=open(self.path(node, "format.log"), "w"), stderr=subprocess.STDOUT,
            preexec_fn=end_with_parent)

    def make(self):
        """Formats and starts all brokers."""
        for node in self.ports:
            os.mkdir(self.path(node))
            self.write_settings(node)
        formatting = {node: self.format(node) for node in self.ports}
        for node, process in formatting.items():
            if process.wait():
                raise BrokerError(open(self.path(node, "format.log")).read())
        self.start(*self.ports)

    def start(self, *nodes):
        """Starts brokers, with the data they have, and waits until they serve."""
        for node in nodes:
            with open(self.path(node, "log"), "w") as log:
                # A session of its own: Ctrl-C is for the test, which ends this
                self.processes[node] = subprocess.Popen(
                    # It unpacks native libraries there, and leaves them when it is killed
                    JAVA + ["-Djava.io.tmpdir=" + self.path(node), "-Xms%dm" % self.heap, "-Xmx%dm" % self.heap,
                            "-cp", self.class_path, "kafka.Kafka", self.path(node, "server.properties")],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                    preexec_fn=end_with_parent)
        deadline = time.monotonic() + 120
        for node in nodes:
            while STARTED not in self.log(node):
                if self.processes[node].poll() is not None or time.monotonic() > deadline:
                    raise BrokerError("broker %d did not start:\n%s" % (node, self.log(node)[-4000:]))
                time.sleep(0.05)

    def log(self, node):
        with open(self.path(node, "log"), errors="replace") as file:
            return file.read()

    def signal(self, node, number):
        """TERM or KILL, and the end of the process; STOP and CONT return at once."""
        process = self.processes[node]
        process.send_signal(number)
        if number in (signal.SIGTERM, signal.SIGKILL):
            process.wait()

    def kill_all(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
        for process in self.processes.values():
            process.wait()
