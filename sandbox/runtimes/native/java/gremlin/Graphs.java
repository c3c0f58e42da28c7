package sandbox.gremlin;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;
import java.util.regex.Pattern;

import javax.script.Bindings;
import javax.script.SimpleBindings;

import org.apache.tinkerpop.gremlin.process.traversal.TraversalSource;
import org.apache.tinkerpop.gremlin.server.GraphManager;
import org.apache.tinkerpop.gremlin.server.Settings;
import org.apache.tinkerpop.gremlin.structure.Graph;
import org.apache.tinkerpop.gremlin.structure.T;
import org.apache.tinkerpop.gremlin.util.Gremlin;
import org.apache.tinkerpop.gremlin.tinkergraph.services.TinkerServiceRegistry;
import org.apache.tinkerpop.gremlin.tinkergraph.structure.TinkerGraph;
import org.apache.tinkerpop.gremlin.util.message.RequestMessage;

/**
 * The graphs there are, by the name of their traversal source, and when they are saved. {@code g} holds the
 * dataset; {@code g_<name>} is made when it is first asked for, and forgotten some time after it became empty.
 * {@code g_read} is {@code g}, read only. {@code g_test_<name>} are never saved. {@code g_system} tells of the
 * server and of its graphs, and has services: {@code g.call('keep', [dataset: hash])} and
 * {@code g.call('restore', ...)} make a reset fast, {@code g.call('save')} writes all graphs that changed,
 * {@code g.call('fill', [dataset: hash, graph: name])} and {@code g.call('forget', [graph: name])} make and drop
 * what a test has for itself.
 *
 * The server learns of sources only: no graph has transactions that it would have to end.
 */
public final class Graphs implements GraphManager {
    static final String DATASET = "g";
    static final String READ_ONLY = "g_read";
    static final String SYSTEM = "g_system";
    static final String ATTEMPTS = "g_attempt_";
    static final String TESTS = "g_test_";

    private static final Pattern NAMES = Pattern.compile("g(_[a-z0-9_]{1,60})?");
    private static final Pattern HASHES = Pattern.compile("[0-9a-f]{8,64}");
    private static final String KEPT_SUFFIX = ".kept";
    private static final int MOST_GRAPHS = 200;
    private static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final long AFTER_FAILURE_MILLIS = 5000;
    /** Saving may take this part of the time: with big graphs it happens less often. */
    private static final int SHARE = 10;
    /** After how long a save makes new requests wait for it, so that a busy graph is saved at all. */
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(2);

    private static final ReadWriteLock LOCK = new ReentrantReadWriteLock();
    /** Held by each request while it runs. */
    static final Lock REQUEST = LOCK.readLock();

    private static volatile Graphs current;

    private final Path folder = Path.of(System.getProperty("sandbox.graphs"));
    private final boolean durable = Boolean.getBoolean("sandbox.durable");
    private final Map<String, StoredGraph> stored = new ConcurrentHashMap<>();
    private final Map<String, TraversalSource> sources = new ConcurrentHashMap<>();
    private final Object saving = new Object();
    private volatile long lastSave = System.nanoTime();
    private volatile Template template;

    /** Made by Gremlin Server. Reads every graph in the folder that the property {@code sandbox.graphs} names. */
    public Graphs(final Settings ignored) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*" + StoredGraph.SUFFIX)) {
            for (final Path file : files) {
                final String name = file.getFileName().toString();
                make(name.substring(0, name.length() - StoredGraph.SUFFIX.length()));
            }
        }
        make(DATASET);
        sources.put(READ_ONLY, stored.get(DATASET).readOnlySource());
        current = this;
    }

    static Graphs current() {
        return current;
    }

    private synchronized void make(final String name) {
        if (stored.containsKey(name)) {
            return;
        }
        try {
            final StoredGraph graph = new StoredGraph(folder.resolve(name + StoredGraph.SUFFIX), durable);
            stored.put(name, graph);
            sources.put(name, graph.source());
        } catch (final IOException problem) {
            throw new UncheckedIOException(problem);
        }
    }

    /** A request asks for a graph: see to it that there is one of that name, if it can be the name of one. */
    synchronized void want(final String name) {
        if (name.equals(SYSTEM)) {
            sources.put(SYSTEM, system());
        } else if (NAMES.matcher(name).matches() && !name.equals(READ_ONLY)) {
            if (!stored.containsKey(name) && stored.size() >= MOST_GRAPHS) {
                forgetIdle();
            }
            if (stored.size() < MOST_GRAPHS) {
                make(name);
            }
            if (stored.containsKey(name)) {
                stored.get(name).lastWanted = System.nanoTime();
                stored.get(name).requests.incrementAndGet();
            }
        }
    }

    private void forgetIdle() {
        final long now = System.nanoTime();
        stored.entrySet().removeIf(each -> {
            final StoredGraph graph = each.getValue();
            final boolean idle = graph.empty() && !graph.changed() && now - graph.lastWanted > IDLE_NANOS
                    && !each.getKey().equals(DATASET);
            if (idle) {
                sources.remove(each.getKey());
            }
            return idle;
        });
    }

    private TraversalSource system() {
        final TinkerGraph system = TinkerGraph.open();
        system.addVertex(T.label, "server", "version", Gremlin.version());
        stored.forEach((name, each) -> system.addVertex(T.label, "graph", "name", name,
                "vertices", each.graph.getVerticesCount(), "edges", each.graph.getEdgesCount(),
                "requests", each.requests.get()));
        final TinkerServiceRegistry services = (TinkerServiceRegistry) system.getServiceRegistry();
        services.registerLambdaService("keep").addStartLambda((context, given) -> alone(() -> keep(given)));
        services.registerLambdaService("save").addStartLambda((context, given) -> saveNow());
        services.registerLambdaService("restore").addStartLambda((context, given) -> alone(() -> restore(given)));
        services.registerLambdaService("fill").addStartLambda((context, given) -> one(fill(given)));
        services.registerLambdaService("forget").addStartLambda((context, given) -> one(forget(given)));
        return system.traversal();
    }

    /** Do something, in the thread of a request, while no other request runs. */
    private static Iterator<Object> alone(final Callable<Boolean> action) {
        REQUEST.unlock();
        LOCK.writeLock().lock();
        try {
            return one(action.call());
        } catch (final Exception problem) {
            throw new IllegalStateException(problem);
        } finally {
            LOCK.writeLock().unlock();
            REQUEST.lock();
        }
    }

    private static Iterator<Object> one(final Object found) {
        return Collections.singleton(found).iterator();
    }

    /** Remember what {@code g} holds now as the dataset of that hash. */
    private boolean keep(final Map<?, ?> given) throws IOException {
        final Path kept = kept(given);
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*" + KEPT_SUFFIX)) {
            for (final Path file : files) {
                Files.delete(file);
            }
        }
        StoredGraph.write(kept, GraphFile.write(stored.get(DATASET).graph), durable);
        return true;
    }

    /** Empty all graphs; then fill {@code g} with what was kept of the dataset. False when nothing was. */
    private boolean restore(final Map<?, ?> given) throws IOException {
        final Path kept = kept(given);
        for (final StoredGraph graph : stored.values()) {
            graph.replace(new byte[0]);
        }
        if (!Files.exists(kept)) {
            return false;
        }
        stored.get(DATASET).replace(Files.readAllBytes(kept));
        return true;
    }

    /** Make a test's graph hold what was kept of the dataset. False when nothing was. Others use their own. */
    private boolean fill(final Map<?, ?> given) {
        final Path kept = kept(given);
        final String name = test(given);
        if (!Files.exists(kept)) {
            return false;
        }
        want(name);
        final StoredGraph graph = stored.get(name);
        if (graph == null) {
            throw new IllegalStateException("There are " + MOST_GRAPHS + " graphs, which is the most there may be");
        }
        try {
            graph.replace(read(kept));
        } catch (final IOException problem) {
            throw new UncheckedIOException(problem);
        }
        return true;
    }

    /** What was kept of a dataset, read once: tests ask for it again and again. */
    private GraphFile read(final Path kept) throws IOException {
        final FileTime written = Files.getLastModifiedTime(kept);
        Template known = template;
        if (known == null || !known.file.equals(kept) || !known.written.equals(written)) {
            known = new Template(kept, written, new GraphFile(Files.readAllBytes(kept)));
            template = known;
        }
        return known.content;
    }

    private record Template(Path file, FileTime written, GraphFile content) {
    }

    /** Drop a test's graph. False when there is none. */
    private synchronized boolean forget(final Map<?, ?> given) {
        final String name = test(given);
        sources.remove(name);
        return stored.remove(name) != null;
    }

    private static String test(final Map<?, ?> given) {
        final String name = String.valueOf(given.get("graph"));
        if (!name.startsWith(TESTS) || !NAMES.matcher(name).matches()) {
            throw new IllegalArgumentException("graph must be the name of one of a test: " + TESTS + "...");
        }
        return name;
    }

    private Path kept(final Map<?, ?> given) {
        final String dataset = String.valueOf(given.get("dataset"));
        if (!HASHES.matcher(dataset).matches()) {
            throw new IllegalArgumentException("dataset must be the hash of one");
        }
        return folder.resolve(dataset + KEPT_SUFFIX);
    }

    /**
     * Write the graphs that changed, if there is a moment when no request runs.
     *
     * @return milliseconds to wait at least before the next time.
     */
    long saveChanged() throws InterruptedException {
        final long began = System.nanoTime();
        if (!anyChanged()) {
            lastSave = began;
            return 0;
        }
        final boolean late = began - lastSave > PATIENCE_NANOS;
        synchronized (saving) {
            if (late ? LOCK.writeLock().tryLock(500, TimeUnit.MILLISECONDS) : LOCK.writeLock().tryLock()) {
                lastSave = System.nanoTime();
                try {
                    save();
                } catch (final IOException | RuntimeException | OutOfMemoryError problem) {
                    // Neither a full disk nor a request that fills the memory must end the server.
                    System.err.println("Graphs could not be saved: " + problem);
                    return AFTER_FAILURE_MILLIS;
                }
            }
        }
        return SHARE * TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
    }

    /** The same for the last time. Waits for requests that run up to some milliseconds; false when one still does. */
    boolean saveAtExit(final long millis) {
        synchronized (saving) {
            try {
                if (!LOCK.writeLock().tryLock(millis, TimeUnit.MILLISECONDS)) {
                    return false;
                }
                save();
            } catch (final InterruptedException | IOException | RuntimeException problem) {
                problem.printStackTrace();
            }
            return true;
        }
    }

    /** Before a request is answered, in its thread: where durability is asked for, what it changed is written. */
    private void saveBeforeAnswer() {
        if (durable && anyChanged()) {
            saveInRequest();
        }
    }

    /** For who copies the files: they hold all that was answered until now. */
    private Iterator<Object> saveNow() {
        saveInRequest();
        return Collections.<Object>singleton(true).iterator();
    }

    private void saveInRequest() {
        REQUEST.unlock();
        try {
            synchronized (saving) {
                LOCK.writeLock().lock();
                save();
            }
        } catch (final IOException problem) {
            throw new UncheckedIOException(problem);
        } finally {
            REQUEST.lock();
        }
    }

    private boolean anyChanged() {
        return stored.values().stream().anyMatch(StoredGraph::changed);
    }

    /** Needs the write lock, and gives it back as soon as the graphs are bytes. */
    private void save() throws IOException {
        final Map<StoredGraph, byte[]> contents = new HashMap<>();
        try {
            try {
                for (final StoredGraph graph : stored.values()) {
                    if (graph.changed()) {
                        contents.put(graph, null);
                        contents.put(graph, graph.snapshot());
                    }
                }
            } finally {
                LOCK.writeLock().unlock();
            }
            for (final Map.Entry<StoredGraph, byte[]> each : contents.entrySet()) {
                each.getKey().write(each.getValue());
            }
        } catch (final IOException | RuntimeException | OutOfMemoryError problem) {
            contents.keySet().forEach(StoredGraph::mark);
            throw problem;
        }
    }

    // -- what Gremlin Server asks for --------------------------------------------------------------------

    @Override
    public Set<String> getTraversalSourceNames() {
        return sources.keySet();
    }

    @Override
    public TraversalSource getTraversalSource(final String name) {
        return sources.get(name);
    }

    @Override
    public void beforeQueryStart(final RequestMessage request) {
        Guard.refuseOtherLanguages(request);
        if (request.getArgs().containsKey(Channels.LESSER)) {
            Memory.lesserBegins();
        }
    }

    @Override
    public Set<String> getGraphNames() {
        return Collections.emptySet();
    }

    @Override
    public Graph getGraph(final String name) {
        return null;
    }

    @Override
    public void putGraph(final String name, final Graph graph) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void putTraversalSource(final String name, final TraversalSource source) {
        throw new UnsupportedOperationException();
    }

    @Override
    public TraversalSource removeTraversalSource(final String name) {
        return null;
    }

    @Override
    public Bindings getAsBindings() {
        return new SimpleBindings();
    }

    @Override
    public void rollbackAll() {
        // No transactions.
    }

    @Override
    public void rollback(final Set<String> names) {
        // No transactions.
    }

    /** Called before a script is answered. */
    @Override
    public void commitAll() {
        saveBeforeAnswer();
    }

    @Override
    public void commit(final Set<String> names) {
        saveBeforeAnswer();
    }

    /** Called before bytecode is answered. */
    @Override
    public void onQuerySuccess(final RequestMessage request) {
        saveBeforeAnswer();
    }

    @Override
    public Graph openGraph(final String name, final Function<String, Graph> supplier) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Graph removeGraph(final String name) {
        return null;
    }
}
