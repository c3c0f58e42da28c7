package sandbox.gremlin;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

import org.apache.tinkerpop.gremlin.server.GremlinServer;
import org.apache.tinkerpop.gremlin.server.Settings;

/**
 * Gremlin Server whose graphs are kept in files: {@code Server <settings.yaml>}.
 *
 * Unlike the stock server it ends with an error when it cannot start (a port that is taken leaves that one
 * hanging), saves what changed a moment after it did, and stops without waiting for idle network threads.
 */
public final class Server {
    private static final long LOOK_EVERY_MILLIS = 50;
    /** How long running requests may go on when the server is told to stop. */
    private static final long DRAIN_MILLIS = 3000;

    private Server() {
    }

    public static void main(final String[] args) {
        try {
            final Settings settings = Settings.read(args[0]);
            final ExecutorService pool = pool(settings);
            final GremlinServer server = new GremlinServer(settings, pool);
            server.start().join();
            System.out.println("Gremlin Server answers on " + settings.host + ":" + settings.port);
            final Graphs graphs = Graphs.current();
            Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(graphs, pool), "save"));
            long next = System.nanoTime();
            while (true) {
                Thread.sleep(LOOK_EVERY_MILLIS);
                Memory.look();
                if (System.nanoTime() - next >= 0) {
                    next = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(graphs.saveChanged());
                }
            }
        } catch (final Throwable problem) {
            problem.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    /** The threads that evaluate requests; each holds a lock while it does, so that no save sees half a request. */
    private static ExecutorService pool(final Settings settings) {
        return new ThreadPoolExecutor(settings.gremlinPool, settings.gremlinPool, 0, TimeUnit.SECONDS,
                new ArrayBlockingQueue<>(settings.maxWorkQueueSize)) {
            @Override
            protected void beforeExecute(final Thread thread, final Runnable task) {
                Graphs.REQUEST.lock();
            }

            @Override
            protected void afterExecute(final Runnable task, final Throwable problem) {
                Memory.ends();
                Graphs.REQUEST.unlock();
            }
        };
    }

    private static void stop(final Graphs graphs, final ExecutorService pool) {
        if (!graphs.saveAtExit(DRAIN_MILLIS)) {
            // Traversals look whether they are interrupted.
            pool.shutdownNow();
            if (!graphs.saveAtExit(DRAIN_MILLIS)) {
                System.err.println("A request still runs: what changed since the last save is lost.");
            }
        }
        // The server's own hook would wait for two seconds of silence on the network.
        Runtime.getRuntime().halt(0);
    }
}
