"""librdkafka's clients, as KillClients.java has Apache Kafka's: an idempotent producer, and a group of two members."""

import sys
import threading
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

bootstrap, topic, partitions, per_second = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
GROUP = "librdkafka"
lock = threading.Lock()
produced = {}
given = {}
stopping = threading.Event()
ended = threading.Event()


def say(line):
    with lock:
        sys.stdout.write(line + "\n")


def produce():
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "acks": "all",
            "message.timeout.ms": 0,
            "linger.ms": 2,
            "socket.timeout.ms": 5000,
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 200,
            "retry.backoff.ms": 20,
            "compression.type": "zstd",
        }
    )
    waiting = [0]

    def told(error, message):
        waiting[0] -= 1
        if error is not None:
            say(f"wrong send {topic} {message.partition()} {message.value()} {error}")
        else:
            say(f"ack {topic} {message.partition()} {message.offset()} {int(message.value())}")

    begun = time.monotonic()
    count = 0
    while not stopping.is_set():
        partition, number = count % partitions, count // partitions
        while waiting[0] >= 2000 and not stopping.is_set():
            producer.poll(0.02)
        waiting[0] += 1
        producer.produce(topic, str(number), partition=partition, on_delivery=told)
        produced[partition] = number + 1
        producer.poll(0)
        count += 1
        ahead = count / per_second - (time.monotonic() - begun)
        if ahead > 0:
            producer.poll(ahead)
        elif ahead < -1:
            begun -= ahead + 1
    producer.flush(60)
    for partition, total in produced.items():
        say(f"produced {topic} {partition} {total}")
    ended.set()


def consume():
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": GROUP,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 300,
            "partition.assignment.strategy": "cooperative-sticky",
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 200,
        }
    )
    fresh = set()
    consumer.subscribe(
        [topic],
        on_assign=lambda _, places: fresh.update(place.partition for place in places),
        on_revoke=lambda _, places: fresh.difference_update(place.partition for place in places),
    )
    while not ended.is_set() or any(given.get(p, 0) < total for p, total in produced.items()):
        done = {}
        for message in consumer.consume(500, timeout=0.1):
            if message.error() is not None:
                continue
            partition, offset = message.partition(), message.offset()
            if message.value() != str(offset).encode():
                say(f"wrong {GROUP} was given {topic}-{partition} offset {offset} with {message.value()}")
            first, last = done.get(partition, (offset, offset - 1))
            if partition not in done and partition in fresh:
                fresh.discard(partition)
                say(f"begin {GROUP} {topic} {partition} {offset}")
            if offset != last + 1:
                say(f"wrong {GROUP} was given {topic}-{partition} offset {offset} after {last}")
            done[partition] = (first, offset)
        for partition, (first, last) in done.items():
            say(f"got {GROUP} {topic} {partition} {first} {last}")
            given[partition] = max(given.get(partition, 0), last + 1)
        if not done:
            continue
        try:
            consumer.commit(offsets=[TopicPartition(topic, p, last + 1) for p, (_, last) in done.items()], asynchronous=False)
        except KafkaException:
            continue  # It was not acknowledged: it may count, or not.
        for partition, (_, last) in done.items():
            say(f"commit {GROUP} {topic} {partition} {last + 1}")
    consumer.close()


def guarded(task):
    try:
        task()
    except Exception as error:  # noqa: BLE001
        say(f"wrong {type(error).__name__} {error}")
        ended.set()


threads = [threading.Thread(target=guarded, args=(task,)) for task in (produce, consume, consume)]
for thread in threads:
    thread.start()


def flush():
    while True:
        with lock:
            sys.stdout.flush()
        time.sleep(0.02)


threading.Thread(target=flush, daemon=True).start()
sys.stdin.readline()
stopping.set()
for thread in threads:
    thread.join()
with lock:
    sys.stdout.flush()
