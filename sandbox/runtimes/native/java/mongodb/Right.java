package sandbox.mongodb;

import java.util.Collections;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;

/** What may be done in a database, in steps as large as the built-in roles of MongoDB that there are here. */
enum Right {
    /** Documents: find, count, aggregate. */
    READ,
    /** Which collections and indexes there are, and how large they are. */
    LOOK,
    /** Documents: insert, update, delete. */
    WRITE,
    /** Collections and indexes: create and drop. */
    SHAPE,
    /** The database: drop it. */
    DROP,
    /** Users of the database, and roles on it. */
    USERS;

    private static final Map<String, Set<Right>> ROLES = Map.of(
            "read", EnumSet.of(READ, LOOK),
            "readWrite", EnumSet.of(READ, LOOK, WRITE, SHAPE),
            "dbAdmin", EnumSet.of(LOOK, SHAPE, DROP),
            "userAdmin", EnumSet.of(USERS),
            "dbOwner", EnumSet.allOf(Right.class),
            Users.ROOT, EnumSet.allOf(Right.class));

    static boolean known(String role) {
        return ROLES.containsKey(role);
    }

    static boolean has(String role, Right right) {
        return ROLES.getOrDefault(role, Collections.emptySet()).contains(right);
    }
}
