"""Produces the records of a file (see capture.ts) with librdkafka: produce.py BOOTSTRAP TASKS"""

import base64
import sys

from confluent_kafka import Producer


def bytes_of(field):
    return None if field == "-" else base64.b64decode(field[1:])


for task in open(sys.argv[2]):
    path, topic, codec, _ = task.split()
    producer = Producer(
        {
            "bootstrap.servers": sys.argv[1],
            "compression.type": codec,
            "linger.ms": 1000,
            "enable.idempotence": True,
        }
    )
    for line in open(path):
        timestamp, key, value, *headers = line.rstrip("\n").split("\t")
        pairs = [(bytes_of(headers[i]).decode(), bytes_of(headers[i + 1])) for i in range(0, len(headers), 2)]
        producer.produce(
            topic,
            partition=0,
            key=bytes_of(key),
            value=bytes_of(value),
            timestamp=int(timestamp),
            headers=pairs,
            on_delivery=lambda error, _: error and sys.exit(str(error)),
        )
    producer.flush()
