package sandbox.gremlin;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryUsage;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Ends the requests of lesser users when what is left after a collection of garbage nearly fills the memory. */
final class Memory {
    private static final double NEARLY_FULL = 0.8;
    private static final Set<Thread> LESSER = ConcurrentHashMap.newKeySet();

    private Memory() {
    }

    /** The calling thread now runs a request of a lesser user. */
    static void lesserBegins() {
        LESSER.add(Thread.currentThread());
    }

    /** The calling thread has ended a request, whoever's it was. */
    static void ends() {
        LESSER.remove(Thread.currentThread());
    }

    static void look() {
        final Runtime runtime = Runtime.getRuntime();
        // Cheap in the usual case, and loads no class of the management interface.
        if (LESSER.isEmpty() || runtime.totalMemory() < runtime.maxMemory() / 2 || !full()) {
            return;
        }
        // The figure is that of the last full collection, which may be long ago.
        System.gc();
        if (full()) {
            System.err.println("The memory is nearly full: the requests of learners that run are ended.");
            LESSER.forEach(Thread::interrupt);
        }
    }

    private static boolean full() {
        for (final MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
            final MemoryUsage usage = pool.getCollectionUsage();
            if (pool.getName().contains("Tenured") && usage != null && usage.getUsed() > NEARLY_FULL * usage.getMax()) {
                return true;
            }
        }
        return false;
    }
}
