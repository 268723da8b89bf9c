import java.time.Duration;
import java.util.*;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** One member of a consumer group: the commands join, poll, commit and leave of ../python/driver_loop.py. */
final class Member implements ConsumerRebalanceListener {
    private static final Map<String, Class<?>> ASSIGNORS = Map.of(
        "range", RangeAssignor.class, "roundrobin", RoundRobinAssignor.class, "sticky", StickyAssignor.class,
        "cooperative-sticky", CooperativeStickyAssignor.class);

    private final KafkaConsumer<byte[], byte[]> consumer;
    private final int partitions;
    private final boolean full;
    private int rebalances;
    private final List<long[]> runs = new ArrayList<>(); // partition, first offset, offset after the last

    /** words: GROUP TOPIC PARTITIONS FLAVOR ASSIGNOR INSTANCE SESSION_MS, from index 1 on. */
    Member(String bootstrap, String[] words) {
        Map<String, Object> settings = new HashMap<>(Map.of(
            "bootstrap.servers", bootstrap, "group.id", words[1], "auto.offset.reset", "earliest", "enable.auto.commit", false,
            "fetch.max.wait.ms", 100, "session.timeout.ms", Integer.parseInt(words[7]), "heartbeat.interval.ms", 300,
            "reconnect.backoff.max.ms", 200));
        if (words[5].startsWith("consumer")) {
            settings.put("group.protocol", "consumer"); // the broker sets its times (KIP-848)
            if (words[5].startsWith("consumer-")) settings.put("group.remote.assignor", words[5].substring("consumer-".length()));
            settings.remove("session.timeout.ms");
            settings.remove("heartbeat.interval.ms");
        } else if (!words[5].equals("-")) settings.put("partition.assignment.strategy", List.of(ASSIGNORS.get(words[5])));
        if (!words[6].equals("-")) settings.put("group.instance.id", words[6]);
        partitions = Integer.parseInt(words[3]);
        full = words[4].equals("full");
        consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        consumer.subscribe(List.of(words[2]), this);
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
        rebalances++;
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
        if (!revoked.isEmpty()) consumer.commitSync();
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> lost) {}

    String poll(long ms) {
        long end = System.nanoTime() + ms * 1_000_000;
        for (long left; (left = end - System.nanoTime()) > 0; ) {
            for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofNanos(left))) {
                Records.check(full, partitions, r);
                long[] open = runs.stream().filter(run -> run[0] == r.partition() && run[2] == r.offset()).findFirst().orElse(null);
                if (open == null) runs.add(open = new long[] {r.partition(), r.offset(), r.offset()});
                open[2]++;
            }
        }
        String owned = consumer.assignment().stream().map(tp -> "" + tp.partition()).sorted().collect(Collectors.joining(","));
        String read = runs.stream().map(run -> run[0] + ":" + run[1] + "-" + run[2]).collect(Collectors.joining(","));
        runs.clear();
        return rebalances + " " + (owned.isEmpty() ? "-" : owned) + " " + (read.isEmpty() ? "-" : read);
    }

    void commit() {
        consumer.commitSync();
    }

    void leave() {
        consumer.commitSync();
        consumer.close();
    }
}
