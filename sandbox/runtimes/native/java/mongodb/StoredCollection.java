package sandbox.mongodb;

import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.AbstractSynchronizedMongoCollection;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.DocumentWithPosition;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.bson.Document;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.h2.mvstore.MVMap;

/**
 * A collection whose documents lie in a map of the store, by a number that grows: their natural order is that
 * in which they were inserted. What is stored is never changed in place: queries hand out copies.
 */
final class StoredCollection extends AbstractSynchronizedMongoCollection<Long> {
    private final MVMap<Long, Document> documents;
    private int dataSize;

    StoredCollection(
            MongoDatabase database,
            String name,
            CollectionOptions options,
            CursorRegistry cursors,
            MVMap<Long, Document> documents) {
        super(database, name, options, cursors);
        this.documents = documents;
        for (Document document : documents.values()) {
            dataSize += BsonType.encoded(document).writerIndex();
        }
    }

    /** All documents, in their natural order. */
    synchronized List<Document> everything() {
        return List.copyOf(documents.values());
    }

    /** Have documents of another collection in this one, which is empty; {@code size} is that of all in BSON. */
    synchronized void fill(List<Document> all, int size) {
        for (Document document : all) {
            Long position = addDocumentInternal(document);
            getIndexes().forEach(index -> index.add(document, position, this));
        }
        updateDataSize(size);
    }

    @Override
    protected Long addDocumentInternal(Document document) {
        Long last = documents.lastKey();
        Long position = last == null ? 1L : last + 1;
        documents.put(position, document);
        return position;
    }

    @Override
    protected void removeDocument(Long position) {
        documents.remove(position);
    }

    @Override
    protected void handleUpdate(Long position, Document before, Document after) {
        documents.put(position, after);
    }

    @Override
    protected Document getDocument(Long position) {
        return documents.get(position);
    }

    @Override
    protected Stream<DocumentWithPosition<Long>> streamAllDocumentsWithPosition() {
        return documents.entrySet().stream()
                .map(entry -> new DocumentWithPosition<>(entry.getValue(), entry.getKey()));
    }

    @Override
    protected QueryResult matchDocuments(
            Document query, Document orderBy, int skip, int limit, int batchSize, Document fields) {
        Stream<Document> all = documents.values().stream();
        if (isNaturalDescending(orderBy)) {
            all = streamAllDocumentsWithPosition()
                    .sorted(Comparator.comparing(
                            (DocumentWithPosition<Long> entry) -> entry.getPosition()).reversed())
                    .map(DocumentWithPosition::getDocument);
        }
        return matchDocumentsFromStream(all, query, orderBy, skip, limit, batchSize, fields);
    }

    @Override
    protected QueryResult createQueryResult(List<Document> matched, int batchSize) {
        // The server changes what a query gave it, and encodes answers after the lock is released.
        return super.createQueryResult(matched.stream().map(Document::cloneDeeply).toList(), batchSize);
    }

    @Override
    protected void updateDataSize(int delta) {
        dataSize += delta;
    }

    @Override
    protected int getDataSize() {
        return dataSize;
    }

    @Override
    public synchronized int count() {
        return documents.size();
    }

    @Override
    public synchronized boolean isEmpty() {
        return documents.isEmpty();
    }
}
