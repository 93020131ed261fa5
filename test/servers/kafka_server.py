#!/usr/bin/env python3
"""A Kafka cluster of brokers that are no stand-ins, and a client that fills and
administers it.

    kafka_server.py [--version V] [--brokers N] [--listeners NAME,…]
                    [--set NAME=VALUE]… [--heap MB] [--home FOLDER] FOLDER
    kafka_server.py --bootstrap SERVERS [--home FOLDER]

The first starts the brokers, with their files in FOLDER, which must not exist.  It prints
one line of JSON when they serve, {LISTENER: BOOTSTRAP, …}, see LISTENERS in
kafka_broker.py.  Then it reads commands, one line of JSON each, and answers
each with a line, {"ok": …} or {"error": …}.  It ends, and the brokers with it,
when its standard input is closed.  The second is only the client, of the cluster
it is told.

A command is {"do": NAME, PARAMETER: …}; the names and parameters are those of
the methods of Commands.  Keys, values and headers of messages are strings of
bytes: characters up to U+00FF, or null.

The home folder ($KAFKA_HOME) is the one that install-kafka prints.  For iam_token,
$MSK_SIGNER is the one that install-msk-signer prints.
"""
import argparse
import json
import os
import signal
import sys
import time

from kafka_broker import BrokerError, Cluster

# What the client may send and receive
LARGEST = 100 << 20


def to_bytes(text):
    return None if text is None else text.encode("latin-1")


def to_text(data):
    return None if data is None else data.decode("latin-1")


class Elsewhere:
    """A cluster that is there already"""

    listeners = ["plain"]
    ports = {1: {}}

    def __init__(self, bootstrap):
        self.bootstrap = lambda listener: bootstrap

    def kill_all(self):
        pass


class Commands:
    def __init__(self, cluster):
        # Here, so that a missing package is told in words
        import confluent_kafka
        import confluent_kafka.admin
        self.kafka = confluent_kafka
        self.kafka_admin = confluent_kafka.admin
        # Errors of a broker that is not ready, or of the way to it
        error = confluent_kafka.KafkaError
        self.passing = (error._TRANSPORT, error._ALL_BROKERS_DOWN, error._TIMED_OUT, error.LEADER_NOT_AVAILABLE,
                        error.NOT_LEADER_FOR_PARTITION)
        self.cluster = cluster
        self.producers = {}
        self.transactions = []
        self.base = {"bootstrap.servers": cluster.bootstrap("plain"), "log_level": 0,
                     "reconnect.backoff.max.ms": 200, "topic.metadata.refresh.interval.ms": 2000}
        self.admin = self.kafka_admin.AdminClient(self.base)

    # Administration

    def wait(self, futures):
        for future in futures.values():
            future.result(30)

    def topic(self, name):
        """The topic's metadata, None without such a topic."""
        topic = self.admin.list_topics(name, timeout=10).topics[name]
        if topic.error and topic.error.code() == self.kafka.KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        return topic

    def patiently(self, ask):
        """What ask() answers, asked again while it fails: a broker that has just
        started may not know its topics yet, nor lead them."""
        deadline = time.monotonic() + 30
        while True:
            try:
                return ask()
            except self.kafka.KafkaException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def partitions(self, name):
        """The metadata of a topic's partitions, by number"""
        def ask():
            topic = self.topic(name)
            if topic is None:
                raise self.kafka.KafkaException(self.kafka.KafkaError(self.kafka.KafkaError.UNKNOWN_TOPIC_OR_PART))
            return topic.partitions

        return self.patiently(ask)

    def begin_and_end(self, consumer, topic, partition):
        return self.patiently(
            lambda: consumer.get_watermark_offsets(self.kafka.TopicPartition(topic, partition), 5))

    def wait_for_topic(self, name, partitions):
        """Until every broker would say so: a topic is there some time after it was
        made, and gone some time after it was deleted."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            topic = self.topic(name)
            if partitions == 0 and topic is None:
                return
            if topic and len(topic.partitions) == partitions and \
                    all(partition.leader > 0 for partition in topic.partitions.values()):
                return
            time.sleep(0.02)
        raise BrokerError("topic %s: not there within 30 s" % name)

    def create_topic(self, name, partitions=1, config={}, copies=None):
        """copies: the nodes of each partition, first the one that leads at first"""
        nodes = sorted(self.cluster.ports)
        copies = copies or [[nodes[(number + copy) % len(nodes)] for copy in range(min(3, len(nodes)))]
                            for number in range(partitions)]
        topic = self.kafka_admin.NewTopic(name, partitions, replica_assignment=copies,
                                          config={key: str(value) for key, value in config.items()})
        self.wait(self.admin.create_topics([topic]))
        self.wait_for_topic(name, partitions)

    def delete_topic(self, name):
        # The producers would believe for a while that it is there as it was
        self.producers.clear()
        self.wait(self.admin.delete_topics([name]))
        self.wait_for_topic(name, 0)

    def add_partitions(self, name, total):
        self.producers.clear()
        self.wait(self.admin.create_partitions([self.kafka_admin.NewPartitions(name, total)]))
        self.wait_for_topic(name, total)

    def delete_records(self, name, before):
        """before: {PARTITION: OFFSET, …}"""
        self.wait(self.admin.delete_records([self.kafka.TopicPartition(name, int(partition), offset)
                                             for partition, offset in before.items()]))

    def configure_topic(self, name, config):
        """A setting of null takes it back to its default."""
        admin = self.kafka_admin
        entries = [admin.ConfigEntry(key, None if value is None else str(value), incremental_operation=(
                       admin.AlterConfigOpType.DELETE if value is None else admin.AlterConfigOpType.SET))
                   for key, value in config.items()]
        resource = admin.ConfigResource(admin.ResourceType.TOPIC, name, incremental_configs=entries)
        self.wait(self.admin.incremental_alter_configs([resource]))

    def topics(self, timeout=10):
        return {name: len(topic.partitions) for name, topic in self.admin.list_topics(timeout=timeout).topics.items()
                if not name.startswith("__")}

    def topic_config(self, name):
        resource = self.kafka_admin.ConfigResource(self.kafka_admin.ResourceType.TOPIC, name)
        config = self.admin.describe_configs([resource])[resource].result(30)
        return {key: entry.value for key, entry in config.items()}

    def grant(self, user, operation, topic):
        """operation: READ, WRITE, DESCRIBE, …; topic: its name, or * for all"""
        admin = self.kafka_admin
        self.wait(self.admin.create_acls([admin.AclBinding(
            admin.ResourceType.TOPIC, topic, admin.ResourcePatternType.LITERAL, "User:" + user, "*",
            admin.AclOperation[operation], admin.AclPermissionType.ALLOW)]))

    def leaders(self, name):
        """The node that leads each partition"""
        return {number: partition.leader for number, partition in self.partitions(name).items()}

    def elect_leaders(self, name):
        """Back to the first of each partition's copies, which a broker that was down
        does not become by itself at once."""
        self.admin.elect_leaders(self.kafka.ElectionType.PREFERRED, [
            self.kafka.TopicPartition(name, number) for number in self.partitions(name)]).result(30)

    def offsets(self, name, isolation="read_uncommitted"):
        """[FIRST, END] of each partition; the end of read_committed is before the
        first open transaction"""
        consumer = self.consumer(isolation)
        try:
            return {number: self.begin_and_end(consumer, name, number)
                    for number in self.partitions(name)}
        finally:
            consumer.close()

    # Writing

    def producer(self, compression, settings, transactional):
        """A producer with these settings; those without a transaction are kept."""
        settings = dict({"compression.type": compression, "linger.ms": 5, "acks": "all",
                         "message.max.bytes": LARGEST, "message.timeout.ms": 30000,
                         "queue.buffering.max.messages": 1000000, "queue.buffering.max.kbytes": 1 << 20},
                        **settings)
        key = json.dumps(settings, sort_keys=True)
        if transactional:
            name = "test-%d" % len(self.transactions)
            producer = self.kafka.Producer(dict(self.base, **settings, **{
                "transactional.id": name, "transaction.timeout.ms": 600000}))
            producer.init_transactions(30)
            producer.begin_transaction()
            return producer
        if key not in self.producers:
            self.producers[key] = self.kafka.Producer(dict(self.base, **settings))
        return self.producers[key]

    def send(self, producer, topic, message, on_delivery):
        arguments = {name: message[name] for name in ("partition", "timestamp") if message.get(name) is not None}
        if message.get("headers"):
            arguments["headers"] = [(name, to_bytes(value)) for name, value in message["headers"]]
        while True:
            try:
                return producer.produce(topic, to_bytes(message.get("value")), to_bytes(message.get("key")),
                                        on_delivery=on_delivery, **arguments)
            except BufferError:
                producer.poll(0.1)

    def transact(self, transaction, compression, settings, send):
        """Calls send(producer), waits for all deliveries; returns the number of an
        open transaction."""
        if transaction not in (None, "commit", "abort", "open"):
            raise BrokerError("transaction: commit, abort or open")
        producer = self.producer(compression, settings, transaction)
        send(producer)
        if producer.flush(60):
            raise BrokerError("not delivered within 60 s")
        if not transaction:
            return None
        self.transactions.append(producer)
        if transaction != "open":
            self.end_transaction(len(self.transactions) - 1, transaction)
        return len(self.transactions) - 1

    def end_transaction(self, number, outcome):
        """outcome: commit or abort, for what produce left open"""
        getattr(self.transactions[number], outcome + "_transaction")(30)

    def produce(self, topic, messages, compression="none", transaction=None, settings={}):
        """messages: [{value, key, partition, timestamp (ms), headers: [[NAME, VALUE], …]}, …].
        Answers [[PARTITION, OFFSET], …] in their order, with the number of an open
        transaction at the end."""
        places = [None] * len(messages)
        errors = []

        def delivered(index):
            def callback(error, message):
                if error:
                    errors.append("%s: %s" % (error.name(), error.str()))
                else:
                    places[index] = [message.partition(), message.offset()]
            return callback

        def send(producer):
            for index, message in enumerate(messages):
                self.send(producer, topic, message, delivered(index))
                producer.poll(0)

        number = self.transact(transaction, compression, settings, send)
        if errors:
            raise BrokerError(errors[0])
        return places + [number] if transaction == "open" else places

    def fill(self, topic, count, value="{\"n\":%d}", first=0, key=None, pad=0, partition=None, compression="none",
             transaction=None, settings={}):
        """count messages, %d in value and key replaced by first, first + 1, …; pad:
        so many blanks after each value"""
        errors = []
        partition = {} if partition is None else {"partition": partition}
        padding = " " * pad

        def callback(error, message):
            if error:
                errors.append("%s: %s" % (error.name(), error.str()))

        def send(producer):
            for number in range(first, first + count):
                text = value.replace("%d", str(number)) + padding
                name = None if key is None else key.replace("%d", str(number))
                while True:
                    try:
                        producer.produce(topic, text, name, on_delivery=callback, **partition)
                        break
                    except BufferError:
                        producer.poll(0.1)
                if number % 1000 == 0:
                    producer.poll(0)

        number = self.transact(transaction, compression, settings, send)
        if errors:
            raise BrokerError(errors[0])
        return number

    # Reading

    def consumer(self, isolation, settings={}):
        return self.kafka.Consumer(dict(self.base, **{
            "group.id": "test", "enable.auto.commit": False, "auto.offset.reset": "error",
            "enable.partition.eof": True, "isolation.level": isolation, "fetch.wait.max.ms": 10,
            "fetch.message.max.bytes": LARGEST, "fetch.max.bytes": LARGEST,
            "receive.message.max.bytes": LARGEST + 1024}, **settings))

    def consume(self, topic, isolation="read_committed"):
        """All messages there are, ordered by partition and offset"""
        consumer = self.consumer(isolation)
        left = set()
        messages = []
        try:
            # A number: to resolve "the beginning" the client waits half a second
            begins = {number: self.begin_and_end(consumer, topic, number)[0]
                      for number in self.partitions(topic)}
            left.update(begins)
            consumer.assign([self.kafka.TopicPartition(topic, *begin) for begin in begins.items()])
            deadline = time.monotonic() + 60
            while left and time.monotonic() < deadline:
                message = consumer.poll(1)
                if message is None:
                    continue
                if message.error():
                    if message.error().code() == self.kafka.KafkaError._PARTITION_EOF:
                        left.discard(message.partition())
                    elif message.error().code() not in self.passing:
                        raise BrokerError(message.error().str())
                    continue
                kind, timestamp = message.timestamp()
                messages.append({
                    "partition": message.partition(), "offset": message.offset(), "timestamp": timestamp,
                    "timestamp_type": ["none", "create", "append"][kind],
                    "key": to_text(message.key()), "value": to_text(message.value()),
                    "headers": [[name, to_text(value)] for name, value in message.headers() or []]})
        finally:
            consumer.close()
        if left:
            raise BrokerError("topic %s: not read within 60 s" % topic)
        return sorted(messages, key=lambda message: (message["partition"], message["offset"]))

    # Signing in

    def iam_token(self, access_key_id, secret_access_key, session_token, region):
        """The token that Amazon's own signer makes"""
        sys.path.append(os.environ["MSK_SIGNER"])
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
        from botocore.credentials import Credentials, CredentialProvider

        class Fixed(CredentialProvider):
            def load(self):
                return Credentials(access_key_id, secret_access_key, session_token)

        token, end = MSKAuthTokenProvider.generate_auth_token_from_credentials_provider(region, Fixed())
        return token, end / 1000

    def sign_in(self, listener, settings={}, iam=None):
        """Asks for the topics through a listener, with the client's settings given;
        iam: the parameters of iam_token.  Answers the number of topics it was
        shown, or fails with what the client said."""
        said = []
        settings = dict({"bootstrap.servers": self.cluster.bootstrap(listener), "log_level": 0,
                         "error_cb": lambda error: said.append(error.str())}, **settings)
        if iam:
            settings.update({
                "security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER",
                "oauth_cb": lambda config: self.iam_token(
                    iam["access_key_id"], iam["secret_access_key"], iam.get("session_token"),
                    iam.get("region", "us-east-1"))})
        client = self.kafka.Producer(settings)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            # For the callbacks: what is wrong, and the token
            client.poll(0.01)
            try:
                topics = client.list_topics(timeout=0.2).topics
                return len([name for name in topics if not name.startswith("__")])
            except self.kafka.KafkaException:
                client.poll(0)
            if said:
                raise BrokerError(said[0])
        raise BrokerError(said[0] if said else "no answer")

    # Brokers

    def kill(self, node=1):
        self.cluster.signal(node, signal.SIGKILL)

    def stop(self, node=1):
        """Orderly"""
        self.cluster.signal(node, signal.SIGTERM)

    def pause(self, node=1):
        """It keeps its connections, and answers nothing"""
        self.cluster.signal(node, signal.SIGSTOP)

    def resume(self, node=1):
        self.cluster.signal(node, signal.SIGCONT)

    def start(self, node=1):
        self.cluster.start(node)

    def log(self, node=1):
        return self.cluster.log(node)


def answer(commands, line):
    try:
        command = json.loads(line)
        name = command.pop("do")
        if name.startswith("_") or not callable(getattr(commands, name, None)):
            raise BrokerError("no such command: %s" % name)
        return {"ok": getattr(commands, name)(**command)}
    except Exception as error:  # noqa: whatever it is, the test shall see it
        return {"error": "%s: %s" % (type(error).__name__, error)}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", default="4.3.1")
    parser.add_argument("--brokers", type=int, default=1)
    parser.add_argument("--listeners", default="plain")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="NAME=VALUE")
    parser.add_argument("--heap", type=int, default=256, help="MB for each broker")
    parser.add_argument("--home", default=os.environ.get("KAFKA_HOME"))
    parser.add_argument("--bootstrap")
    parser.add_argument("folder", nargs="?")
    options = parser.parse_args()
    if bool(options.folder) == bool(options.bootstrap):
        parser.error("either a folder or --bootstrap")
    if not options.home:
        parser.error("--home or KAFKA_HOME: the folder that install-kafka prints")
    return options


def start(options):
    if options.bootstrap:
        return Elsewhere(options.bootstrap)
    os.mkdir(options.folder)
    cluster = Cluster(options.home, os.path.abspath(options.folder), options.version, options.brokers,
                      options.listeners.split(","), dict(one.split("=", 1) for one in options.settings), options.heap)
    try:
        cluster.make()
    except BaseException:
        cluster.kill_all()
        raise
    return cluster


def main():
    options = arguments()
    # Ctrl-C is for the test, whose end closes our standard input
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.join(options.home, "python%d.%d" % sys.version_info[:2]))
    try:
        cluster = start(options)
    except BrokerError as error:
        sys.exit("kafka_server.py: %s" % error)
    try:
        commands = Commands(cluster)
        print(json.dumps({name: cluster.bootstrap(name) for name in cluster.listeners}), flush=True)
        for line in sys.stdin:
            print(json.dumps(answer(commands, line)), flush=True)
    finally:
        cluster.kill_all()


if __name__ == "__main__":
    main()
