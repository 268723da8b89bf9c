import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.common.utils.Exit;

/** Runs the main of an Apache Kafka tool inside this JVM, because a JVM per tool costs a second each. */
final class Tools {
    @SuppressWarnings("serial")
    private static final class Exited extends Error {
        final int status;

        Exited(int status) {
            super("exit " + status);
            this.status = status;
        }
    }

    /** The tool's output, both streams, goes to a file; the answer is its exit status. `-` for no input. */
    static int run(String input, String output, String mainClass, String... args) throws Exception {
        InputStream oldIn = System.in;
        PrintStream oldOut = System.out;
        PrintStream oldErr = System.err;
        // Some tools catch what exit() throws here and exit again, so the first status is the one that a process would have had.
        AtomicReference<Exited> first = new AtomicReference<>();
        Exit.Procedure exit = (status, message) -> {
            first.compareAndSet(null, new Exited(status));
            if (message != null) System.err.println(message);
            throw first.get();
        };
        Exit.setExitProcedure(exit);
        Exit.setHaltProcedure(exit);
        try (PrintStream to = new PrintStream(output)) {
            System.setIn(new ByteArrayInputStream(input.equals("-") ? new byte[0] : Files.readAllBytes(Path.of(input))));
            System.setOut(to);
            System.setErr(to);
            // Scala's tools print through Console, which keeps the stream that System.out was when it was loaded.
            int status = scala.Console.withOut(to, () -> call(mainClass, args));
            return first.get() == null ? status : first.get().status;
        } finally {
            System.setIn(oldIn);
            System.setOut(oldOut);
            System.setErr(oldErr);
            Exit.resetExitProcedure();
            Exit.resetHaltProcedure();
        }
    }

    private static int call(String mainClass, String[] args) {
        try {
            Class.forName(mainClass).getMethod("main", String[].class).invoke(null, (Object) args);
            return 0;
        } catch (java.lang.reflect.InvocationTargetException e) {
            if (!(e.getCause() instanceof Exited)) e.getCause().printStackTrace();
            return 1;
        } catch (ReflectiveOperationException e) {
            e.printStackTrace();
            return 1;
        }
    }

    private Tools() {}
}
