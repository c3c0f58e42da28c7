package sandbox.gremlin;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicLong;

import org.apache.commons.configuration2.BaseConfiguration;
import org.apache.tinkerpop.gremlin.process.traversal.dsl.graph.GraphTraversalSource;
import org.apache.tinkerpop.gremlin.tinkergraph.structure.AbstractTinkerGraph;
import org.apache.tinkerpop.gremlin.tinkergraph.structure.TinkerGraph;

/** A graph in memory and its file, which is only ever replaced as a whole. */
final class StoredGraph {
    static final String SUFFIX = ".graph";

    final TinkerGraph graph;
    private final Path file;
    private final boolean durable;
    /** Whether it is a test's, and never saved. */
    private final boolean passing;
    private volatile boolean changed;
    volatile long lastWanted = System.nanoTime();
    /** How many requests have asked for it. */
    final AtomicLong requests = new AtomicLong();

    StoredGraph(final Path file, final boolean durable) throws IOException {
        this.file = file;
        this.durable = durable;
        passing = file.getFileName().toString().startsWith(Graphs.TESTS);
        final boolean attempt = file.getFileName().toString().startsWith(Graphs.ATTEMPTS);
        final Class<? extends Ids> ids = attempt ? AttemptIds.class : Ids.class;
        final BaseConfiguration settings = new BaseConfiguration();
        for (final String key : new String[] {AbstractTinkerGraph.GREMLIN_TINKERGRAPH_VERTEX_ID_MANAGER,
                AbstractTinkerGraph.GREMLIN_TINKERGRAPH_EDGE_ID_MANAGER,
                AbstractTinkerGraph.GREMLIN_TINKERGRAPH_VERTEX_PROPERTY_ID_MANAGER}) {
            settings.setProperty(key, ids.getName());
        }
        graph = TinkerGraph.open(settings);
        if (Files.exists(file)) {
            try {
                GraphFile.read(Files.readAllBytes(file), graph);
            } catch (final IOException | RuntimeException problem) {
                throw new IOException(file + " cannot be read", problem);
            }
        }
    }

    GraphTraversalSource source() {
        return graph.traversal().withStrategies(new Watch(this::mark));
    }

    GraphTraversalSource readOnlySource() {
        return graph.traversal().withStrategies(new Watch(null));
    }

    void mark() {
        changed = !passing;
    }

    boolean changed() {
        return changed;
    }

    boolean empty() {
        return graph.getVerticesCount() == 0;
    }

    /** What the file should hold. No request may run meanwhile. */
    byte[] snapshot() throws IOException {
        changed = false;
        return empty() ? new byte[0] : GraphFile.write(graph);
    }

    /** Make it hold something else altogether. No request may run meanwhile. */
    void replace(final byte[] content) throws IOException {
        graph.clear();
        mark();
        if (content.length > 0) {
            GraphFile.read(content, graph);
        }
    }

    /** The same, from a file that was read. */
    void replace(final GraphFile content) {
        graph.clear();
        mark();
        content.into(graph);
    }

    void write(final byte[] content) throws IOException {
        if (content.length == 0) {
            Files.deleteIfExists(file);
        } else {
            write(file, content, durable);
        }
    }

    /** Write a file so that it is there whole or as it was. */
    static void write(final Path file, final byte[] content, final boolean durable) throws IOException {
        final Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.write(fresh, content);
        if (durable) {
            try (FileChannel channel = FileChannel.open(fresh, StandardOpenOption.WRITE)) {
                channel.force(true);
            }
        }
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
}
