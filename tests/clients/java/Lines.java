import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;

/** The line protocol of ../python/driver_loop.py: a command a line on standard input, an answer a line on standard output. */
final class Lines {
    interface Commands {
        String run(String[] words) throws Exception;
    }

    static void serve(Commands commands) throws Exception {
        PrintStream out = System.out;
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null; ) {
            String said;
            try {
                said = "ok " + commands.run(line.trim().split(" +"));
            } catch (Throwable e) {
                e.printStackTrace();
                said = "fail " + e.toString().replace('\n', ' ');
            }
            out.println(said.trim());
        }
        System.exit(0);
    }

    private Lines() {}
}
