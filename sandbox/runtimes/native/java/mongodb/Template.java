package sandbox.mongodb;

import de.bwaldvogel.mongo.bson.Document;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a database held at a moment, in memory, to be put into others: they share its documents, which nothing
 * changes in place, and what these are as BSON, so that none is encoded again.
 */
final class Template {
    private static volatile Map<Document, byte[]> encoded = Map.of();

    final String name;
    private final Map<String, List<Document>> documents = new LinkedHashMap<>();
    private final Map<String, Integer> sizes = new LinkedHashMap<>();

    Template(String name, StoredDatabase from, List<String> collections) {
        this.name = name;
        Map<Document, byte[]> bytes = new IdentityHashMap<>();
        for (String each : collections) {
            List<Document> all = ((StoredCollection) from.resolveCollection(each, true)).everything();
            int size = 0;
            for (Document document : all) {
                var buffer = BsonType.encoded(document);
                size += buffer.writerIndex();
                bytes.put(document, Arrays.copyOf(buffer.array(), buffer.writerIndex()));
            }
            documents.put(each, all);
            sizes.put(each, size);
        }
        encoded = Collections.unmodifiableMap(bytes);
    }

    /** A document of the last template as BSON; null for every other one. */
    static byte[] bytes(Document document) {
        return encoded.get(document);
    }

    /** Make its collections in a database that has none of these names. */
    void into(StoredDatabase database) {
        documents.forEach((each, all) ->
                ((StoredCollection) database.createCollectionOrThrowIfExists(each)).fill(all, sizes.get(each)));
    }
}
