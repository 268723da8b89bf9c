import java.time.Duration;
import java.util.*;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;

/**
 * Kafka Streams' word count, at least once, with RocksDB; and what fills its input and reads its output.
 *
 * <pre>
 *   version
 *   write TOPIC FIRST COUNT            lines of words to the input, each a function of its number
 *   start APPLICATION INPUT OUTPUT DIRECTORY   ok when it runs, its state restored
 *   lag APPLICATION                    ok with how many records its group has not committed, of the input and of what it repartitions
 *   counts OUTPUT                      ok with the last count of each word, sorted: w0:12,w1:7
 *   stop
 * </pre>
 */
final class WordCount {
    private static final String BOOTSTRAP = System.getenv("MILLRACE_BOOTSTRAP");
    private static final Duration WAIT = Duration.ofSeconds(40);
    private KafkaStreams streams;

    /** Words of different frequencies, so that no two counts are equal by chance. */
    private static String line(long i) {
        return "w" + i % 3 + " w" + i % 7 + " x" + i % 11 + " all";
    }

    private static String version() throws Exception {
        try (var in = KafkaStreams.class.getResourceAsStream("/kafka/kafka-streams-version.properties")) {
            Properties found = new Properties();
            found.load(in);
            return found.getProperty("version");
        }
    }

    private static void write(String topic, long first, long count) {
        Map<String, Object> settings = Map.of("bootstrap.servers", BOOTSTRAP, "acks", "all");
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (long i = first; i < first + count; i++) producer.send(new ProducerRecord<>(topic, "" + i, line(i)));
        }
    }

    private void start(String application, String input, String output, String directory) throws Exception {
        Properties settings = new Properties();
        settings.putAll(Map.of(
            "application.id", application, "bootstrap.servers", BOOTSTRAP, "state.dir", directory, "processing.guarantee", "at_least_once",
            "replication.factor", 1, "commit.interval.ms", 200, "num.stream.threads", 2, "repartition.purge.interval.ms", 500,
            "consumer.auto.offset.reset", "earliest", "consumer.session.timeout.ms", 6000));
        settings.put("consumer.heartbeat.interval.ms", 300);
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(input, Consumed.with(Serdes.String(), Serdes.String()))
            .flatMapValues(text -> List.of(text.split(" ")))
            .groupBy((key, word) -> word, Grouped.with(Serdes.String(), Serdes.String()))
            .count(Materialized.as("counts"))
            .toStream()
            .to(output, Produced.with(Serdes.String(), Serdes.Long()));
        streams = new KafkaStreams(builder.build(), settings);
        streams.start();
        long end = System.nanoTime() + WAIT.toNanos();
        while (streams.state() != KafkaStreams.State.RUNNING) {
            Records.require(System.nanoTime() < end, "the application is " + streams.state());
            Thread.sleep(20);
        }
    }

    private void stop() {
        KafkaStreams ending = streams;
        streams = null;
        Records.require(ending.close(WAIT), "the application did not close");
    }

    private static String lag(String application) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", BOOTSTRAP))) {
            var done = admin.listConsumerGroupOffsets(application).partitionsToOffsetAndMetadata().get(WAIT.toSeconds(), TimeUnit.SECONDS);
            var latest = done.keySet().stream().collect(Collectors.toMap(tp -> tp, tp -> OffsetSpec.latest()));
            var ends = admin.listOffsets(latest).all().get(WAIT.toSeconds(), TimeUnit.SECONDS);
            return "" + ends.entrySet().stream().mapToLong(end -> end.getValue().offset() - done.get(end.getKey()).offset()).sum();
        }
    }

    private static String counts(String output) {
        Map<String, Object> settings = Map.of("bootstrap.servers", BOOTSTRAP, "enable.auto.commit", false);
        Map<String, Long> last = new TreeMap<>();
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new LongDeserializer())) {
            List<TopicPartition> all = consumer.partitionsFor(output).stream().map(p -> new TopicPartition(output, p.partition())).toList();
            consumer.assign(all);
            consumer.seekToBeginning(all);
            Map<TopicPartition, Long> ends = consumer.endOffsets(all);
            while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                for (ConsumerRecord<String, Long> r : consumer.poll(Duration.ofMillis(200))) last.put(r.key(), r.value());
            }
        }
        return last.entrySet().stream().map(e -> e.getKey() + ":" + e.getValue()).collect(Collectors.joining(","));
    }

    public static void main(String[] args) throws Exception {
        WordCount app = new WordCount();
        Lines.serve(words -> {
            switch (words[0]) {
                case "version" -> { return version(); }
                case "write" -> write(words[1], Long.parseLong(words[2]), Long.parseLong(words[3]));
                case "start" -> app.start(words[1], words[2], words[3], words[4]);
                case "lag" -> { return lag(words[1]); }
                case "counts" -> { return counts(words[1]); }
                case "stop" -> app.stop();
                default -> throw new IllegalArgumentException(words[0]);
            }
            return "";
        });
    }
}
