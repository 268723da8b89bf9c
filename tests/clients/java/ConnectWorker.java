import java.util.Map;
import java.util.Properties;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import org.apache.kafka.common.utils.AppInfoParser;
import org.apache.kafka.connect.cli.ConnectDistributed;
import org.apache.kafka.connect.runtime.Connect;

/**
 * One worker of Kafka Connect in distributed mode: the commands `version`, `start PROPERTIES`, which answers with the address of
 * its REST interface, and `stop`.
 */
final class ConnectWorker {
    private static Connect<?> worker;

    private static String start(String path) throws Exception {
        Properties read = new Properties();
        read.load(new StringReader(Files.readString(Path.of(path))));
        Map<String, String> settings = read.stringPropertyNames().stream().collect(Collectors.toMap(name -> name, read::getProperty));
        worker = new ConnectDistributed().startConnect(settings);
        return worker.rest().serverUrl().toString();
    }

    private static void stop() {
        Connect<?> ending = worker;
        worker = null;
        ending.stop();
        ending.awaitStop();
    }

    public static void main(String[] args) throws Exception {
        Lines.serve(words -> {
            switch (words[0]) {
                case "version" -> { return AppInfoParser.getVersion(); }
                case "start" -> { return start(words[1]); }
                case "stop" -> stop();
                default -> throw new IllegalArgumentException(words[0]);
            }
            return "";
        });
    }
}
