package sandbox.mongodb;

import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.MongoServerError;
import java.util.Collection;
import java.util.List;
import java.util.Set;

/** What mongo-java-server takes and ignores. Ignored, it would give answers that MongoDB does not give. */
final class Refusals {
    private static final List<String> OF_CREATE = List.of(
            "validator", "validationLevel", "viewOn", "pipeline", "capped", "timeseries", "clusteredIndex",
            "expireAfterSeconds", "encryptedFields", "changeStreamPreAndPostImages");
    private static final List<String> OF_INDEX =
            List.of("expireAfterSeconds", "partialFilterExpression", "wildcardProjection", "weights");
    private static final List<String> OF_FIND = List.of("tailable", "awaitData", "min", "max", "returnKey", "showRecordId");

    private static final List<String> OF_AGGREGATE = List.of("$changeStream", "$indexStats");
    private static final Set<String> IN_PROJECTION = Set.of("$slice", "$elemMatch");

    private Refusals() {}

    static void check(String name, Document query) {
        if (query.containsKey("startTransaction") || query.containsKey("autocommit")) {
            throw new MongoServerError(20, "IllegalOperation",
                    "Transaction numbers are only allowed on a replica set member or mongos");
        }
        refuse(name, query, List.of("collation"));
        switch (name) {
            case "create" -> refuse(name, query, OF_CREATE);
            case "find" -> {
                refuse(name, query, OF_FIND);
                projection(query.get("projection"));
            }
            case "createindexes" -> each(query.get("indexes"), Refusals::index);
            case "update" -> each(query.get("updates"), update -> {
                refuse(name, update, List.of("collation"));
                pipeline(update.get("u"));
            });
            case "delete" -> each(query.get("deletes"), delete -> refuse(name, delete, List.of("collation")));
            case "findandmodify" -> {
                pipeline(query.get("update"));
                projection(query.get("fields"));
            }
            case "aggregate" -> each(query.get("pipeline"), stage -> refuse(name, stage, OF_AGGREGATE));
            default -> { }
        }
    }

    private static void index(Document index) {
        refuse("createIndexes", index, OF_INDEX);
        refuse("createIndexes", index, List.of("collation"));
        if (index.get("key") instanceof Document key) {
            for (String field : key.keySet()) {
                if (key.get(field) instanceof String kind) {
                    throw unsupported("createIndexes with a " + kind + " index");
                }
            }
        }
    }

    /** A computed field of a projection would simply be missing. */
    private static void projection(Object given) {
        if (!(given instanceof Document fields)) {
            return;
        }
        for (String field : fields.keySet()) {
            Object value = fields.get(field);
            boolean computed = value instanceof String
                    || value instanceof Document inner && !IN_PROJECTION.containsAll(inner.keySet());
            if (computed) {
                throw unsupported("a projection that computes the field " + field);
            }
        }
    }

    private static void pipeline(Object update) {
        if (update instanceof Collection<?>) {
            throw unsupported("update with an aggregation pipeline");
        }
    }

    private static void refuse(String command, Document query, List<String> options) {
        for (String option : options) {
            Object value = query.get(option);
            boolean asked = value != null && !Boolean.FALSE.equals(value);
            if (asked && !(value instanceof Document document && document.isEmpty() && option.equals("collation"))) {
                throw unsupported(command + " with " + option);
            }
        }
    }

    private static MongoServerError unsupported(String what) {
        return new MongoServerError(115, "CommandNotSupported", what + " is not supported by this stand-in for MongoDB");
    }

    private interface Check {
        void look(Document document);
    }

    private static void each(Object documents, Check check) {
        if (documents instanceof Collection<?> found) {
            for (Object entry : found) {
                if (entry instanceof Document document) {
                    check.look(document);
                }
            }
        }
    }
}
