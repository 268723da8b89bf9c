import java.time.Duration;
import java.util.*;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.AppInfoParser;

/**
 * Drives Apache Kafka's own client; the commands are those of ../python/driver_loop.py, and one more:
 * `tool INPUT OUTPUT CLASS ARGS...`, which runs a Kafka tool here (Tools.java) and answers `ok STATUS`.
 */
public final class Driver {
    private static final String BOOTSTRAP = System.getenv("MILLRACE_BOOTSTRAP");
    private static final Duration WAIT = Duration.ofSeconds(30);

    private final Admin admin = Admin.create(Map.of("bootstrap.servers", BOOTSTRAP));
    private Member member;
    private String topic;
    private int partitions;
    private long count;
    private boolean full;

    private static <T> T got(Future<T> future) throws Exception {
        return future.get(WAIT.toSeconds(), TimeUnit.SECONDS);
    }

    private void create() throws Exception {
        NewTopic wanted = new NewTopic(topic, partitions, (short) 1).configs(Map.of("retention.ms", "-1"));
        got(admin.createTopics(List.of(wanted)).all());
    }

    private void describe() throws Exception {
        TopicDescription found = got(admin.describeTopics(List.of(topic)).allTopicNames()).get(topic);
        Records.require(found.partitions().size() == partitions, found.toString());
        for (int p = 0; p < partitions; p++) {
            var part = found.partitions().get(p);
            boolean alone = part.isr().equals(List.of(part.leader())) && part.replicas().equals(part.isr());
            Records.require(part.partition() == p && alone, part.toString());
        }
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        Config config = got(admin.describeConfigs(List.of(resource)).all()).get(resource);
        Records.require(config.get("retention.ms").value().equals("-1"), config.get("retention.ms").toString());
        Records.require(config.get("cleanup.policy").value().equals("delete"), config.get("cleanup.policy").toString());
    }

    private void produce(String codec, boolean idempotent) throws Exception {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", BOOTSTRAP, "compression.type", codec, "enable.idempotence", idempotent, "acks", "all", "linger.ms", 5,
            "max.in.flight.requests.per.connection", idempotent ? 5 : 1);
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (long i = 0; i < count; i++) {
                sent.add(producer.send(new ProducerRecord<>(
                    topic, (int) (i % partitions), Records.timeMs(i), Records.key(full, i), Records.value(full, i), Records.headers(full, i))));
            }
        }
        for (int i = 0; i < count; i++) {
            RecordMetadata acked = got(sent.get(i));
            Records.require(acked.offset() == i / partitions, "record " + i + " acknowledged at " + acked);
        }
    }

    private KafkaConsumer<byte[], byte[]> consumer() {
        Map<String, Object> settings =
            Map.of("bootstrap.servers", BOOTSTRAP, "auto.offset.reset", "none", "enable.auto.commit", false, "fetch.max.wait.ms", 100);
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private void read() {
        List<TopicPartition> all = IntStream.range(0, partitions).mapToObj(p -> new TopicPartition(topic, p)).collect(Collectors.toList());
        long[] next = new long[partitions];
        long left = count;
        try (var consumer = consumer()) {
            consumer.assign(all);
            all.forEach(tp -> consumer.seek(tp, 0));
            while (left > 0) {
                ConsumerRecords<byte[], byte[]> came = consumer.poll(WAIT);
                Records.require(!came.isEmpty(), left + " records of " + topic + " did not come");
                for (ConsumerRecord<byte[], byte[]> r : came) {
                    Records.require(r.offset() == next[r.partition()]++, "out of order: " + r.partition() + "@" + r.offset());
                    Records.check(full, partitions, r);
                    left--;
                }
            }
        }
    }

    private void firstAt(KafkaConsumer<byte[], byte[]> consumer, TopicPartition tp, long offset) {
        consumer.seek(tp, offset);
        ConsumerRecords<byte[], byte[]> came = consumer.poll(WAIT);
        Records.require(!came.isEmpty(), "nothing came from " + tp + "@" + offset);
        ConsumerRecord<byte[], byte[]> r = came.iterator().next();
        Records.require(r.partition() == tp.partition() && r.offset() == offset, "asked " + tp + "@" + offset + ", got " + r.offset());
        Records.check(full, partitions, r);
    }

    private void seekOffset() {
        try (var consumer = consumer()) {
            for (int p = 0; p < partitions; p++) {
                TopicPartition tp = new TopicPartition(topic, p);
                consumer.assign(List.of(tp));
                long begin = consumer.beginningOffsets(List.of(tp)).get(tp), end = consumer.endOffsets(List.of(tp)).get(tp);
                Records.require(begin == 0 && end == Records.countIn(p, partitions, count), tp + " spans " + begin + ".." + end);
                for (long offset : Records.offsetProbes(p, partitions, count)) firstAt(consumer, tp, offset);
            }
        }
    }

    private void seekTime() throws Exception {
        try (var consumer = consumer()) {
            for (int p = 0; p < partitions; p++) {
                TopicPartition tp = new TopicPartition(topic, p);
                consumer.assign(List.of(tp));
                for (long[] probe : Records.timeProbes(p, partitions, count)) {
                    OffsetAndTimestamp at = consumer.offsetsForTimes(Map.of(tp, probe[0])).get(tp);
                    long offset = at == null ? -1 : at.offset();
                    Records.require(offset == probe[1], tp + " at " + probe[0] + ": " + at + ", expected offset " + probe[1]);
                    if (at == null) continue;
                    Records.require(at.timestamp() == Records.timeMs(offset * partitions + p), tp + ": listed timestamp " + at);
                    firstAt(consumer, tp, offset);
                }
                var latest = got(admin.listOffsets(Map.of(tp, OffsetSpec.maxTimestamp())).all()).get(tp);
                long last = Records.countIn(p, partitions, count) - 1;
                Records.require(latest.offset() == last, tp + ": max timestamp at " + latest.offset() + ", expected " + last);
            }
        }
    }

    private void delete() throws Exception {
        got(admin.deleteTopics(List.of(topic)).all());
        for (int tries = 0; got(admin.listTopics().names()).contains(topic); tries++) {
            Records.require(tries < 300, topic + " is still listed");
            Thread.sleep(100);
        }
    }

    private String committed(String group) throws Exception {
        var rows = got(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata());
        return IntStream.range(0, partitions).mapToObj(p -> rows.get(new TopicPartition(topic, p)))
            .map(row -> row == null ? "-1" : "" + row.offset()).collect(Collectors.joining(","));
    }

    private void reset(String group, long stampMs) throws Exception {
        var all = IntStream.range(0, partitions).mapToObj(p -> new TopicPartition(topic, p)).toList();
        var found = got(admin.listOffsets(all.stream().collect(Collectors.toMap(tp -> tp, tp -> OffsetSpec.forTimestamp(stampMs)))).all());
        var wanted = all.stream().collect(Collectors.toMap(tp -> tp, tp -> new OffsetAndMetadata(found.get(tp).offset())));
        got(admin.alterConsumerGroupOffsets(group, wanted).all());
    }

    private String runMember(String[] words) throws Exception {
        switch (words[0]) {
            case "join" -> member = new Member(BOOTSTRAP, words);
            case "poll" -> { return member.poll(Long.parseLong(words[1])); }
            case "commit" -> member.commit();
            case "leave" -> {
                Member leaving = member;
                member = null;
                leaving.leave();
            }
            case "committed", "reset" -> {
                topic = words[2];
                partitions = Integer.parseInt(words[3]);
                if (words[0].equals("committed")) return committed(words[1]);
                reset(words[1], Long.parseLong(words[4]));
            }
            default -> throw new IllegalArgumentException(words[0]);
        }
        return "";
    }

    private String run(String[] words) throws Exception {
        if (words[0].equals("version")) return AppInfoParser.getVersion();
        if (words[0].equals("tool")) return "" + Tools.run(words[1], words[2], words[3], Arrays.copyOfRange(words, 4, words.length));
        if (Set.of("join", "poll", "commit", "leave", "committed", "reset").contains(words[0])) return runMember(words);
        topic = words[1];
        partitions = words.length > 2 ? Integer.parseInt(words[2]) : 0;
        count = words.length > 3 ? Long.parseLong(words[3]) : 0;
        full = words.length > 4 && words[4].equals("full");
        switch (words[0]) {
            case "create" -> create();
            case "describe" -> describe();
            case "produce" -> produce(words[5], words[6].equals("1"));
            case "read" -> read();
            case "seek_offset" -> seekOffset();
            case "seek_time" -> seekTime();
            case "delete" -> delete();
            default -> throw new IllegalArgumentException(words[0]);
        }
        return "";
    }

    public static void main(String[] args) throws Exception {
        Lines.serve(new Driver()::run);
    }
}
