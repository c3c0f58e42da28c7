package sandbox.mongodb;

import de.bwaldvogel.mongo.backend.AbstractUniqueIndex;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.KeyValue;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A unique index in memory, in the order of insertion, so that a query by index gives no random order. */
final class UniqueIndex extends AbstractUniqueIndex<Long> {
    private final Map<KeyValue, Long> positions = new LinkedHashMap<>();

    UniqueIndex(String name, List<IndexKey> keys, boolean sparse) {
        super(name, keys, sparse);
    }

    @Override
    protected synchronized boolean putKeyPosition(KeyValue key, Long position) {
        return positions.putIfAbsent(key, position) == null;
    }

    @Override
    protected synchronized Long removeDocument(KeyValue key) {
        return positions.remove(key);
    }

    @Override
    protected synchronized Long getPosition(KeyValue key) {
        return positions.get(key);
    }

    @Override
    protected synchronized Iterable<Map.Entry<KeyValue, Long>> getIterable() {
        return new ArrayList<>(positions.entrySet());
    }

    @Override
    public synchronized long getCount() {
        return positions.size();
    }

    @Override
    public synchronized boolean isEmpty() {
        return positions.isEmpty();
    }

    @Override
    public long getDataSize() {
        return getCount();
    }
}
