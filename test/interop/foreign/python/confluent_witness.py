"""confluent-kafka, which is librdkafka: its producer, its consumers of both group protocols, its admin client."""

import asyncio
import sys
import threading
import time
import uuid

import confluent_kafka
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from witness import Member, Progress, bytes_of, ints, serve

broker = sys.argv[1]
admin = AdminClient({"bootstrap.servers": broker, "client.id": "witness-confluent-kafka"})
members = {}


def produce(command):
    producer = Producer(
        {
            "bootstrap.servers": broker,
            "compression.type": command["codec"],
            "enable.idempotence": command["idempotent"],
            "acks": "all",
            "linger.ms": 5,
        }
    )
    placed = [None] * len(command["records"])
    failed = []

    def told(index):
        def on_delivery(error, message):
            if error is not None:
                failed.append(error)
            else:
                placed[index] = {"partition": message.partition(), "offset": message.offset()}

        return on_delivery

    for index, record in enumerate(command["records"]):
        given = {name: record[name] for name in ("partition", "timestamp") if record.get(name) is not None}
        producer.produce(
            command["topic"],
            value=bytes_of(record["value"]),
            key=bytes_of(record["key"]),
            headers=[(header["key"], bytes_of(header["value"])) for header in record["headers"]],
            on_delivery=told(index),
            **given,
        )
    left = producer.flush(20)
    if failed:
        raise KafkaException(failed[0])
    if left > 0:
        raise TimeoutError(f"{left} records were not acknowledged")
    return {"placed": placed}


def read(command):
    consumer = Consumer({"bootstrap.servers": broker, "group.id": str(uuid.uuid4()), "enable.auto.commit": False})
    try:
        progress = Progress(command)
        consumer.assign([TopicPartition(command["topic"], partition, offset) for partition, offset in ints(command["from"]).items()])
        ends = time.monotonic() + command.get("withinMs", 20_000) / 1000
        while not progress.is_done() and time.monotonic() < ends:
            for message in consumer.consume(500, 0.1):
                if message.error():
                    raise KafkaException(message.error())
                progress.add(
                    message.partition(), message.offset(), message.timestamp()[1], message.key(), message.value(), message.headers()
                )
        return progress.answer()
    finally:
        consumer.close()


def partitions_of(topic):
    found = admin.list_topics(topic, timeout=10).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    return sorted(found.partitions)


def offsets_at(command):
    special = {-1: OffsetSpec.latest, -2: OffsetSpec.earliest, -3: OffsetSpec.max_timestamp}.get(command["timestamp"])
    spec = special() if special is not None else OffsetSpec.for_timestamp(command["timestamp"])
    asked = {TopicPartition(command["topic"], partition): spec for partition in partitions_of(command["topic"])}
    return {"offsets": {one.partition: future.result().offset for one, future in admin.list_offsets(asked).items()}}


def join(command):
    member = Member()
    config = {
        "bootstrap.servers": broker,
        "client.id": command["member"],
        "group.id": command["group"],
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "topic.metadata.refresh.interval.ms": 1000,
    }
    if command["assignor"] == "consumer":
        config["group.protocol"] = "consumer"
    else:
        config |= {"partition.assignment.strategy": command["assignor"], "session.timeout.ms": 10_000, "heartbeat.interval.ms": 200}
    if command.get("instance"):
        config["group.instance.id"] = command["instance"]
    consumer = Consumer(config)
    consumer.subscribe(
        command["topics"],
        on_assign=lambda _, partitions: member.own(partitions),
        on_revoke=lambda _, partitions: member.disown(partitions),
        on_lost=lambda _, partitions: member.disown(partitions),
    )
    ending = threading.Event()

    def work():
        while not ending.is_set():
            try:
                messages = consumer.consume(500, 0.05)
                for message in messages:
                    if message.error():
                        member.fail(KafkaException(message.error()))
                    else:
                        member.take(message.topic(), message.partition(), message.offset(), message.value())
                if any(not message.error() for message in messages):
                    consumer.commit(asynchronous=False)
            except KafkaException as error:
                member.fail(error)
        consumer.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    members[command["member"]] = (member, ending, thread)


def poll(command):
    return members[command["member"]][0].poll()


def leave(command):
    member, ending, thread = members.pop(command["member"])
    ending.set()
    thread.join(20)
    if thread.is_alive():
        raise TimeoutError("the consumer did not close")
    return member.poll()


def result_of(futures):
    """Of a call about one thing."""
    (future,) = futures.values()
    return future.result()


def create_topic(command):
    topic = NewTopic(command["topic"], num_partitions=command["partitions"], config=command.get("configs") or {})
    result_of(admin.create_topics([topic]))


def describe_topic(command):
    described = result_of(admin.describe_topics(TopicCollection([command["topic"]])))
    return {"partitions": len(described.partitions)}


def list_topics(_):
    return {"topics": sorted(admin.list_topics(timeout=10).topics)}


def describe_configs(command):
    entries = result_of(admin.describe_configs([ConfigResource(ResourceType.TOPIC, command["topic"])]))
    return {"configs": {name: entry.value for name, entry in entries.items()}}


def alter_configs(command):
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in command["configs"].items()
    ]
    result_of(admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, command["topic"], incremental_configs=entries)]))


def add_partitions(command):
    result_of(admin.create_partitions([NewPartitions(command["topic"], command["partitions"])]))


def positions(command):
    return [TopicPartition(command["topic"], partition, offset) for partition, offset in ints(command["offsets"]).items()]


def delete_records(command):
    for future in admin.delete_records(positions(command)).values():
        future.result()


def delete_topic(command):
    result_of(admin.delete_topics([command["topic"]]))


def list_groups(_):
    listed = admin.list_consumer_groups().result()
    if listed.errors:
        raise listed.errors[0]
    return {"groups": [group.group_id for group in listed.valid]}


def describe_group(command):
    group = result_of(admin.describe_consumer_groups([command["group"]]))
    told = []
    for one in group.members:
        partitions = {}
        for place in sorted(one.assignment.topic_partitions, key=lambda place: (place.topic, place.partition)):
            partitions.setdefault(place.topic, []).append(place.partition)
        told.append({"clientId": one.client_id, "partitions": partitions})
    # STABLE → Stable, PREPARING_REBALANCING → PreparingRebalancing
    return {"state": group.state.name.title().replace("_", ""), "members": told}


def group_offsets(command):
    fetched = result_of(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(command["group"])]))
    return {"offsets": {one.partition: one.offset for one in fetched.topic_partitions if one.topic == command["topic"]}}


def set_group_offsets(command):
    altered = result_of(admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(command["group"], positions(command))]))
    for one in altered.topic_partitions:
        if one.error is not None:
            raise KafkaException(one.error)


def delete_group(command):
    result_of(admin.delete_consumer_groups([command["group"]]))


def describe_cluster(_):
    return {"brokers": [f"{node.host}:{node.port}" for node in admin.describe_cluster().result().nodes]}


def code_of(error):
    if not isinstance(error, KafkaException):
        return None
    # librdkafka's own errors are negative, and no codes of Kafka's.
    code = error.args[0].code()
    return code if code >= 0 else None


def in_thread(verb):
    async def run(command):
        return await asyncio.to_thread(verb, command)

    return run


verbs = {
    "produce": produce,
    "read": read,
    "offsetsAt": offsets_at,
    "join": join,
    "poll": poll,
    "leave": leave,
    "createTopic": create_topic,
    "describeTopic": describe_topic,
    "listTopics": list_topics,
    "describeConfigs": describe_configs,
    "alterConfigs": alter_configs,
    "addPartitions": add_partitions,
    "deleteRecords": delete_records,
    "deleteTopic": delete_topic,
    "listGroups": list_groups,
    "describeGroup": describe_group,
    "groupOffsets": group_offsets,
    "setGroupOffsets": set_group_offsets,
    "deleteGroup": delete_group,
    "describeCluster": describe_cluster,
}
version = f"{confluent_kafka.version()}, librdkafka {confluent_kafka.libversion()[0]}"
asyncio.run(serve("confluent-kafka", version, {name: in_thread(verb) for name, verb in verbs.items()}, code_of))
