"""aiokafka: its producer, its consumer with groups of the classic protocol, its admin client."""

import asyncio
import sys
import time

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError, for_code

from witness import Member, Progress, bytes_of, ints, serve

broker = sys.argv[1]
members = {}
admin = None

assignors = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor}


async def produce(command):
    codec = None if command["codec"] == "none" else command["codec"]
    producer = AIOKafkaProducer(
        bootstrap_servers=broker, compression_type=codec, enable_idempotence=command["idempotent"], acks="all", linger_ms=5
    )
    await producer.start()
    try:
        sent = [
            await producer.send(
                command["topic"],
                value=bytes_of(record["value"]),
                key=bytes_of(record["key"]),
                partition=record.get("partition"),
                timestamp_ms=record.get("timestamp"),
                headers=[(header["key"], bytes_of(header["value"])) for header in record["headers"]],
            )
            for record in command["records"]
        ]
        done = await asyncio.wait_for(asyncio.gather(*sent), 20)
        return {"placed": [{"partition": one.partition, "offset": one.offset} for one in done]}
    finally:
        await producer.stop()


async def read(command):
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, auto_offset_reset="none")
    await consumer.start()
    try:
        progress = Progress(command)
        start = {TopicPartition(command["topic"], partition): offset for partition, offset in ints(command["from"]).items()}
        consumer.assign(list(start))
        for place, offset in start.items():
            consumer.seek(place, offset)
        ends = time.monotonic() + command.get("withinMs", 20_000) / 1000
        while not progress.is_done() and time.monotonic() < ends:
            for place, records in (await consumer.getmany(timeout_ms=100)).items():
                for one in records:
                    progress.add(place.partition, one.offset, one.timestamp, one.key, one.value, one.headers)
        return progress.answer()
    finally:
        await consumer.stop()


async def offsets_at(command):
    consumer = AIOKafkaConsumer(command["topic"], bootstrap_servers=broker)
    await consumer.start()
    try:
        places = [TopicPartition(command["topic"], one) for one in consumer.partitions_for_topic(command["topic"])]
        special = {-1: consumer.end_offsets, -2: consumer.beginning_offsets}.get(command["timestamp"])
        if special is not None:
            return {"offsets": {place.partition: offset for place, offset in (await special(places)).items()}}
        found = await consumer.offsets_for_times({place: command["timestamp"] for place in places})
        return {"offsets": {place.partition: -1 if one is None else one.offset for place, one in found.items()}}
    finally:
        await consumer.stop()


class Listener(ConsumerRebalanceListener):
    def __init__(self, member):
        self._member = member

    async def on_partitions_revoked(self, revoked):
        self._member.disown(revoked)

    async def on_partitions_assigned(self, assigned):
        self._member.own(assigned)


async def join(command):
    member = Member()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker,
        client_id=command["member"],
        group_id=command["group"],
        group_instance_id=command.get("instance") or None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=10_000,
        heartbeat_interval_ms=200,
        metadata_max_age_ms=1000,
        partition_assignment_strategy=[assignors[command["assignor"]]],
    )
    consumer.subscribe(command["topics"], listener=Listener(member))
    ending = asyncio.Event()

    async def work():
        await consumer.start()
        while not ending.is_set():
            try:
                batches = await consumer.getmany(timeout_ms=50, max_records=500)
                for place, records in batches.items():
                    for one in records:
                        member.take(place.topic, place.partition, one.offset, one.value)
                if batches:
                    await consumer.commit()
            except KafkaError as error:
                member.fail(error)
        await consumer.stop()

    members[command["member"]] = (member, ending, asyncio.create_task(work()))


async def poll(command):
    return members[command["member"]][0].poll()


async def leave(command):
    member, ending, task = members.pop(command["member"])
    ending.set()
    await asyncio.wait_for(task, 20)
    return member.poll()


def check(code, what):
    if code:
        raise for_code(code)(what)


async def create_topic(command):
    topic = NewTopic(command["topic"], command["partitions"], 1, topic_configs=command.get("configs") or {})
    created = await admin.create_topics([topic])
    for one in created.topic_errors:
        check(one[1], one[2])


async def describe_topic(command):
    (topic,) = await admin.describe_topics([command["topic"]])
    check(topic["error_code"], command["topic"])
    return {"partitions": len(topic["partitions"])}


async def list_topics(_):
    return {"topics": sorted(await admin.list_topics())}


async def describe_configs(command):
    (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, command["topic"])])
    (resource,) = response.to_object()["resources"]
    check(resource["error_code"], resource["error_message"])
    return {"configs": {one["config_names"]: one["config_value"] for one in resource["config_entries"]}}


async def alter_configs(command):
    resource = ConfigResource(ConfigResourceType.TOPIC, command["topic"], configs=command["configs"])
    (response,) = await admin.alter_configs([resource])
    for one in response.resources:
        check(one[0], one[1])


async def add_partitions(command):
    await admin.create_partitions({command["topic"]: NewPartitions(command["partitions"])})


def positions(command):
    return {TopicPartition(command["topic"], partition): offset for partition, offset in ints(command["offsets"]).items()}


async def delete_records(command):
    await admin.delete_records({place: RecordsToDelete(offset) for place, offset in positions(command).items()})


async def delete_topic(command):
    deleted = await admin.delete_topics([command["topic"]])
    for one in deleted.topic_error_codes:
        check(one[1], one[0])


async def list_groups(_):
    return {"groups": [group[0] for group in await admin.list_consumer_groups()]}


async def describe_group(command):
    (response,) = await admin.describe_consumer_groups([command["group"]])
    (group,) = response.to_object()["groups"]
    check(group["error_code"], command["group"])
    told = []
    for one in group["members"]:
        assignment = one["member_assignment"]
        partitions = {}
        if assignment:
            for topic, numbers in ConsumerProtocolMemberAssignment.decode(assignment).assignment:
                partitions[topic] = sorted(numbers)
        told.append({"clientId": one["client_id"], "partitions": partitions})
    return {"state": group["state"], "members": told}


async def group_offsets(command):
    fetched = await admin.list_consumer_group_offsets(command["group"])
    return {"offsets": {place.partition: one.offset for place, one in fetched.items() if place.topic == command["topic"]}}


async def set_group_offsets(command):
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, group_id=command["group"], enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(list(positions(command)))
        await consumer.commit(positions(command))
    finally:
        await consumer.stop()


async def describe_cluster(_):
    return {"brokers": [f"{one['host']}:{one['port']}" for one in (await admin.describe_cluster())["brokers"]]}


def code_of(error):
    code = getattr(error, "errno", None)
    return code if isinstance(code, int) and code >= 0 else None


async def main():
    global admin
    admin = AIOKafkaAdminClient(bootstrap_servers=broker, client_id="witness-aiokafka")
    await admin.start()
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
        "describeCluster": describe_cluster,
    }
    await serve("aiokafka", aiokafka.__version__, verbs, code_of)
    await admin.close()


asyncio.run(main())
