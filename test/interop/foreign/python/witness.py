"""What the two Python clients have in common as witnesses: a command per line of standard input, in JSON, is carried out with the
client, and answered with a line. What the commands are is told in ../witness.ts."""

import asyncio
import base64
import json
import sys
import threading


def bytes_of(text):
    return None if text is None else base64.b64decode(text)


def text_of(data):
    return None if data is None else base64.b64encode(data).decode()


def ints(table):
    """JSON has only text for keys."""
    return {int(partition): offset for partition, offset in (table or {}).items()}


async def serve(name, version, verbs, code_of):
    """Until standard input ends. A verb is a coroutine function."""
    verbs["hello"] = hello(name, version, verbs)

    async def carry_out(command):
        answer = {"id": command["id"]}
        try:
            answer["ok"] = await verbs[command["do"]](command) or {}
        except Exception as error:  # told to the test, which knows what to expect
            answer["error"] = f"{type(error).__name__}: {error}"
            code = code_of(error)
            if code is not None:
                answer["code"] = code
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

    loop = asyncio.get_running_loop()
    tasks = set()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        task = asyncio.create_task(carry_out(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


def hello(name, version, verbs):
    async def answer(_):
        return {"client": name, "version": version, "verbs": sorted(verbs)}

    return answer


class Member:
    """What a member of a group owns and has taken, told and forgotten when it is polled."""

    def __init__(self):
        self._lock = threading.Lock()
        self._owned = set()
        self._taken = []
        self._errors = []

    def own(self, partitions):
        with self._lock:
            self._owned |= {(one.topic, one.partition) for one in partitions}

    def disown(self, partitions):
        with self._lock:
            self._owned -= {(one.topic, one.partition) for one in partitions}

    def take(self, topic, partition, offset, value):
        with self._lock:
            self._taken.append({"topic": topic, "partition": partition, "offset": offset, "value": text_of(value)})

    def fail(self, error):
        with self._lock:
            if len(self._errors) < 100:
                self._errors.append(f"{type(error).__name__}: {error}")

    def poll(self):
        with self._lock:
            owned = {}
            for topic, partition in sorted(self._owned):
                owned.setdefault(topic, []).append(partition)
            told = {"owned": owned, "taken": self._taken, "errors": self._errors}
            self._taken, self._errors = [], []
            return told


class Progress:
    """How far a reader has come in each partition."""

    def __init__(self, command):
        self._until = ints(command["until"])
        self._next = ints(command["from"])
        self.records = []

    def add(self, partition, offset, timestamp, key, value, headers):
        if offset >= self._until[partition]:
            return
        self._next[partition] = offset + 1
        self.records.append(
            {
                "partition": partition,
                "offset": offset,
                "timestamp": timestamp,
                "key": text_of(key),
                "value": text_of(value),
                "headers": [{"key": name, "value": text_of(data)} for name, data in headers or []],
            }
        )

    def is_done(self):
        return all(self._next[partition] >= until for partition, until in self._until.items())

    def answer(self):
        if not self.is_done():
            raise TimeoutError(f"read {len(self.records)} records and came to {self._next} of {self._until}")
        return {"records": self.records}
