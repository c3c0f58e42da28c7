package sandbox.gremlin;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Map;

import org.apache.tinkerpop.gremlin.server.auth.AuthenticatedUser;
import org.apache.tinkerpop.gremlin.server.auth.AuthenticationException;
import org.apache.tinkerpop.gremlin.server.auth.SimpleAuthenticator;

/** Name and password as the settings list them, in place of a graph of hashed ones: {@code config: {name: password}}. */
public final class Users extends SimpleAuthenticator {
    static final String ADMIN = "admin";

    private Map<String, Object> passwords;

    @Override
    public void setup(final Map<String, Object> config) {
        passwords = config;
    }

    @Override
    public AuthenticatedUser authenticate(final Map<String, String> given) throws AuthenticationException {
        final String name = given.get("username");
        final Object password = passwords.get(name);
        if (password == null || !MessageDigest.isEqual(bytes(password), bytes(given.get("password")))) {
            throw new AuthenticationException("Username and/or password are incorrect");
        }
        return new AuthenticatedUser(name);
    }

    private static byte[] bytes(final Object text) {
        return String.valueOf(text).getBytes(StandardCharsets.UTF_8);
    }
}
