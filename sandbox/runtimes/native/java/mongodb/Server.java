package sandbox.mongodb;

import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import java.io.Reader;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import org.h2.mvstore.MVStore;

/**
 * mongo-java-server on one file: {@code Server <properties>} with {@code port}, {@code file}, {@code sync},
 * {@code user}, {@code password}, {@code implementation} (what {@code buildInfo} says it is). Ends with code 1 when it cannot start.
 */
public final class Server {
    /** The first wire version that today's drivers talk to; mongo-java-server itself says 8. */
    private static final int WIRE_VERSION = 9;

    private Server() {}

    public static void main(String[] args) {
        try {
            start(args[0]);
        } catch (Throwable problem) {
            problem.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    private static void start(String file) throws Exception {
        Properties settings = new Properties();
        try (Reader reader = Files.newBufferedReader(Path.of(file), StandardCharsets.UTF_8)) {
            settings.load(reader);
        }
        boolean sync = Boolean.parseBoolean(settings.getProperty("sync"));
        MVStore store = new MVStore.Builder()
                .fileName(settings.getProperty("file"))
                .autoCommitDisabled()
                .open();
        if (!sync) {
            // Space of old versions is kept for a while against a crash of the machine; without syncs that is no use.
            store.setRetentionTime(0);
        }
        Users users = new Users(store, settings.getProperty("user"), settings.getProperty("password"));
        Backend backend = new Backend(store, sync, users, settings.getProperty("implementation"));
        backend.version(new MongoVersion() {
            @Override
            public List<Integer> getVersionArray() {
                return List.of(5, 0, 0);
            }

            @Override
            public int getWireVersion() {
                return WIRE_VERSION;
            }
        });
        MongoServer server = new MongoServer(backend);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            server.shutdownNow();
            store.close(200);
        }));
        int threads = Integer.parseInt(settings.getProperty("threads", "4"));
        server.bind(new InetSocketAddress("127.0.0.1", Integer.parseInt(settings.getProperty("port"))), 1, threads);
        System.out.println("mongo-java-server answers on 127.0.0.1:" + settings.getProperty("port"));
    }
}
