package sandbox.mongodb;

import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.exception.MongoServerError;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.util.List;

/**
 * Keeps a runaway writer from ending the server: indexes lie in memory, a query brings all that it finds into
 * memory, and a full heap is the end.
 */
final class Room {
    private static final double FULL = 0.75;
    /** The part of the heap that one collection, read whole, may take; it is there twice while it is copied. */
    private static final double ONE_COLLECTION = 0.35;
    /** Bytes of a document in memory, beyond those of its fields, and of fields for each byte of BSON; measured. */
    private static final long DOCUMENT_BYTES = 500;
    private static final long FIELD_BYTES = 9;

    private final List<MemoryPoolMXBean> pools;

    Room() {
        pools = ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(pool -> pool.getType() == MemoryType.HEAP && pool.isUsageThresholdSupported()
                        && pool.isCollectionUsageThresholdSupported() && pool.getUsage().getMax() > 0)
                .toList();
        pools.forEach(pool -> pool.setCollectionUsageThreshold((long) (FULL * pool.getUsage().getMax())));
    }

    /** Refuses what would add to a heap that was still full after it was last cleaned. */
    void check() {
        if (pools.stream().anyMatch(MemoryPoolMXBean::isCollectionUsageThresholdExceeded)) {
            throw full();
        }
    }

    /** Refuses what would add to a collection that a query could hardly read whole. */
    static void check(MongoCollection<?> collection) {
        if (collection != null) {
            long bytes = ((Number) collection.getStats().get("size")).longValue();
            long weight = DOCUMENT_BYTES * collection.count() + FIELD_BYTES * bytes;
            if (weight > ONE_COLLECTION * Runtime.getRuntime().maxMemory()) {
                throw full();
            }
        }
    }

    private static MongoServerError full() {
        return new MongoServerError(146, "ExceededMemoryLimit",
                "this stand-in for MongoDB has no memory left for more documents: delete or drop some");
    }
}
