package sandbox.mongodb;

import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.AbstractMongoBackend;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.MongoServerError;
import de.bwaldvogel.mongo.wire.message.MongoQuery;
import io.netty.channel.Channel;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.h2.mvstore.MVStore;

/**
 * mongo-java-server's commands on a store of files, with five things added: users, writes that are in the file
 * before they are acknowledged, ordered writes that stop at the first error, a refusal wherever the server would
 * silently do something else than MongoDB, and for tests two commands that make copies of a database.
 */
final class Backend extends AbstractMongoBackend {
    private static final Set<String> BEFORE_LOGIN = Set.of(
            "hello", "ismaster", "ping", "buildinfo", "whatsmyuri", "connectionstatus", "saslstart", "saslcontinue",
            "logout", "endsessions", "getnonce");
    private static final Set<String> WRITES = Set.of(
            "insert", "update", "delete", "findandmodify", "create", "drop", "createindexes", "dropindexes",
            "dropdatabase");
    private static final Set<String> GROWS = Set.of("insert", "update", "findandmodify", "aggregate", "create", "createuser");
    private static final Set<String> USERS = Set.of(
            "createuser", "updateuser", "dropuser", "dropallusersfromdatabase", "dropallrolesfromdatabase", "usersinfo",
            "grantrolestouser", "revokerolesfromuser");
    private static final Map<String, Right> NEEDS = needs();

    private final MVStore store;
    private final boolean sync;
    private final Users users;
    private final Room room = new Room();
    private final String implementation;
    private volatile Template template;

    /** {@code sync}: force each write to the disk, not only to the file. */
    Backend(MVStore store, boolean sync, Users users, String implementation) {
        this.store = store;
        this.sync = sync;
        this.users = users;
        this.implementation = implementation;
        store.getMapNames().stream()
                .filter(name -> name.startsWith(StoredDatabase.PREFIX))
                .map(name -> name.substring(StoredDatabase.PREFIX.length(), name.indexOf('.')))
                .distinct()
                .forEach(this::resolveDatabase);
    }

    @Override
    protected MongoDatabase openOrCreateDatabase(String name) {
        return new StoredDatabase(name, getCursorRegistry(), store);
    }

    @Override
    public QueryResult handleQuery(MongoQuery query) {
        throw new MongoServerError(5739101, "Location5739101", "OP_QUERY is no longer supported");
    }

    @Override
    public Document handleCommand(Channel channel, String database, String command, Document query) {
        String name = command.toLowerCase(Locale.ROOT);
        if (!BEFORE_LOGIN.contains(name)) {
            authorize(channel, database, name, query);
        }
        switch (name) {
            case "hello", "ismaster":
                return hello(channel, database, query);
            case "buildinfo":
                return super.handleCommand(channel, database, command, query).append("implementation", implementation);
            case "saslstart":
                return users.start(channel, database, query);
            case "saslcontinue":
                return users.go(channel, query);
            case "logout":
                return Users.logout(channel);
            case "connectionstatus":
                return Users.status(channel);
            case "endsessions":
                return Users.ok();
            case "listdatabases":
                return listDatabases(channel);
            case "sandboxkeep":
                return keep(database, query);
            case "sandboxfill":
                return committed(() -> fill(database, query));
            default:
                Refusals.check(name, query);
                Document known = name.equals("aggregate") ? renamed(query) : query;
                return changes(name, known)
                        ? committed(() -> write(channel, database, name, command, known))
                        : super.handleCommand(channel, database, command, known);
        }
    }

    /** The stage {@code $set} by the only name that the server knows it by. */
    private static Document renamed(Document query) {
        if (!(query.get("pipeline") instanceof Collection<?> stages)) {
            return query;
        }
        List<Object> known = new ArrayList<>();
        for (Object stage : stages) {
            boolean set = stage instanceof Document document && document.size() == 1 && document.containsKey("$set");
            known.add(set ? new Document("$addFields", ((Document) stage).get("$set")) : stage);
        }
        return query.clone().append("pipeline", known);
    }

    // -- who may ---------------------------------------------------------------------------------------

    private void authorize(Channel channel, String database, String name, Document query) {
        if (!users.stillThere(channel)) {
            throw new MongoServerError(13, "Unauthorized", "Command " + name + " requires authentication");
        }
        boolean allowed;
        if (name.equals("listdatabases")) {
            allowed = true;
        } else if (name.equals("usersinfo")) {
            // Who is asked for decides: see there.
            allowed = true;
        } else if (name.equals("renamecollection")) {
            allowed = mayRename(channel, databaseOf(query.get("renameCollection")), databaseOf(query.get("to")));
        } else if (name.equals("aggregate")) {
            allowed = Users.may(channel, database, Right.READ);
            for (String target : targets(query, database)) {
                allowed &= Users.may(channel, target, Right.WRITE);
            }
        } else {
            Right needed = NEEDS.get(name);
            allowed = needed == null ? Users.isRoot(channel) : Users.may(channel, database, needed);
        }
        if (!allowed) {
            throw Users.unauthorized(database, name);
        }
    }

    private static boolean mayRename(Channel channel, String from, String to) {
        if (from.equals(to)) {
            return Users.may(channel, from, Right.SHAPE);
        }
        return Users.may(channel, from, Right.READ) && Users.may(channel, from, Right.SHAPE)
                && Users.may(channel, to, Right.WRITE);
    }

    private static Map<String, Right> needs() {
        Map<String, Right> needs = new HashMap<>();
        List.of("find", "count", "distinct", "getmore", "killcursors").forEach(name -> needs.put(name, Right.READ));
        List.of("listcollections", "listindexes", "dbstats", "collstats", "validate")
                .forEach(name -> needs.put(name, Right.LOOK));
        List.of("insert", "update", "delete", "findandmodify").forEach(name -> needs.put(name, Right.WRITE));
        List.of("create", "drop", "createindexes", "dropindexes").forEach(name -> needs.put(name, Right.SHAPE));
        needs.put("dropdatabase", Right.DROP);
        USERS.forEach(name -> needs.put(name, Right.USERS));
        return needs;
    }

    private static String databaseOf(Object namespace) {
        return String.valueOf(namespace).split("\\.", 2)[0];
    }

    /** Databases that the last stage of an aggregation writes to. */
    private static List<String> targets(Document query, String database) {
        List<String> found = new ArrayList<>();
        if (query.get("pipeline") instanceof Collection<?> stages) {
            for (Object stage : stages) {
                if (stage instanceof Document document) {
                    for (String writer : List.of("$out", "$merge")) {
                        if (document.containsKey(writer)) {
                            found.add(target(document.get(writer), database));
                        }
                    }
                }
            }
        }
        return found;
    }

    private static String target(Object stage, String database) {
        if (stage instanceof Document document) {
            Object into = document.getOrDefault("into", document);
            if (into instanceof Document place && place.get("db") instanceof String other) {
                return other;
            }
        }
        return database;
    }

    // -- what changes something --------------------------------------------------------------------------

    private interface Change {
        Document make();
    }

    private static boolean changes(String name, Document query) {
        return WRITES.contains(name) || USERS.contains(name) || name.equals("renamecollection")
                || name.equals("aggregate") && !targets(query, "").isEmpty();
    }

    private Document committed(Change change) {
        try {
            return change.make();
        } finally {
            // Also after an error: what came before it was done, and is told as done.
            store.commit();
            if (sync) {
                store.sync();
            }
        }
    }

    /** {@code {sandboxKeep: <any name>, collections: [...]}}: remember what these hold now, as that name alone. */
    private Document keep(String database, Document query) {
        List<String> collections =
                ((Collection<?>) query.get("collections")).stream().map(String::valueOf).toList();
        template = new Template(
                String.valueOf(query.get("sandboxKeep")), (StoredDatabase) resolveDatabase(database), collections);
        return Users.ok();
    }

    /** {@code {sandboxFill: <that name>}}: give it to this database. Answers {@code filled}, false when it is not kept. */
    private Document fill(String database, Document query) {
        room.check();
        Template kept = template;
        boolean known = kept != null && kept.name.equals(query.get("sandboxFill"));
        if (known) {
            kept.into((StoredDatabase) resolveDatabase(database));
        }
        return Users.ok().append("filled", known);
    }

    private Document write(Channel channel, String database, String name, String command, Document query) {
        if (GROWS.contains(name)) {
            room.check();
            if (!name.equals("aggregate") && !name.equals("create")) {
                String collection = String.valueOf(query.get(command));
                Room.check(resolveDatabase(database).resolveCollection(collection, false));
            }
        }
        return switch (name) {
            case "createuser" -> users.create(channel, database, query);
            case "updateuser" -> users.update(channel, database, query);
            case "dropuser" -> users.drop(database, query);
            case "dropallusersfromdatabase" -> users.dropAll(database);
            // There are no roles of a person's own.
            case "dropallrolesfromdatabase" -> Users.ok().append("n", 0);
            case "grantrolestouser" -> users.grant(channel, database, query, false);
            case "revokerolesfromuser" -> users.grant(channel, database, query, true);
            case "usersinfo" -> users.info(channel, database, query);
            case "insert" -> inserted(super.handleCommand(channel, database, command, query), query);
            case "update" -> oneByOne(channel, database, command, query, "updates");
            case "delete" -> oneByOne(channel, database, command, query, "deletes");
            case "dropindexes" -> dropIndexes(channel, database, command, query);
            default -> super.handleCommand(channel, database, command, query);
        };
    }

    /**
     * The server takes a name, and all names, for those of every collection of the database. By its keys it finds
     * the index of this collection alone.
     */
    private Document dropIndexes(Channel channel, String database, String command, Document query) {
        Object asked = query.get("index");
        if (asked instanceof Document) {
            return super.handleCommand(channel, database, command, query);
        }
        Document list = new Document("listIndexes", query.get(command));
        Document cursor = (Document) super.handleCommand(channel, database, "listIndexes", list).get("cursor");
        Map<String, Document> keys = new LinkedHashMap<>();
        for (Object index : (Collection<?>) cursor.get("firstBatch")) {
            keys.put((String) ((Document) index).get("name"), (Document) ((Document) index).get("key"));
        }
        Collection<?> names = asked instanceof Collection<?> several ? several : List.of(String.valueOf(asked));
        if ("*".equals(asked)) {
            names = keys.keySet().stream().filter(name -> !name.equals("_id_")).toList();
        }
        for (Object name : names) {
            if (name.equals("_id_")) {
                throw new MongoServerError(72, "InvalidOptions", "cannot drop _id index");
            }
            if (!keys.containsKey(name)) {
                throw new MongoServerError(27, "IndexNotFound", "index not found with name [" + name + "]");
            }
        }
        for (Object name : names) {
            super.handleCommand(channel, database, command, query.clone().append("index", keys.get(name)));
        }
        return new Document("nIndexesWas", keys.size()).append("ok", 1.0);
    }

    /** The server counts documents that it refused as inserted. */
    private static Document inserted(Document answer, Document query) {
        if (answer.get("writeErrors") instanceof Collection<?> errors && !errors.isEmpty()) {
            int sent = ((Collection<?>) query.get("documents")).size();
            Object first = ((Document) errors.iterator().next()).get("index");
            boolean ordered = !Boolean.FALSE.equals(query.get("ordered"));
            answer.put("n", ordered ? first : Integer.valueOf(sent - errors.size()));
        }
        return answer;
    }

    /** The server goes on after an error whether a batch is ordered or not: so it gets the parts one by one. */
    private Document oneByOne(Channel channel, String database, String command, Document query, String parts) {
        boolean ordered = !Boolean.FALSE.equals(query.get("ordered"));
        int n = 0;
        int modified = 0;
        List<Document> upserted = new ArrayList<>();
        List<Document> errors = new ArrayList<>();
        int index = 0;
        for (Object part : (Collection<?>) query.get(parts)) {
            Document single = query.clone();
            single.put(parts, List.of(part));
            try {
                Document answer = super.handleCommand(channel, database, command, single);
                n += ((Number) answer.get("n")).intValue();
                modified += ((Number) answer.getOrDefault("nModified", 0)).intValue();
                collect(answer.get("upserted"), index, upserted);
                collect(answer.get("writeErrors"), index, errors);
            } catch (MongoServerError error) {
                errors.add(new Document("index", index)
                        .append("code", error.getCode())
                        .append("errmsg", error.getMessageWithoutErrorCode()));
            }
            if (ordered && !errors.isEmpty()) {
                break;
            }
            index++;
        }
        Document answer = new Document("n", n);
        if (parts.equals("updates")) {
            answer.put("nModified", modified);
        }
        if (!upserted.isEmpty()) {
            answer.put("upserted", upserted);
        }
        if (!errors.isEmpty()) {
            answer.put("writeErrors", errors);
        }
        return answer.append("ok", 1.0);
    }

    private static void collect(Object from, int index, List<Document> into) {
        if (from instanceof Collection<?> found) {
            for (Object entry : found) {
                into.add(((Document) entry).clone().append("index", index));
            }
        }
    }

    // -- what the server says of itself --------------------------------------------------------------------

    private Document hello(Channel channel, String database, Document query) {
        Document answer = super.handleCommand(channel, database, "ismaster", query);
        answer.put("isWritablePrimary", true);
        answer.put("helloOk", true);
        if (query.containsKey("saslSupportedMechs")) {
            answer.put("saslSupportedMechs", List.of("SCRAM-SHA-256"));
        }
        return answer;
    }

    /** Databases with something in them which the connection may read. The server lists each that was asked for. */
    private Document listDatabases(Channel channel) {
        List<Document> found = new ArrayList<>();
        long total = 0;
        for (String name : listDatabaseNames().stream().sorted().toList()) {
            MongoDatabase database = resolveDatabase(name);
            if (database.isEmpty() || !Users.mayAnything(channel, name)) {
                continue;
            }
            Document stats = database.handleCommand(channel, "dbstats", new Document(), this::resolveDatabase, oplog);
            long size = ((Number) stats.get("dataSize")).longValue();
            total += size;
            found.add(new Document("name", name).append("sizeOnDisk", size).append("empty", false));
        }
        return new Document("databases", found).append("totalSize", total).append("ok", 1.0);
    }
}
