package sandbox.mongodb;

import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.AbstractSynchronizedMongoDatabase;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.oplog.Oplog;
import java.util.List;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.type.LongDataType;

/**
 * A database whose collections are maps of the store. Indexes are kept in memory and made anew at each start
 * from their descriptions, which are documents like all others.
 */
final class StoredDatabase extends AbstractSynchronizedMongoDatabase<Long> {
    /** What the names of our maps begin with; {@code <database>.<collection>} follows. */
    static final String PREFIX = "collection/";

    private final MVStore store;

    StoredDatabase(String name, CursorRegistry cursors, MVStore store) {
        super(name, cursors);
        this.store = store;
        initializeNamespacesAndIndexes();
    }

    @Override
    protected MongoCollection<Long> openOrCreateCollection(String name, CollectionOptions options) {
        MVMap<Long, Document> documents = store.openMap(
                mapOf(name),
                new MVMap.Builder<Long, Document>().keyType(LongDataType.INSTANCE).valueType(BsonType.INSTANCE));
        return new StoredCollection(this, name, options, cursorRegistry, documents);
    }

    @Override
    protected Index<Long> openOrCreateUniqueIndex(
            String collection, String index, List<IndexKey> keys, boolean sparse) {
        return new UniqueIndex(index, keys, sparse);
    }

    @Override
    public void dropCollection(String name, Oplog oplog) {
        super.dropCollection(name, oplog);
        store.removeMap(mapOf(name));
    }

    @Override
    public void moveCollection(MongoDatabase from, MongoCollection<?> collection, String newName) {
        store.renameMap(store.openMap(PREFIX + collection.getFullName()), mapOf(newName));
        super.moveCollection(from, collection, newName);
    }

    @Override
    protected long getStorageSize() {
        return store.getFileStore().size();
    }

    @Override
    protected long getFileSize() {
        return getStorageSize();
    }

    private String mapOf(String collection) {
        return PREFIX + getFullCollectionNamespace(collection);
    }
}
