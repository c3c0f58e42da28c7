package sandbox.mongodb;

import de.bwaldvogel.mongo.bson.BinData;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.MongoServerError;
import io.netty.channel.Channel;
import io.netty.util.AttributeKey;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;

/**
 * Users, their roles, and logins by SCRAM-SHA-256 (RFC 5802 and 7677), none of which mongo-java-server has.
 *
 * Which roles there are, and what they may do, says {@link Right}. The administrator comes from the configuration, other users lie in the store.
 */
final class Users {
    static final String ADMIN = "admin";
    static final String ROOT = "root";
    /** In the place of a database: whichever. */
    private static final String ANY = "*";
    private static final int ITERATIONS = 4096;
    private static final AttributeKey<Login> LOGIN = AttributeKey.valueOf("sandbox.login");

    private final MVMap<String, Document> stored;
    private final Map<String, Document> configured = new HashMap<>();
    private final SecureRandom random = new SecureRandom();

    /** What a connection has got to in its login, and as whom. */
    private static final class Login {
        Document user;
        Document candidate;
        String messages;
        String nonce;
    }

    Users(MVStore store, String administrator, String password) {
        stored = store.openMap("users", new MVMap.Builder<String, Document>().valueType(BsonType.INSTANCE));
        Document root = new Document("role", ROOT).append("db", ADMIN);
        configured.put(key(ADMIN, administrator), describe(ADMIN, administrator, password, List.of(root)));
    }

    // -- commands about users ------------------------------------------------------------------------

    Document create(Channel channel, String database, Document command) {
        String name = (String) command.get("createUser");
        if (find(database, name) != null) {
            throw new MongoServerError(51003, "Location51003", "User \"" + name + "@" + database + "\" already exists");
        }
        if (!(command.get("pwd") instanceof String password) || password.isEmpty()) {
            throw new MongoServerError(2, "BadValue", "Must provide a 'pwd' field for all user documents");
        }
        stored.put(key(database, name), describe(database, name, password, roles(channel, database, command)));
        return ok();
    }

    Document update(Channel channel, String database, Document command) {
        Document user = stored(database, (String) command.get("updateUser"));
        Document changed = user.cloneDeeply();
        if (command.get("pwd") instanceof String password) {
            changed.put("credentials", credentials(password));
        }
        if (command.containsKey("roles")) {
            changed.put("roles", roles(channel, database, command));
        }
        stored.put(key(database, (String) user.get("user")), changed);
        return ok();
    }

    Document grant(Channel channel, String database, Document command, boolean revoke) {
        Document user = stored(database, (String) command.get(revoke ? "revokeRolesFromUser" : "grantRolesToUser"));
        List<Document> roles = new ArrayList<>();
        for (Object role : (Collection<?>) user.get("roles")) {
            roles.add((Document) role);
        }
        for (Document role : roles(channel, database, command)) {
            roles.removeIf(role::equals);
            if (!revoke) {
                roles.add(role);
            }
        }
        stored.put(key(database, (String) user.get("user")), user.clone().append("roles", roles));
        return ok();
    }

    Document drop(String database, Document command) {
        String name = (String) command.get("dropUser");
        stored(database, name);
        stored.remove(key(database, name));
        return ok();
    }

    /** All users of a database, whose connections can do nothing more from then on. */
    Document dropAll(String database) {
        List<String> names = stored.keySet().stream().filter(key -> key.startsWith(key(database, ""))).toList();
        names.forEach(stored::remove);
        return ok("n", names.size());
    }

    Document info(Channel channel, String database, Document command) {
        Object which = command.get("usersInfo");
        String name = which instanceof String text ? text : null;
        String place = database;
        if (which instanceof Document asked) {
            name = (String) asked.get("user");
            place = Boolean.TRUE.equals(asked.get("forAllDBs")) ? null : (String) asked.getOrDefault("db", database);
        }
        if (!may(channel, place == null ? ANY : place, Right.USERS) && !isThem(channel, place, name)) {
            throw unauthorized(place == null ? ADMIN : place, "usersInfo");
        }
        List<Document> found = new ArrayList<>();
        for (Collection<Document> users : List.of(configured.values(), stored.values())) {
            for (Document user : users) {
                if ((place == null || user.get("db").equals(place)) && (name == null || user.get("user").equals(name))) {
                    Document shown = user.cloneDeeply();
                    shown.remove("credentials");
                    shown.put("mechanisms", List.of("SCRAM-SHA-256"));
                    found.add(shown);
                }
            }
        }
        return ok("users", found);
    }

    private Document stored(String database, String name) {
        Document user = stored.get(key(database, name));
        if (user == null) {
            throw new MongoServerError(11, "UserNotFound", "Could not find user \"" + name + "\" for db \"" + database + "\"");
        }
        return user;
    }

    private Document find(String database, String name) {
        Document user = configured.get(key(database, name));
        return user != null ? user : stored.get(key(database, name));
    }

    private static String key(String database, String name) {
        return database + "." + name;
    }

    /** The roles that a command names. Whoever gives or takes one must manage the users of its database. */
    private static List<Document> roles(Channel channel, String database, Document command) {
        if (!(command.get("roles") instanceof Collection<?> given)) {
            throw new MongoServerError(2, "BadValue", "\"" + command.keySet().iterator().next() + "\" had no \"roles\" array");
        }
        List<Document> roles = new ArrayList<>();
        for (Object role : given) {
            Document entry = role instanceof Document document ? document : new Document("role", role);
            String name = String.valueOf(entry.get("role"));
            String place = String.valueOf(entry.getOrDefault("db", database));
            if (!Right.known(name) || name.equals(ROOT) && !place.equals(ADMIN)) {
                throw new MongoServerError(31, "RoleNotFound", "Could not find role: " + name + "@" + place);
            }
            if (!may(channel, name.equals(ROOT) ? ANY : place, Right.USERS)) {
                throw unauthorized(place, "grantRole");
            }
            roles.add(new Document("role", name).append("db", place));
        }
        return roles;
    }

    private Document describe(String database, String name, String password, List<Document> roles) {
        return new Document("_id", key(database, name))
                .append("user", name)
                .append("db", database)
                .append("roles", roles)
                .append("credentials", credentials(password));
    }

    // -- what a connection may do ----------------------------------------------------------------------

    static boolean isRoot(Channel channel) {
        return may(channel, ANY, Right.USERS);
    }

    static MongoServerError unauthorized(String database, String command) {
        return new MongoServerError(13, "Unauthorized",
                "not authorized on " + database + " to execute command { " + command + " }");
    }

    /** Whether it is the connection's own user who is asked for. */
    private static boolean isThem(Channel channel, String database, String name) {
        Login login = channel.attr(LOGIN).get();
        return login != null && login.user != null && login.user.get("db").equals(database)
                && login.user.get("user").equals(name);
    }

    /** Whether the connection's user has any right in the database. */
    static boolean mayAnything(Channel channel, String database) {
        return EnumSet.allOf(Right.class).stream().anyMatch(right -> may(channel, database, right));
    }

    /** Whether the connection's user has that right in the database; root alone has it in {@link #ANY}. */
    static boolean may(Channel channel, String database, Right right) {
        Login login = channel.attr(LOGIN).get();
        if (login == null || login.user == null) {
            return false;
        }
        for (Object entry : (Collection<?>) login.user.get("roles")) {
            Document role = (Document) entry;
            String name = (String) role.get("role");
            if (name.equals(ROOT) || role.get("db").equals(database) && Right.has(name, right)) {
                return true;
            }
        }
        return false;
    }

    static boolean loggedIn(Channel channel) {
        Login login = channel.attr(LOGIN).get();
        return login != null && login.user != null;
    }

    static Document status(Channel channel) {
        Login login = channel.attr(LOGIN).get();
        List<Document> users = new ArrayList<>();
        List<Object> roles = new ArrayList<>();
        if (login != null && login.user != null) {
            users.add(new Document("user", login.user.get("user")).append("db", login.user.get("db")));
            roles.addAll((Collection<?>) login.user.get("roles"));
        }
        return ok("authInfo", new Document("authenticatedUsers", users).append("authenticatedUserRoles", roles));
    }

    /** A dropped or changed user's connections lose what they had; they must log in again. */
    boolean stillThere(Channel channel) {
        Login login = channel.attr(LOGIN).get();
        if (login == null || login.user == null) {
            return false;
        }
        Document now = find((String) login.user.get("db"), (String) login.user.get("user"));
        login.user = now;
        return now != null;
    }

    // -- login -----------------------------------------------------------------------------------------

    Document start(Channel channel, String database, Document command) {
        if (!"SCRAM-SHA-256".equals(command.get("mechanism"))) {
            throw new MongoServerError(334, "MechanismUnavailable",
                    "Received authentication for mechanism " + command.get("mechanism") + " which is not enabled");
        }
        Login login = new Login();
        channel.attr(LOGIN).set(login);
        String first = text(command.get("payload"));
        String bare = first.substring(first.indexOf(',', first.indexOf(',') + 1) + 1);
        Map<String, String> said = attributes(bare);
        String name = said.getOrDefault("n", "").replace("=2C", ",").replace("=3D", "=");
        login.candidate = find(database, name);
        byte[] fresh = new byte[18];
        random.nextBytes(fresh);
        login.nonce = said.get("r") + Base64.getEncoder().encodeToString(fresh);
        // For a name that is not there the answer looks the same; the proof is refused later.
        String salt = login.candidate == null
                ? Base64.getEncoder().encodeToString(hmac(name.getBytes(StandardCharsets.UTF_8), "no such user")).substring(0, 24)
                : (String) ((Document) login.candidate.get("credentials")).get("salt");
        String answer = "r=" + login.nonce + ",s=" + salt + ",i=" + ITERATIONS;
        login.messages = bare + "," + answer;
        return conversation(false, answer);
    }

    Document go(Channel channel, Document command) {
        Login login = channel.attr(LOGIN).get();
        if (login == null) {
            throw new MongoServerError(17, "ProtocolError", "No SASL session state found");
        }
        String last = text(command.get("payload"));
        if (last.isEmpty() && login.user != null) {
            return conversation(true, "");
        }
        Map<String, String> said = attributes(last);
        String messages = login.messages + "," + last.substring(0, Math.max(0, last.lastIndexOf(",p=")));
        if (login.candidate == null || !login.nonce.equals(said.get("r")) || !proven(login.candidate, messages, said.get("p"))) {
            channel.attr(LOGIN).set(null);
            throw new MongoServerError(18, "AuthenticationFailed", "Authentication failed.");
        }
        login.user = login.candidate;
        byte[] serverKey = bytes((String) ((Document) login.user.get("credentials")).get("serverKey"));
        // Drivers that did not ask to skip the last, empty exchange take one more message.
        return conversation(true, "v=" + Base64.getEncoder().encodeToString(hmac(serverKey, messages)));
    }

    static Document logout(Channel channel) {
        channel.attr(LOGIN).set(null);
        return ok();
    }

    private static boolean proven(Document user, String messages, String proof) {
        byte[] storedKey = bytes((String) ((Document) user.get("credentials")).get("storedKey"));
        byte[] signature = hmac(storedKey, messages);
        byte[] clientKey = bytes(proof == null ? "" : proof);
        if (clientKey.length != signature.length) {
            return false;
        }
        for (int i = 0; i < signature.length; i++) {
            clientKey[i] ^= signature[i];
        }
        return MessageDigest.isEqual(sha256(clientKey), storedKey);
    }

    private Document credentials(String password) {
        byte[] salt = new byte[16];
        random.nextBytes(salt);
        try {
            byte[] salted = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256")
                    .generateSecret(new PBEKeySpec(password.toCharArray(), salt, ITERATIONS, 256))
                    .getEncoded();
            Base64.Encoder encoder = Base64.getEncoder();
            return new Document("salt", encoder.encodeToString(salt))
                    .append("storedKey", encoder.encodeToString(sha256(hmac(salted, "Client Key"))))
                    .append("serverKey", encoder.encodeToString(hmac(salted, "Server Key")));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static byte[] hmac(byte[] key, String text) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key.length == 0 ? new byte[1] : key, "HmacSHA256"));
            return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static byte[] bytes(String base64) {
        return Base64.getDecoder().decode(base64);
    }

    private static Map<String, String> attributes(String message) {
        Map<String, String> found = new HashMap<>();
        for (String part : message.split(",")) {
            if (part.length() > 1 && part.charAt(1) == '=') {
                found.put(part.substring(0, 1), part.substring(2));
            }
        }
        return found;
    }

    private static String text(Object payload) {
        return payload instanceof BinData data ? new String(data.getData(), StandardCharsets.UTF_8) : "";
    }

    private static Document conversation(boolean done, String payload) {
        return ok("conversationId", 1)
                .append("done", done)
                .append("payload", new BinData(payload.getBytes(StandardCharsets.UTF_8)));
    }

    static Document ok() {
        return new Document("ok", 1.0);
    }

    private static Document ok(String name, Object value) {
        return new Document(name, value).append("ok", 1.0);
    }
}
