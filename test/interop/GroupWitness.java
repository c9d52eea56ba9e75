// Kafka's own encoding of what consumers tell each other, and its own assignors. One line each:
//   subscription version topics userData owned generation rack     → hex
//   assignment version partitions userData                          → hex
//   userdata assignor generation partitions                         → hex
//   assign assignor topics member member …                          → member=partitions …, ended by " kept=N" of what members had
// topics: t,u · partitions: t:0.1;u:2 · topics of assign: t:4;u:3 · member: id/instance/topics/owned/generation · "-" is none.
import java.io.*;
import java.nio.ByteBuffer;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.*;
import org.apache.kafka.clients.consumer.internals.*;
import org.apache.kafka.common.*;

public class GroupWitness {
  public static void main(String[] args) throws Exception {
    var in = new BufferedReader(new InputStreamReader(System.in));
    var out = new PrintStream(new BufferedOutputStream(System.out, 1 << 16), false);
    for (String line; (line = in.readLine()) != null; ) {
      try {
        out.println(answer(line.split(" ", -1)));
      } catch (RuntimeException e) {
        out.println("refused: " + e);
      }
    }
    out.flush();
  }

  static String answer(String[] words) {
    switch (words[0]) {
      case "subscription":
        var subscription = new Subscription(names(words[2]), bytes(words[3]), partitions(words[4]), Integer.parseInt(words[5]), Optional.ofNullable(text(words[6])));
        return hex(ConsumerProtocol.serializeSubscription(subscription, Short.parseShort(words[1])));
      case "assignment":
        return hex(ConsumerProtocol.serializeAssignment(new Assignment(partitions(words[2]), bytes(words[3])), Short.parseShort(words[1])));
      case "userdata":
        AbstractPartitionAssignor one = assignor(words[1]);
        one.onAssignment(new Assignment(partitions(words[3])), new ConsumerGroupMetadata("g", Integer.parseInt(words[2]), "m", Optional.empty()));
        return hex(one.subscriptionUserData(Set.of()));
      default:
        return assign(words);
    }
  }

  static String assign(String[] words) {
    Map<String, List<PartitionInfo>> topics = new HashMap<>();
    for (String row : words[2].split(";")) {
      String[] parts = row.split(":");
      List<PartitionInfo> infos = new ArrayList<>();
      for (int i = 0; i < Integer.parseInt(parts[1]); i++) infos.add(new PartitionInfo(parts[0], i, null, new Node[0], new Node[0]));
      topics.put(parts[0], infos);
    }
    Map<String, Subscription> members = new HashMap<>();
    for (int i = 3; i < words.length; i++) {
      String[] parts = words[i].split("/", -1);
      int generation = Integer.parseInt(parts[4]);
      List<TopicPartition> owned = partitions(parts[3]);
      ByteBuffer userData = null;
      if (words[1].equals("sticky") && generation >= 0) {
        AbstractPartitionAssignor one = assignor("sticky");
        one.onAssignment(new Assignment(owned), new ConsumerGroupMetadata("g", generation, parts[0], Optional.empty()));
        userData = one.subscriptionUserData(Set.of());
      }
      var subscription = new Subscription(names(parts[2]), userData, owned, generation, Optional.empty());
      subscription.setGroupInstanceId(Optional.ofNullable(text(parts[1])));
      members.put(parts[0], subscription);
    }
    Map<String, List<TopicPartition>> assigned = assignor(words[1]).assignPartitions(topics, members);
    int kept = 0;
    StringJoiner rows = new StringJoiner(" ");
    for (String member : new TreeSet<>(assigned.keySet())) {
      for (TopicPartition one : assigned.get(member)) if (members.get(member).ownedPartitions().contains(one)) kept++;
      TreeMap<String, TreeSet<Integer>> byTopic = new TreeMap<>();
      for (TopicPartition one : assigned.get(member)) byTopic.computeIfAbsent(one.topic(), topic -> new TreeSet<>()).add(one.partition());
      StringJoiner row = new StringJoiner(";");
      byTopic.forEach((topic, numbers) -> row.add(topic + ":" + String.join(".", numbers.stream().map(String::valueOf).toList())));
      rows.add(member + "=" + row);
    }
    return rows + " kept=" + kept;
  }

  static AbstractPartitionAssignor assignor(String name) {
    return switch (name) {
      case "range" -> new RangeAssignor();
      case "roundrobin" -> new RoundRobinAssignor();
      case "sticky" -> new StickyAssignor();
      default -> new CooperativeStickyAssignor();
    };
  }

  static String text(String word) {
    return word.equals("-") ? null : word;
  }

  static List<String> names(String word) {
    return word.equals("-") ? List.of() : List.of(word.split(","));
  }

  static ByteBuffer bytes(String word) {
    return word.equals("-") ? null : ByteBuffer.wrap(HexFormat.of().parseHex(word));
  }

  static List<TopicPartition> partitions(String word) {
    List<TopicPartition> all = new ArrayList<>();
    if (word.equals("-")) return all;
    for (String row : word.split(";")) {
      String[] parts = row.split(":");
      for (String number : parts[1].split("\\.")) all.add(new TopicPartition(parts[0], Integer.parseInt(number)));
    }
    return all;
  }

  static String hex(ByteBuffer bytes) {
    if (bytes == null) return "-";
    byte[] copy = new byte[bytes.remaining()];
    bytes.duplicate().get(copy);
    return HexFormat.of().formatHex(copy);
  }
}
